"""`backfill` as a user meets it: the slices, what is told of them, and what becomes of one that is cut short."""

from __future__ import annotations

import os
import signal

import pytest

CONFIG = """
host: {max_parallel: 4}
pools: {warehouse: 1}
pipelines:
  load:
    shell: 'test ! -e stop-{partition.start} && echo {partition.start} {partition.end} {params.tag} >> calls'
  slow: {shell: 'echo $$ >> pids; while test -e hold; do sleep 0.02; done; echo {partition.start} >> calls'}
  other: {shell: 'while test -e hold; do sleep 0.02; done'}
params: {tag: {type: str, default: x}}
modes:
  daily: {partition: day, pipelines: [load]}
  plain: {partition: range, pipelines: [load]}
  slow: {partition: day, pipelines: [slow]}
  undated: [other]
"""
JANUARY = ("--from", "2026-01-01", "--to", "2026-01-03")


@pytest.fixture
def project(site):
    site.configure(CONFIG)
    return site


def calls(site):
    path = site.root / "calls"
    return path.read_text().splitlines() if path.exists() else []


def lines(done):
    """What was printed, with ids and durations left out."""
    return [
        " ".join("ID" if word.startswith("bf-") else word for word in line.split()) for line in done.stdout.splitlines()
    ]


def the_backfill(site, *options):
    return site.json("backfill", "status", *options)


def hold(site):
    (site.root / "hold").touch()


def let_go(site):
    (site.root / "hold").unlink()


def pids(site):
    """How many processes of the mode `slow` have begun."""
    path = site.root / "pids"
    return len(path.read_text().split()) if path.exists() else 0


def state(site):
    return the_backfill(site)["state"] if site.json("backfill", "list")["backfills"] else None


# -- ordering -------------------------------------------------------------------------------------------------------


def test_a_mode_is_run_for_each_slice_and_every_slice_is_told(project):
    done = project.run("backfill", "--mode", "daily", *JANUARY, "--param", "tag=y")
    assert done.returncode == 0, done.stderr
    told = lines(done)
    assert told[0] == "backfill ID 3 partitions to run, no telling how long it takes until one has run"
    assert [line.rpartition(" in ")[0] for line in told[1:-1]] == [f"2026-01-0{day} succeeded" for day in (1, 2, 3)]
    assert told[-1] == "backfill ID succeeded: 3 succeeded"
    assert calls(project) == [f"2026-01-0{day} 2026-01-0{day} y" for day in (1, 2, 3)]
    runs = project.json("show")["run"]
    assert (runs["trigger"], runs["partition"]) == ("backfill", {"start": "2026-01-03", "end": "2026-01-03"})


def test_the_slices_can_be_chosen_on_the_command_line(project):
    assert project.run("backfill", "--mode", "plain", "--from", "2026-01-30", "--to", "2026-03-02").returncode == 0
    assert (
        project.run(
            "backfill",
            "--mode",
            "plain",
            "--from",
            "2026-01-30",
            "--to",
            "2026-03-02",
            "--partition",
            "month",
            "--newest-first",
        ).returncode
        == 0
    )
    assert calls(project) == [
        "2026-01-30 2026-03-02 x",
        "2026-03-01 2026-03-02 x",
        "2026-02-01 2026-02-28 x",
        "2026-01-30 2026-01-31 x",
    ]


def test_a_rule_begins_slices_at_its_slots(project):
    assert project.run("backfill", "--mode", "plain", *JANUARY, "--cron", "0 12 2,3 * *").returncode == 0
    assert calls(project) == [
        "2026-01-02T12:00:00Z 2026-01-03T12:00:00Z x",
        "2026-01-03T12:00:00Z 2026-02-02T12:00:00Z x",
    ]


