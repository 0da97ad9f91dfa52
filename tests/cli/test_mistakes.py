"""What a user gets wrong, and the whole text of the answer."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

FILE = """
    pipelines:
      data: {shell: "true"}
    modes:
      daily: [data]
      backfill: {partition: range, pipelines: [{data: ["{partition.start}", "{partition.end}"]}]}
"""


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (
            ["run", "--mode", "dayly"],
            "error: Unknown mode: dayly\n  hint: did you mean 'daily'? modes: daily, backfill\n",
        ),
        (
            ["run", "--pipeline", "date"],
            "error: Unknown pipeline: date\n  hint: did you mean 'data'? pipelines: data\n",
        ),
        (
            ["run", "--mode", "backfill", "--start-date", "2020-02-01", "--end-date", "2020-01-01"],
            "error: the start date 2020-02-01 is after the end date 2020-01-01\n  hint: swap the two dates\n",
        ),
        (
            ["run", "--mode", "backfill", "--start-date", "2020-02-30", "--end-date", "2020-03-01"],
            "error: --start-date '2020-02-30' is not a date\n  hint: write it as YYYY-MM-DD, such as 2020-01-31\n",
        ),
        (
            ["run", "--mode", "backfill"],
            "error: mode 'backfill' runs over a range of dates: --start-date is missing\n"
            "  hint: give both as YYYY-MM-DD\n",
        ),
        (
            ["run", "--mode", "daily", "--start-date", "2020-01-01", "--end-date", "2020-01-02"],
            "error: mode 'daily' takes no dates\n"
            "  hint: leave out --start-date and --end-date, or give the mode a `partition: range`\n",
        ),
        (
            ["run", "--param", "x"],
            "error: --param 'x' is not NAME=VALUE\n  hint: write it as --param name=value\n",
        ),
        (
            ["show", "nope"],
            "error: there is no run 'nope'\n  hint: the latest are: none yet\n",
        ),
        (
            ["logs"],
            "error: nothing has run yet\n  hint: start it with `tetra run --mode MODE`\n",
        ),
        (
            ["schedule", "next", "weekly"],
            "error: Unknown schedule: weekly\n  hint: schedules: none\n",
        ),
        (
            ["schedule", "next", "--cron", "0 0 12 * * *"],
            "error: the rule '0 0 12 * * *' has 6 fields instead of 5\n"
            "  hint: leave out the seconds: the fields are minute, hour, day of month, month, day of week\n",
        ),
        (
            ["schedule", "next", "--cron", "@dayly"],
            "error: the rule '@dayly' is not known\n  hint: did you mean '@daily'?\n",
        ),
        (
            ["schedule", "next", "--cron", "@daily", "--tz", "America"],
            "error: there is no time zone 'America'\n  hint: use an IANA name, such as Europe/Paris\n",
        ),
        (
            ["schedule", "next", "--cron", "@daily", "--from", "9999-12-31T23:59:59Z"],
            "error: --from '9999-12-31T23:59:59Z' is beyond the calendar\n  hint: the years are 1 to 9999\n",
        ),
        (
            ["cancel", "latest"],
            "error: no run is active\n  hint: `tetra show` tells how the latest one went\n",
        ),
        (
            ["run", "daily"],
            "error: unexpected argument: daily\n"
            "  hint: a mode is given as `run --mode daily`, a pipeline as `run --pipeline daily`\n",
        ),
        (
            ["plan", "daily"],
            "error: unexpected argument: daily\n"
            "  hint: a mode is given as `plan --mode daily`, a pipeline as `plan --pipeline daily`\n",
        ),
        (
            ["run", "--moed", "daily"],
            "error: No such option: --moed (Possible options: --force, --mode, --on)\n"
            "  hint: `tetra run --help` lists what it takes\n",
        ),
        (
            ["rnu"],
            "error: No such command 'rnu'. Did you mean 'run'?\n  hint: `tetra --help` lists what it takes\n",
        ),
        (["run", "--mode", ""], "error: Unknown mode: \n  hint: modes: daily, backfill\n"),
        (
            ["cache"],
            "error: `cache` needs a command: list, clear\n  hint: `tetra cache --help` lists what it takes\n",
        ),
        (
            ["cache", "clear", "data"],
            "error: unexpected argument: data\n  hint: `tetra cache clear --help` lists what it takes\n",
        ),
    ],
)
def test_a_wrong_command_line_ends_with_64_and_says_what_to_do(site, args, text):
    site.configure(FILE)
    done = site.run(*args)
    assert (done.returncode, done.stderr) == (64, text)


def test_T_056_an_unknown_mode_is_logged_as_the_wrappers_user_expects(site):
    site.configure(FILE)
    done = site.run("run", "--mode", "foo", "--progress", "plain")
    assert done.returncode == 64
    assert [line[22:] for line in done.stdout.splitlines()] == ["Unknown mode: foo"]
    (log,) = (site.root / "logs").glob("orchestrator_*.log")
    assert log.read_text() == done.stdout


def test_every_mistake_of_the_file_is_told_at_once_with_line_caret_and_hint(site):
    site.configure("""
        pipelines:
          data: {shell: "true", timout: 5}
          next: {shell: "true", depends_on: [dat]}
    """)
    done = site.run("run")
    file = site.root / "config" / "orchestration.yaml"
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == (
        f"{file}:6:25: unknown key 'timout'\n"
        '    data: {shell: "true", timout: 5}\n'
        "                          ^\n"
        "  hint: did you mean 'timeout'?\n"
        f"{file}:7:38: 'next' depends on 'dat', and there is no such pipeline\n"
        '    next: {shell: "true", depends_on: [dat]}\n'
        "                                       ^\n"
        "  hint: did you mean 'data'?\n"
        f"error: 2 problems in {file}\n"
    )


def test_a_missing_module_is_found_before_anything_starts(site):
    site.configure("pipelines: {data: {module: pipelines.nothing.main}}\n")
    done = site.run("run")
    file = site.root / "config" / "orchestration.yaml"
    assert done.returncode == 78
    assert done.stderr.splitlines()[0].startswith(f"{file}:4:28: ")
    assert "pipelines.nothing.main" in done.stderr
    assert not (site.root / "logs").exists()


def test_a_cycle_is_shown_as_a_path(site):
    site.configure("""
        pipelines:
          a: {shell: "true", depends_on: [b]}
          b: {shell: "true", depends_on: [a]}
    """)
    done = site.run("validate")
    assert done.returncode == 78
    assert "Circular dependency detected: a <-> b" in done.stderr


def test_no_configuration_file_names_the_places_looked_at(site):
    done = site.run("status", "--config", "nope.yaml")
    assert done.returncode == 78
    assert done.stderr == (
        f"error: {site.root}/nope.yaml: cannot be read: No such file or directory\n"
        "  hint: check the path and its rights\n"
    )


@pytest.mark.skipif(
    os.geteuid() == 0, reason="root can write everywhere; the next test covers a log folder that is a file"
)
def test_an_unwritable_log_folder_ends_with_73(site):
    site.configure(FILE)
    (site.root / "logs").mkdir(mode=0o500)
    assert site.run("run", "--mode", "daily").returncode == 73


def test_a_log_folder_that_cannot_be_made_ends_with_73_before_anything_starts(site):
    site.configure(FILE)
    (site.root / "logs").write_text("a file is in the way")
    done = site.run("run", "--mode", "daily")
    assert done.returncode == 73
    assert done.stderr == (
        f"error: cannot write the log folder {site.root}/logs: File exists\n"
        "  hint: make it writable, or set logs.dir or LOG_DIR\n"
    )
    assert site.run("show").returncode == 64


def test_a_program_that_does_not_exist_is_named_and_the_run_ends_with_2(site):
    site.configure("pipelines: {data: {command: [no-such-program, x]}}\n")
    done = site.run("run")
    assert done.returncode == 2
    (task,) = site.json("show")["tasks"]
    assert task["attempts"][0]["outcome"] == {"kind": "spawn_error", "code": None, "signal": None}
    assert "no-such-program" in task["reason"]["text"]


def test_an_error_is_one_json_object_when_json_was_asked_for(site):
    site.configure(FILE)
    done = site.run("run", "--mode", "dayly", "--json")
    assert done.stdout.count("\n") == 1
    assert json.loads(done.stdout) == {
        "schema": "tetra.error/1",
        "exit": 64,
        "code": "usage",
        "message": "Unknown mode: dayly",
        "hint": "did you mean 'daily'? modes: daily, backfill",
        "where": None,
    }


def test_a_fault_of_ours_leaves_a_report_and_ends_with_70(site):
    site.configure(FILE)
    site.write("broken/apsw/__init__.py", "raise RuntimeError('boom')\n")
    broken = f"{site.root}/broken:{site.env['PYTHONPATH']}"
    done = site.run("status", env={"PYTHONPATH": broken})
    assert done.returncode == 70
    first, hint = done.stderr.splitlines()
    assert first == "error: this is a fault of ours: RuntimeError: boom"
    report = hint.removeprefix("  hint: please report it with the file ")
    assert "RuntimeError: boom" in Path(report).read_text()
    assert report.startswith(f"{site.root}/state/reports/")


def test_a_broken_file_does_not_take_away_the_view_and_the_stop_button(site):
    site.configure("pipelines: {long: {shell: 'echo up > up; sleep 300'}}\n")
    process = site.start("run")
    site.until((site.root / "up").exists)
    (active,) = site.json("status")["active_runs"]
    file = site.root / "config" / "orchestration.yaml"
    file.write_text(file.read_text() + "oops: [\n")
    shown = site.run("show")
    assert shown.returncode == 0
    assert shown.stderr.startswith(f"warning: {file}:6:")
    assert shown.stderr.endswith("; going by how the file was before\n")
    assert site.run("cancel", active["run_id"]).returncode == 0
    assert process.wait(timeout=15) == 2
    process.communicate()
    assert site.run("run").returncode == 78
