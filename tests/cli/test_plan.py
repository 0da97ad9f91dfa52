"""`plan`: what would run, when, and what other limits would make of it."""

from __future__ import annotations

import json
import re

import pytest

FILE = """
    timezone: UTC
    host: {max_parallel: 2}
    pools: {db: 1}
    pipelines:
      extract: {command: ["true"], expected: 10m}
      left: {command: ["true"], depends_on: [extract], expected: 20m, pool: db}
      right: {command: ["true"], depends_on: [extract], expected: 30m}
      load: {command: ["true"], depends_on: [left, right], expected: 5m}
      off: {command: ["true"], enabled: false}
"""


@pytest.fixture
def shop(site):
    site.configure(FILE)
    return site


def plain(text):
    """The text with each time of the clock as such, and each instant."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "WHEN", text)
    return re.sub(r"\d\d:\d\d:\d\d", "hh:mm:ss", text)


def test_the_table_shows_when_each_task_runs_the_critical_path_and_the_slack(shop):
    done = shop.run("plan")
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert plain(done.stdout) == (
        "Would run extract, left, right, load, off, 2 tasks at a time:\n"
        "\n"
        "task          takes       starts     ends  0 s                       45 min 00 s\n"
        "extract 10 min 00 s       +0.0 s hh:mm:ss  ========\n"
        "left    20 min 00 s +10 min 00 s hh:mm:ss          #################........\n"
        "right   30 min 00 s +10 min 00 s hh:mm:ss          =========================\n"
        "load     5 min 00 s +40 min 00 s hh:mm:ss                                  =====\n"
        "= on the critical path  # others  . slack: it may end so much later\n"
        "\n"
        "runs: extract: it depends on nothing in this run\n"
        "runs: left, right, load: everything it depends on has succeeded\n"
        "skipped: off: `enabled: false` in the configuration\n"
        "critical path: extract -> right -> load\n"
        "expected finish: WHEN, after 45 min 00 s\n"
    )


def test_the_tasks_at_a_time_are_those_here_where_others_run_elsewhere(shop):
    shop.configure(FILE.replace("expected: 30m", "expected: 30m, runner: slurm"))
    head = shop.run("plan").stdout.splitlines()[0]
    assert head == "Would run extract, left, right, load, off, 2 tasks here at a time:"


def test_programs_get_the_times_of_every_task_and_of_the_whole(shop):
    body = shop.json("plan")
    assert (body["schema"], body["critical_path"], body["unknown"]) == (
        "tetra.plan/1", ["extract", "right", "load"], [],
    )  # fmt: skip
    left = body["tasks"][1]
    assert {name: left[name] for name in ("id", "decision", "expected_s", "start_s", "finish_s", "slack_s")} == {
        "id": "left", "decision": "run", "expected_s": 1200.0, "start_s": 600.0, "finish_s": 1800.0, "slack_s": 600.0,
    }  # fmt: skip
    assert [task["on_critical_path"] for task in body["tasks"]] == [True, False, True, True, False]
    assert body["expected_finish"] == body["earliest_finish"] == body["latest_finish"]
    assert body["expected_s"] == 2700.0
    dry = shop.json("run", "--dry-run")
    assert list(dry) == list(body)
    assert [list(task) for task in dry["tasks"]] == [list(task) for task in body["tasks"]]


def test_what_if_more_or_fewer_ran_at_a_time(shop):
    done = shop.run("plan", "--simulate", "--parallel", "1", "--parallel", "4")
    head, _, names, _, *rows, _, one, two = plain(done.stdout).splitlines()
    assert head == "If other numbers of tasks of extract, left, right, load, off ran at a time:"
    assert [re.split(r"  +", row) for row in (names, *rows)] == [
        ["at a time", "takes", "ends", "used", "bounded by"],
        ["1", "1 h 05 min", "WHEN", "100%", "the places"],
        ["2 (now)", "45 min 00 s", "WHEN", "72%", "the critical path"],
        ["4", "45 min 00 s", "WHEN", "36%", "the critical path"],
    ]
    assert one + " " + two == (
        "used: of the places, while the run lasts. More places help only a run that is bounded by the places."
    )
    rows = json.loads(shop.run("plan", "--simulate", "--parallel", "1,2", "--json").stdout)["scenarios"]
    assert [(row["parallel"], row["is_current"], row["makespan_s"], row["utilisation"]) for row in rows] == [
        (1, False, 3900.0, 1.0), (2, True, 2700.0, 0.7222),
    ]  # fmt: skip


def test_what_if_a_task_were_slower(shop):
    body = shop.json("plan", "--slower", "left=2x")
    assert (body["critical_path"], body["expected_s"]) == (["extract", "left", "load"], 3300.0)


def test_what_several_tasks_have_in_common_is_said_of_each(site):
    site.configure('pipelines: {a: {command: ["true"], expected: 1m}, b: {command: ["true"], expected: 1m}}')
    assert "\nruns: a, b: each depends on nothing in this run\n" in site.run("plan").stdout


@pytest.mark.parametrize("command", [("plan",), ("run", "--dry-run")])
def test_the_reason_of_a_pause_cannot_drive_the_terminal(site, command):
    site.configure('pipelines: {a: {command: ["true"]}}\nmodes: {daily: [a]}')
    site.run("pause", "a", "--reason", "a\x1b[31mb")
    done = site.run(*command, "--mode", "daily")
    assert "\x1b" not in done.stdout
    assert "a\\x1b[31mb" in done.stdout


def test_what_nobody_knows_is_named_and_a_run_teaches_it(site):
    site.configure('pipelines: {a: {command: ["true"]}, b: {command: ["true"], depends_on: [a]}}')
    assert site.run("plan").stdout.endswith(
        "counted as nothing, as nobody knows how long they take: a, b\n"
        "expected finish: unknown. Run it once, or write `expected` for its tasks.\n"
    )
    assert site.run("plan", "--simulate").stdout == (
        "Nobody knows yet how long any task of a, b takes. Run it once, or write `expected` for its tasks.\n"
    )
    site.run("run")
    assert site.json("plan")["unknown"] == []


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (
            ("--parallel", "0"),
            "error: --parallel '0' is not a number of tasks\n  hint: 1 to 10000, such as 1,2,4,8\n",
        ),
        (("--slower", "left"), "error: --slower 'left' is not TASK=FACTOR\n  hint: write it like extract=2x\n"),
        (
            ("--slower", "left=10000", "--slower", "extract=10000", "--set", "pipelines.left.expected=1000d"),
            "error: this run would not end before the year 10000\n"
            "  hint: give shorter times, with `expected` or --slower\n",
        ),
        (
            (
                *("--parallel", "1", "--set", "pipelines.left.expected=1500000d"),
                *("--set", "pipelines.right.expected=1500000d"),
            ),
            "error: this run would not end before the year 10000\n"
            "  hint: give shorter times, with `expected` or --slower\n",
        ),
        (
            ("--slower", "lefd=2"),
            "error: Unknown task: lefd\n"
            "  hint: did you mean 'left'? tasks of this run: extract, left, right, load, off\n",
        ),
    ],
)
def test_mistakes_are_told_with_what_to_write(shop, args, text):
    done = shop.run("plan", *args)
    assert (done.returncode, done.stdout, done.stderr) == (64, "", text)