def test_only_what_is_missing_is_run_unless_more_is_asked_for(project):
    project.write("stop-2026-01-02", "")
    assert project.run("backfill", "--mode", "daily", *JANUARY).returncode == 2
    (project.root / "stop-2026-01-02").unlink()
    wider = ("--from", "2026-01-01", "--to", "2026-01-04")
    assert project.run("backfill", "--mode", "daily", *wider).returncode == 0
    assert [call[:10] for call in calls(project)] == ["2026-01-01", "2026-01-03", "2026-01-02", "2026-01-04"]
    again = project.run("backfill", "--mode", "daily", *wider)
    assert again.returncode == 0
    assert again.stdout.startswith(
        "nothing is missing from 2026-01-01 to 2026-01-04: 2026-01-01 is left out, as it succeeded in run "
    )
    assert len(calls(project)) == 4
    assert project.run("backfill", "--mode", "daily", *wider, "--only", "all").returncode == 0
    assert len(calls(project)) == 8
    assert [one["counts"] for one in project.json("backfill", "list")["backfills"]] == [
        {"succeeded": 4},
        {"skipped": 2, "succeeded": 2},
        {"succeeded": 2, "failed": 1},
    ]


def test_a_success_of_only_a_part_of_the_mode_leaves_its_slice_missing(site):
    site.configure("""
pipelines:
  load: {tasks: {get: {shell: 'true'}, put: {shell: 'true', depends_on: [get]}}}
  other: {shell: 'true'}
modes:
  daily: {partition: day, pipelines: [load, other]}
""")

    def one_day(day, *options):
        assert site.run("run", "--mode", "daily", "--start-date", day, "--end-date", day, *options).returncode == 0

    one_day("2026-01-01", "--pipeline", "other")
    one_day("2026-01-02", "--until", "load.get")
    site.run("pause", "load")
    one_day("2026-01-03")
    site.run("unpause", "load")
    one_day("2026-01-04")
    asked = ("--mode", "daily", "--from", "2026-01-01", "--to", "2026-01-04")
    planned = site.json("backfill", *asked, "--dry-run")["partitions"]
    assert [one["decision"] for one in planned] == ["run", "run", "run", "skip"]


def test_a_slice_whose_run_was_killed_is_missing(project):
    hold(project)
    dates = ("--start-date", "2026-01-02", "--end-date", "2026-01-02")
    for number, options in enumerate((["--dry-run"], []), start=1):
        killed = project.start("run", "--mode", "slow", *dates)
        project.until(lambda: pids(project) == number)  # noqa: B023
        killed.kill()
        killed.communicate(timeout=30)
        if not options:
            let_go(project)
        planned = project.json("backfill", "--mode", "slow", *JANUARY, *options)["partitions"]
        assert [one.get("decision", one.get("state")) for one in planned] == ["run" if options else "succeeded"] * 3


def test_nothing_is_kept_of_a_backfill_whose_parameters_are_wrong(project):
    done = project.run("backfill", "--mode", "daily", *JANUARY, "--param", "tags=y")
    assert (done.returncode, done.stderr) == (
        64,
        "error: Unknown parameter: tags\n  hint: did you mean 'tag'? parameters: tag\n",
    )
    assert project.json("backfill", "list")["backfills"] == []


def test_a_dry_run_says_what_would_be_run_and_starts_nothing(project):
    assert project.run("backfill", "--mode", "daily", "--from", "2026-01-02", "--to", "2026-01-02").returncode == 0
    done = project.run("backfill", "--mode", "daily", *JANUARY, "--dry-run")
    assert done.returncode == 0
    told = lines(done)
    assert told[0] == "Would run 2 of 3 partitions of mode daily:"
    assert told[4].startswith("2026-01-01 2026-01-01 run it has not been run ")
    assert told[5].startswith("2026-01-02 2026-01-02 skip it succeeded in run ")
    assert told[-2].startswith("total: about ")
    assert told[-1].startswith("expected finish: ")
    found = project.json("backfill", "--mode", "daily", *JANUARY, "--dry-run")
    assert found["schema"] == "tetra.backfill/1"
    assert [one["decision"] for one in found["partitions"]] == ["run", "skip", "run"]
    assert found["partitions"][0]["reason"] == {"code": "missing", "text": "it has not been run"}
    assert found["left_s"] == pytest.approx(2 * found["each_s"])
    assert len(calls(project)) == 1


def test_the_end_is_one_object_as_json(project):
    found = project.json("backfill", "--mode", "daily", *JANUARY)
    assert (found["schema"], found["state"], found["counts"]) == ("tetra.backfill/1", "succeeded", {"succeeded": 3})
    assert [one["state"] for one in found["partitions"]] == ["succeeded"] * 3


