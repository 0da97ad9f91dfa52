"""pause and unpause: what they print, what they hold back, and who tells it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

FILE = """
    pipelines:
      data: {shell: "echo ran"}
      report: {shell: "true", depends_on: [data]}
      news: {shell: "true"}
    modes: {all: [data, report, news]}
    schedules:
      daily: {mode: all, cron: "0 6 * * *"}
      news: {mode: all, cron: "0 7 * * *"}
"""
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
#: The same for people, in the zone of the machine.
HERE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


@pytest.fixture
def demo(site):
    site.configure(FILE)
    return site


def here(stamp):
    """A time as people are told it on a machine whose zone is UTC."""
    return instant(stamp).strftime("%Y-%m-%d %H:%M:%S UTC")


def instant(text):
    assert re.fullmatch(STAMP, text)
    return datetime.fromisoformat(text)


def decisions(site, *args):
    rows = site.json("run", *args, "--dry-run")["tasks"]
    return {row["id"]: (row["decision"], row["reason"]["code"]) for row in rows}


def test_pause_publishes_what_it_has_paused(demo):
    before = datetime.now(UTC).replace(microsecond=0)
    body = demo.json("pause", "data", "daily", "--until", "2h", "--reason", " new \n disk ")
    assert list(body) == ["schema", "paused"]
    assert body["schema"] == "tetra.pause/1"
    data, daily = body["paused"]
    assert list(data) == ["kind", "name", "since", "until", "reason"]
    assert (data["kind"], data["name"], data["reason"]) == ("pipeline", "data", "new disk")
    assert daily == data | {"kind": "schedule", "name": "daily"}
    assert before <= instant(data["since"]) <= datetime.now(UTC)
    assert instant(data["until"]) - instant(data["since"]) == timedelta(hours=2)


def test_pause_and_unpause_for_people_say_what_became_of_each(demo):
    since = demo.json("pause", "data")["paused"][0]["since"]
    done = demo.run("pause", "data", "daily", "--until", "9999-12-31T23:00:00+01:00", "--reason", "new disk")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0] == f"data: the pipeline is paused since {here(since)} until 9999-12-31 22:00:00 UTC: new disk"
    assert re.fullmatch(
        rf"daily: the schedule is paused since {HERE} until 9999-12-31 22:00:00 UTC: new disk", lines[1]
    )
    assert demo.run("unpause", "data", "report").stdout == (
        "data: the pipeline is no longer paused\nreport: the pipeline was not paused\n"
    )


def test_unpause_publishes_the_pauses_that_it_has_ended(demo):
    paused = demo.json("pause", "data", "--reason", "x")["paused"]
    assert demo.json("unpause", "news", "data") == {"schema": "tetra.unpause/1", "unpaused": paused}
    assert demo.json("unpause", "data") == {"schema": "tetra.unpause/1", "unpaused": []}


def test_a_name_of_both_kinds_means_the_pipeline_unless_schedule_is_said(demo):
    assert demo.json("pause", "news")["paused"][0]["kind"] == "pipeline"
    assert demo.json("pause", "news", "--schedule")["paused"][0]["kind"] == "schedule"
    assert [one["kind"] for one in demo.json("unpause", "news", "--schedule")["unpaused"]] == ["schedule"]
    assert [one["kind"] for one in demo.json("status")["pauses"]] == ["pipeline"]


@pytest.mark.parametrize(
    ("zone", "until", "ends"),
    [
        ("UTC", "9000-01-02", "9000-01-02T00:00:00Z"),
        ("EST5", "9000-01-02", "9000-01-02T05:00:00Z"),
        ("EST5", "9000-01-02T03:00:00.5Z", "9000-01-02T03:00:00.500000Z"),
        ("UTC", "9000-01-02 03:00:00+05:30", "9000-01-01T21:30:00Z"),
    ],
)
def test_a_pause_ends_at_an_instant_or_at_the_beginning_of_a_date_here(demo, zone, until, ends):
    done = demo.run("pause", "data", "--until", until, "--json", env={"TZ": zone})
    assert json.loads(done.stdout)["paused"][0]["until"] == ends


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (
            ["dta"],
            "error: Unknown pipeline or schedule: dta\n"
            "  hint: did you mean 'data'? pipelines: data, report, news; schedules: daily, news\n",
        ),
        (
            ["news", "dailly"],
            "error: Unknown pipeline or schedule: dailly\n"
            "  hint: did you mean 'daily'? schedules: daily, news; pipelines: data, report, news\n",
        ),
        (
            ["data", "--schedule"],
            "error: Unknown schedule: data\n  hint: schedules: daily, news\n",
        ),
        (
            ["data", "--until", "soon"],
            "error: --until 'soon' is not a time\n"
            "  hint: write an instant (2026-03-01T20:00:00Z), a date (2026-03-01) or a duration (2h, 3d)\n",
        ),
        (
            ["data", "--until", "9000-01-01T20:00:00"],
            "error: --until '9000-01-01T20:00:00' is not a time\n"
            "  hint: write an instant (2026-03-01T20:00:00Z), a date (2026-03-01) or a duration (2h, 3d)\n",
        ),
        (
            ["data", "--until", "999999999d"],
            "error: --until '999999999d' is beyond the calendar\n  hint: the years are 1 to 9999\n",
        ),
        (
            ["data", "--until", "9999-12-31T23:59:59-01:00"],
            "error: --until '9999-12-31T23:59:59-01:00' is beyond the calendar\n  hint: the years are 1 to 9999\n",
        ),
        (
            [],
            "error: Missing argument 'NAME...'.\n  hint: `tetra pause --help` lists what it takes\n",
        ),
    ],
)
def test_a_wrong_pause_ends_with_64_says_what_to_do_and_pauses_nothing(demo, args, text):
    done = demo.run("pause", *args)
    assert (done.returncode, done.stdout, done.stderr) == (64, "", text)
    assert demo.json("status")["pauses"] == []


@pytest.mark.parametrize("until", ["2020-01-01", "2020-01-01T20:00:00Z", "0s"])
def test_a_pause_cannot_end_in_the_past(demo, until):
    done = demo.run("pause", "data", "--until", until)
    assert done.returncode == 64
    assert re.fullmatch(
        rf"error: --until '{until}' has passed\n  hint: it is {HERE}; choose a time to come\n", done.stderr
    )


def test_unpause_of_an_unknown_name_ends_with_64(demo):
    done = demo.run("unpause", "dta")
    assert (done.returncode, done.stderr) == (
        64,
        "error: Unknown pipeline or schedule: dta\n"
        "  hint: did you mean 'data'? pipelines: data, report, news; schedules: daily, news\n",
    )


def test_a_mode_runs_without_what_is_paused_and_force_with_it(demo):
    demo.run("pause", "data", "--reason", "new disk")
    assert demo.run("run", "--mode", "all").returncode == 0
    shown = {task["id"]: task for task in demo.json("show")["tasks"]}
    assert {name: task["state"] for name, task in shown.items()} == {
        "data": "skipped", "report": "skipped", "news": "succeeded"
    }  # fmt: skip
    assert shown["data"]["reason"]["code"] == "paused"
    assert re.fullmatch(rf"the pipeline is paused since {STAMP}: new disk", shown["data"]["reason"]["text"])
    assert demo.run("run", "--mode", "all", "--force").returncode == 0
    assert {task["state"] for task in demo.json("show")["tasks"]} == {"succeeded"}


def test_a_run_of_the_paused_pipeline_itself_ends_with_75_until_it_is_unpaused(demo):
    since = demo.json("pause", "data", "--reason", "new\x1b disk")["paused"][0]["since"]
    done = demo.run("run", "--pipeline", "data")
    assert (done.returncode, done.stderr) == (
        75,
        f"error: data cannot start: the pipeline is paused since {since}: new\\x1b disk\n"
        "  hint: end that with `tetra unpause data`, or go ahead regardless with --force\n",
    )
    assert demo.run("run", "--pipeline", "data", "--force").returncode == 0
    demo.run("unpause", "data")
    assert demo.run("run", "--pipeline", "data").returncode == 0


def test_a_dry_run_tells_what_is_paused_and_what_that_holds_back(demo):
    demo.run("pause", "data")
    assert decisions(demo, "--mode", "all") == {
        "data": ("skip", "paused"), "report": ("skip", "upstream_skipped"), "news": ("run", "no_dependencies")
    }  # fmt: skip
    assert decisions(demo, "--pipeline", "data") == {"data": ("wait", "paused")}
    assert decisions(demo, "--mode", "all", "--force")["data"] == ("run", "no_dependencies")


def test_status_shows_what_is_paused_and_why(demo):
    pauses = demo.json("pause", "data", "daily", "--reason", "new\x1b disk")["paused"]
    body = demo.json("status")
    assert {one["name"]: one["state"] for one in body["pipelines"]} == {
        "data": "paused", "report": "idle", "news": "idle"
    }  # fmt: skip
    assert body["pauses"] == pauses
    lines = demo.run("status").stdout.splitlines()
    assert lines[1].split()[:2] == ["data", "paused"]
    since = here(pauses[0]["since"])
    assert lines[4:] == [
        "",
        f"data: the pipeline is paused since {since}: new\\x1b disk",
        f"daily: the schedule is paused since {since}: new\\x1b disk",
    ]


def test_a_paused_pipeline_that_runs_is_running(demo):
    demo.configure("pipelines: {slow: {shell: 'touch up; while ! test -e go; do sleep 0.05; done'}}")
    run = demo.start("run")
    demo.until((demo.root / "up").exists)
    demo.run("pause", "slow")
    assert demo.json("status")["pipelines"][0]["state"] == "running"
    (demo.root / "go").touch()
    run.communicate(timeout=20)
    assert run.returncode == 0
    assert demo.json("status")["pipelines"][0]["state"] == "paused"


def test_schedule_next_marks_the_slots_within_a_pause(demo):
    day = (datetime.now(UTC) + timedelta(days=2)).date()
    demo.run("pause", "daily", "--until", day.isoformat())
    body = demo.json("schedule", "next", "daily", "-n", "3")
    assert [one["paused"] for one in body["slots"]] == [one["slot"] < day.isoformat() for one in body["slots"]]
    assert {one["paused"] for one in body["slots"]} == {True, False}
    table = demo.run("schedule", "next", "daily", "-n", "3").stdout.splitlines()
    assert [line.startswith("daily (paused)  all") for line in table[2:]] == [one["paused"] for one in body["slots"]]


def test_schedule_next_marks_no_slot_before_the_pause_and_none_of_another_schedule(demo):
    demo.run("pause", "daily", "data")
    demo.run("pause", "news")
    assert not any(one["paused"] for one in demo.json("schedule", "next", "news")["slots"])
    assert not any(one["paused"] for one in demo.json("schedule", "next", "--from", "2020-01-01")["slots"])


def test_pause_and_unpause_work_while_the_file_is_broken(demo):
    demo.json("status")
    demo.configure(FILE.replace("depends_on", "depends_no"))
    done = demo.run("pause", "data", "daily", "--json")
    warning = f"warning: {demo.root}/config/orchestration.yaml"
    assert done.returncode == 0
    assert done.stderr.startswith(warning)
    assert done.stderr.endswith("going by how the file was before\n")
    assert [one["name"] for one in json.loads(done.stdout)["paused"]] == ["data", "daily"]
    assert demo.run("unpause", "data").stdout == "data: the pipeline is no longer paused\n"


def test_what_has_left_the_file_can_be_unpaused(demo):
    demo.run("pause", "data", "daily")
    demo.configure("pipelines: {news: {shell: 'true'}}")
    assert demo.run("unpause", "data", "daily").stdout == (
        "data: the pipeline is no longer paused\ndaily: the schedule is no longer paused\n"
    )
    assert demo.run("unpause", "data").returncode == 64
