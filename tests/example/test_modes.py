"""The documented wrappers over recorders: which pipelines each mode calls, with which arguments, how often."""

from __future__ import annotations

from datetime import date

import pytest

DAILY = ("data_pipeline", ["--mode", "daily"])
SCENARIOS = ("scenarios_pipeline", ["--type", "all"])
METRICS = ("metrics_pipeline", ["--scenario", "all"])
ASSESSMENT = ("assessment_pipeline", ["--strategies", "all"])
WEEKLY = [DAILY, SCENARIOS, METRICS, ASSESSMENT]
FULL = [
    ("data_pipeline", ["--mode", "backfill", "--days", "30"]),
    SCENARIOS,
    ("metrics_pipeline", ["--scenario", "all", "--force"]),
    ASSESSMENT,
]


def lines(done):
    return [line[22:] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("wrapper", "args", "calls"),
    [
        ("orchestrator.sh", [], FULL),
        ("orchestrator.sh", ["full"], FULL),
        ("orchestrator.sh", ["daily"], [DAILY]),
        ("orchestrator.sh", ["weekly"], WEEKLY),
        ("run_daily.sh", [], [DAILY]),
        ("run_weekly.sh", [], WEEKLY),
    ],
)
def test_T_051_to_T_054_each_mode_calls_its_pipelines_in_order_with_the_documented_arguments(
    recorded, wrapper, args, calls
):
    done = recorded.wrapper(wrapper, *args)
    assert done.returncode == 0, done.stderr
    assert recorded.calls() == calls
    mode = args[0] if args else {"run_daily.sh": "daily", "run_weekly.sh": "weekly"}.get(wrapper, "full")
    assert lines(done)[0] == f"Starting orchestration in {mode} mode"
    assert lines(done)[-1] == "Orchestration completed"


@pytest.mark.parametrize(("dates", "start", "end"), [([], "2020-01-01", None), (["2019-01-01"], "2019-01-01", None)])
def test_T_055_a_backfill_starts_in_2020_and_ends_today_unless_told_otherwise(recorded, dates, start, end):
    before = date.today().isoformat()  # noqa: DTZ011 - the wrapper asks date(1), which answers in local time
    assert recorded.wrapper("orchestrator.sh", "backfill", *dates, TZ="UTC").returncode == 0
    ((name, args),) = recorded.calls()
    assert (name, args[:4]) == ("data_pipeline", ["--mode", "backfill", "--start-date", start])
    assert args[4] == "--end-date"
    assert args[5] >= before


def test_T_055_a_backfill_takes_both_dates(recorded):
    assert recorded.wrapper("run_backfill.sh", "2019-01-01", "2019-06-30").returncode == 0
    assert recorded.calls() == [
        ("data_pipeline", ["--mode", "backfill", "--start-date", "2019-01-01", "--end-date", "2019-06-30"])
    ]


def test_a_backfill_that_ends_before_it_starts_calls_nothing(recorded):
    done = recorded.wrapper("orchestrator.sh", "backfill", "2020-02-01", "2020-01-01")
    assert done.returncode == 64
    assert lines(done) == ["the start date 2020-02-01 is after the end date 2020-01-01"]
    assert not (recorded.root / "calls.jsonl").exists()


def test_T_056_an_unknown_mode_is_said_and_logged_and_calls_nothing(recorded):
    done = recorded.wrapper("orchestrator.sh", "foo")
    assert done.returncode == 64
    assert lines(done) == ["Unknown mode: foo"]
    assert not (recorded.root / "calls.jsonl").exists()


def test_T_064_to_T_067_a_pipeline_that_fails_twice_is_retried_and_the_chain_goes_on(recorded):
    recorded.fail("data_pipeline", 2)
    done = recorded.wrapper("orchestrator.sh", "weekly", TETRA_RETRY_DELAY="0")
    assert done.returncode == 0, done.stdout
    assert recorded.calls() == [DAILY, DAILY, *WEEKLY]
    assert [line for line in lines(done) if "retrying" in line] == ["data_pipeline failed, retrying..."] * 2
    assert "Running data_pipeline (attempt 3)" in lines(done)


def test_T_057_a_pipeline_that_fails_for_good_stops_the_chain(recorded):
    recorded.fail("scenarios_pipeline", 9)
    done = recorded.wrapper("orchestrator.sh", "weekly", TETRA_RETRY_DELAY="0")
    assert done.returncode == 2
    assert recorded.calls() == [DAILY, SCENARIOS, SCENARIOS, SCENARIOS]
    assert lines(done).count("ERROR: scenarios_pipeline failed after 3 attempts") == 1
    assert "Orchestration completed" not in lines(done)


def test_T_077_to_T_081_run_full_pipeline_runs_the_four_stages_once_and_counts_them(recorded):
    done = recorded.wrapper("run_full_pipeline.sh")
    assert done.returncode == 0, done.stderr
    assert recorded.calls() == WEEKLY
    assert done.stdout.splitlines() == [
        "Starting full pipeline execution...",
        "Step 1/4: Running Data Pipeline...",
        "Step 2/4: Running Scenarios Pipeline...",
        "Step 3/4: Running Metrics Pipeline...",
        "Step 4/4: Running Assessment Pipeline...",
        "Full pipeline execution completed successfully!",
    ]


def test_T_080_run_full_pipeline_does_not_retry_and_says_which_stage_failed(recorded):
    recorded.fail("metrics_pipeline", 1)
    done = recorded.wrapper("run_full_pipeline.sh")
    assert done.returncode == 2
    assert recorded.calls() == [DAILY, SCENARIOS, METRICS]
    assert "Metrics Pipeline failed" in done.stdout.splitlines()
    assert "completed successfully" not in done.stdout


def test_T_082_a_desktop_notification_is_sent_where_osascript_is(recorded, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    fake = tools / "osascript"
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/told"\n')
    fake.chmod(0o755)
    assert recorded.wrapper("run_full_pipeline.sh", PATH=f"{tools}:/usr/bin:/bin").returncode == 0
    assert (tmp_path / "told").read_text().splitlines() == [
        "-e",
        'display notification "Pipeline completed" with title "Tetra market pipelines"',
    ]


def test_the_wrapper_s_exit_codes_and_options_are_the_command_s_own(recorded):
    done = recorded.wrapper("orchestrator.sh", "weekly", "--pipeline", "data_pipeline")
    assert done.returncode == 0
    assert recorded.calls() == [DAILY]
    assert recorded.wrapper("orchestrator.sh", "weekly", "--nonsense").returncode == 64