def test_several_slices_are_run_at_the_same_time(project):
    hold(project)
    driver = project.start("backfill", "--mode", "slow", *JANUARY, "--parallel", "3")
    project.until(lambda: the_backfill(project).get("counts") == {"running": 3} if state(project) else False)
    let_go(project)
    out, err = driver.communicate(timeout=30)
    assert driver.returncode == 0, err
    assert sorted(calls(project)) == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert out.count("succeeded in") == 3


def test_a_pool_bounds_how_many_slices_run_at_the_same_time(project):
    project.configure(CONFIG.replace("slow: {shell:", "slow: {pool: warehouse, shell:", 1))
    hold(project)
    driver = project.start("backfill", "--mode", "slow", *JANUARY, "--parallel", "3")
    project.until(lambda: pids(project))
    let_go(project)
    assert driver.wait(30) == 0
    driver.communicate()
    assert sorted(calls(project)) == ["2026-01-01", "2026-01-02", "2026-01-03"]


# -- run ------------------------------------------------------------------------------------------------------------


def test_a_run_of_a_sliced_mode_runs_its_slices(project):
    done = project.run("run", "--mode", "daily", "--start-date", "2026-01-01", "--end-date", "2026-01-02")
    assert done.returncode == 0, done.stderr
    assert [call[:10] for call in calls(project)] == ["2026-01-01", "2026-01-02"]
    assert the_backfill(project)["state"] == "succeeded"


def test_a_run_for_one_slice_is_a_run_like_any_other(project):
    done = project.run("run", "--mode", "daily", "--start-date", "2026-01-01", "--end-date", "2026-01-01")
    assert done.returncode == 0, done.stderr
    assert project.json("backfill", "list")["backfills"] == []
    assert project.json("backfill", "--mode", "daily", *JANUARY, "--dry-run")["partitions"][0]["decision"] == "skip"


def test_a_sliced_mode_is_no_warning_any_more(project):
    assert project.json("validate")["warnings"] == []


# -- cut short ------------------------------------------------------------------------------------------------------


def test_a_backfill_that_was_killed_goes_on_when_it_is_continued(project):
    hold(project)
    driver = project.start("backfill", "--mode", "slow", *JANUARY)
    project.until(lambda: pids(project))
    driver.kill()
    driver.communicate()
    found = the_backfill(project)
    assert (found["state"], found["counts"], found["driven"]) == ("running", {"pending": 3}, False)
    driver = project.start("backfill", "continue")
    project.until(lambda: pids(project) == 2)  # what had survived the first is ended
    let_go(project)
    assert driver.wait(30) == 0
    driver.communicate()
    assert calls(project) == ["2026-01-01", "2026-01-02", "2026-01-03"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("parallel", ["1", "3"])
def test_a_signal_ends_what_runs_and_says_how_to_go_on(project, number, code, parallel):
    hold(project)
    driver = project.start("backfill", "--mode", "slow", *JANUARY, "--parallel", parallel)
    project.until(lambda: pids(project))
    driver.send_signal(number)
    out, _ = driver.communicate(timeout=30)
    assert driver.returncode == code
    [backfill] = project.json("backfill", "list")["backfills"]
    name = backfill["backfill_id"]
    assert out.splitlines()[-1] == (
        f"backfill {name} is not over: 3 pending; `tetra backfill continue {name}` goes on with it"
    )
    let_go(project)
    assert project.run("backfill", "continue", name).returncode == 0
    assert sorted(calls(project)) == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_a_crew_whose_driver_was_killed_ends_with_the_slices_that_it_is_at(project):
    hold(project)
    driver = project.start(
        "backfill", "--mode", "slow", "--from", "2026-01-01", "--to", "2026-01-09", "--parallel", "2"
    )
    project.until(lambda: pids(project) == 2)
    driver.kill()
    driver.wait()
    let_go(project)
    driver.communicate()  # its output ends with the last of the crew
    found = the_backfill(project)
    assert (found["driven"], found["counts"]) == (False, {"succeeded": 2, "pending": 7})


def cut_short(project, *dates):
    """Kill the driver of a backfill with the slice that it was at; returns the id of the backfill."""
    hold(project)
    before = pids(project)
    driver = project.start("backfill", "--mode", "slow", *dates)
    project.until(lambda: pids(project) > before)
    driver.kill()
    driver.communicate()
    os.killpg(int((project.root / "pids").read_text().split()[-1]), signal.SIGKILL)
    let_go(project)
    return the_backfill(project)["backfill_id"]


def test_the_start_of_the_machine_goes_on_with_what_was_cut_short(project):
    name = cut_short(project, *JANUARY)
    assert project.run("fire", "--boot", "--by", "foreground").returncode == 0
    project.until(lambda: state(project) == "succeeded", 20)
    assert calls(project) == ["2026-01-01", "2026-01-02", "2026-01-03"]
    log = (project.root / "logs" / "demo_orchestrator.log").read_text()
    assert log.endswith(f"backfill {name} succeeded: 3 succeeded\n")


def test_the_start_of_the_machine_leaves_alone_what_is_paused(project):
    name = cut_short(project, *JANUARY)
    assert project.run("backfill", "pause", name).returncode == 0
    assert project.run("fire", "--boot", "--by", "foreground").returncode == 0
    assert (state(project), calls(project)) == ("paused", [])
    assert not (project.root / "logs" / "demo_orchestrator.log").exists()


def test_it_goes_on_with_the_configuration_that_it_was_ordered_with(project):
    project.write("stop-2026-01-02", "")
    assert project.run("backfill", "--mode", "daily", *JANUARY).returncode == 2
    (project.root / "stop-2026-01-02").unlink()
    project.configure(CONFIG.replace("default: x", "default: z"))
    assert project.run("backfill", "continue").returncode == 0
    assert calls(project)[-1] == "2026-01-02 2026-01-02 x"


# -- control --------------------------------------------------------------------------------------------------------


def test_a_paused_backfill_ends_with_the_slice_that_runs_and_goes_on_when_it_is_continued(project):
    hold(project)
    driver = project.start("backfill", "--mode", "slow", *JANUARY)
    project.until(lambda: pids(project))
    name = the_backfill(project)["backfill_id"]
    done = project.run("backfill", "pause", name)
    assert (done.returncode, done.stdout) == (
        0, f"backfill {name} is paused; 1 that runs will end; `tetra backfill continue {name}` goes on\n"
    )  # fmt: skip
    let_go(project)
    out, _ = driver.communicate(timeout=30)
    assert driver.returncode == 75
    assert out.splitlines()[-1] == (
        f"backfill {name} is paused: 1 succeeded, 2 pending; `tetra backfill continue {name}` goes on with it"
    )
    assert project.run("backfill", "continue").returncode == 0
    assert calls(project) == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_a_cancelled_backfill_ends_what_runs_and_is_over(project):
    hold(project)
    driver = project.start("backfill", "--mode", "slow", *JANUARY, "--parallel", "2")
    project.until(lambda: pids(project) == 2)
    name = the_backfill(project)["backfill_id"]
    done = project.run("backfill", "cancel", name)
    assert (done.returncode, done.stdout) == (0, f"backfill {name} is cancelled\n")
    told = driver.communicate(timeout=30)[0]
    assert driver.returncode == 2
    assert sorted(line.split(" in ")[0] for line in told.splitlines() if line.startswith("2026")) == [
        "2026-01-01 was cancelled",
        "2026-01-02 was cancelled",
    ]
    assert the_backfill(project)["counts"] == {"cancelled": 2, "pending": 1}
    refused = project.run("backfill", "continue", name)
    assert (refused.returncode, refused.stderr) == (
        64,
        f"error: backfill {name} is over: cancelled\n"
        "  hint: `tetra backfill --only missing` orders one of what is missing now\n",
    )


def test_two_cannot_drive_the_same_backfill(project):
    hold(project)
    driver = project.start("backfill", "--mode", "slow", *JANUARY)
    project.until(lambda: pids(project))
    name = the_backfill(project)["backfill_id"]
    refused = project.run("backfill", "continue", name)
    assert (refused.returncode, refused.stderr) == (
        75,
        f"error: the backfill '{name}' is already being run by pid {driver.pid}, `tetra backfill`\n"
        f"  hint: `tetra backfill status {name}` tells how far it is, `tetra backfill pause {name}` holds it\n",
    )
    let_go(project)
    driver.communicate(timeout=30)


def test_a_paused_pipeline_is_not_passed_over(project):
    assert project.run("pause", "load").returncode == 0
    refused = project.run("backfill", "--mode", "daily", *JANUARY)
    assert refused.returncode == 75
    assert "load cannot start: the pipeline is paused since " in refused.stderr
    assert the_backfill(project)["counts"] == {"pending": 3}
    assert project.run("unpause", "load").returncode == 0
    assert project.run("backfill", "continue").returncode == 0


# -- how it stands --------------------------------------------------------------------------------------------------


def test_the_grid_is_a_calendar_of_signs_that_fits_a_terminal(project):
    project.write("stop-2025-12-31", "")
    done = project.run("backfill", "--mode", "daily", "--from", "2025-12-30", "--to", "2026-01-02")
    assert done.returncode == 2
    shown = project.run("backfill", "status").stdout.splitlines()
    assert shown[1] == "failed: 3 succeeded, 1 failed"
    assert shown[3:] == [
        "        1    6    11   16   21   26   31",
        "2025-12                              #X",
        "2026-01 ##",
        "",
        "# succeeded  X failed",
    ]
    assert max(map(len, shown)) <= 80


def test_slices_that_are_no_days_are_in_rows(project):
    assert project.run("backfill", "--mode", "plain", *JANUARY, "--partition", "week").returncode == 0
    shown = project.run("backfill", "status").stdout.splitlines()
    assert shown[-3:] == ["2026-01-01           #", "", "# succeeded"]


# -- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "a backfill runs a mode: --mode is missing\n  hint: `tetra backfill list` shows earlier ones\n"),
        (["--mode", "nope", *JANUARY], "Unknown mode: nope\n  hint: modes: daily, plain, slow, undated\n"),
        (
            ["--mode", "undated", *JANUARY],
            "mode 'undated' takes no dates\n  hint: give the mode a `partition: day`, and its tasks {partition.start} "
            "and {partition.end}\n",
        ),
        (
            ["--mode", "daily", "--from", "2026-01-01"],
            "mode 'daily' runs over a range of dates: --to is missing\n  hint: give both as YYYY-MM-DD\n",
        ),
        (
            ["--mode", "daily", "--from", "yesterday", "--to", "2026-01-01"],
            "--from 'yesterday' is not a date\n  hint: write it as YYYY-MM-DD, such as 2020-01-31\n",
        ),
        (
            ["--mode", "daily", "--from", "2026-01-02", "--to", "2026-01-01"],
            "the start date 2026-01-02 is after the end date 2026-01-01\n  hint: swap the two dates\n",
        ),
        (
            ["--mode", "daily", *JANUARY, "--partition", "cron"],
            '--partition cron needs a rule\n  hint: give it as --cron "0 6 * * *"\n',
        ),
        (
            ["--mode", "daily", *JANUARY, "--partition", "day", "--cron", "0 6 * * *"],
            "--cron does not go with --partition day\n  hint: leave out one of the two; --cron is `--partition cron` "
            "with its rule\n",
        ),
        (
            ["--mode", "daily", *JANUARY, "--param", "tag"],
            "--param 'tag' is not NAME=VALUE\n  hint: write it as --param name=value\n",
        ),
        (["status"], "there is no backfill yet\n  hint: order one with `tetra backfill --mode M --from D --to D`\n"),
        (["pause", "bf-1"], "there is no backfill 'bf-1'\n  hint: the latest are: none yet\n"),
        (
            ["--mode", "daily", "status"],
            "`backfill status` does not start one: it takes no --mode, --from or --to\n"
            "  hint: leave those out, or leave out the word\n",
        ),
        (
            ["--config", "other.yaml", "status"],
            "--config stands before `status`\n  hint: write it behind: `tetra backfill status --config`\n",
        ),
    ],
)
def test_a_mistake_is_named_with_its_remedy(project, args, message):
    done = project.run("backfill", *args)
    assert (done.returncode, done.stdout, done.stderr) == (64, "", f"error: {message}")
    assert calls(project) == []


def test_a_part_of_a_sliced_mode_cannot_be_run_for_several_slices(project):
    dates = ("--start-date", "2026-01-01", "--end-date", "2026-01-02")
    done = project.run("run", "--mode", "daily", *dates, "--pipeline", "load")
    assert (done.returncode, done.stderr) == (
        64,
        "error: mode 'daily' is run slice by slice (day), and --pipeline is for a single run\n"
        "  hint: leave it out, or choose dates within one slice\n",
    )
