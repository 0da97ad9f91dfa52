"""Group E, clocks that go wrong while we run, and times that are hard to count."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from faults.clocks import wall_clock
from support.components import missing

#: `held` waits until the test lets go on, or we are gone.
CHAIN = """
    pipelines:
      early: {shell: date +%s}
      held:
        shell: "touch here; while test ! -e go-on && kill -0 $PPID; do sleep 0.05; done; date +%s"
        depends_on: [early]
        timeout: 1h
        wall_timeout: 1h
        max_data_age: 4h
"""
#: What counts on over a jump of the clock.
COUNTING = """
      late: {shell: exec sleep 300, timeout: 4s}
      later: {shell: exec sleep 300, wall_timeout: 4s}
      again: {shell: exit 3, retry: {max_attempts: 2, delay: 3s}}
    host: {max_parallel: 5}
"""


@pytest.fixture
def clock(site):
    with wall_clock(site) as clock:
        yield clock


def run_over(site, change, *options, env=None):
    """The finished run of a chain in which `change()` happens while `held` runs."""
    running = site.start("run", *options, env=env or {})
    site.until((site.root / "here").exists)
    change()
    (site.root / "go-on").touch()
    return site.finish(running)


def jump_s(site):
    """By how much date(1) of the two tasks of the chain differs."""
    return int(site.log("held")) - int(site.log("early"))


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# -- 69, the wall clock jumps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [1, -1])
def test_fault_69_a_wall_clock_that_jumps_moves_no_limit_no_retry_and_no_event(site, clock, observed, days):
    site.configure(CHAIN + COUNTING)
    done = run_over(site, lambda: clock.shift(timedelta(days=days)), "--json")
    observed(f"date(1) jumped by {jump_s(site) / 86400:+.1f} days", abs(jump_s(site) - days * 86400) < 3600)
    ends = {"early": "succeeded", "held": "succeeded", "late": "timed_out", "later": "timed_out", "again": "failed"}
    assert (done.returncode, site.states()) == (2, ends)
    assert site.reason("late") == "ended by its time limit of 4 s"
    assert len(site.tasks()["again"]["attempts"]) == 2
    told = [json.loads(line)["seq"] for line in done.stdout.splitlines()]
    assert told == list(range(1, len(told) + 1))
    assert 0 < site.json("show")["run"]["duration_s"] < 3600
    assert not re.search(r"-[0-9.]+ s\b", site.run("show").stdout)


@pytest.mark.parametrize("days", [1, -1])
def test_fault_69_the_duration_of_a_task_is_not_what_the_wall_clock_says(site, clock, observed, days):
    site.configure(CHAIN)
    run_over(site, lambda: clock.shift(timedelta(days=days)))
    observed(f"date(1) jumped by {jump_s(site) / 86400:+.1f} days", abs(jump_s(site) - days * 86400) < 3600)
    rows = {row["name"]: row for row in site.json("status")["pipelines"]}
    assert 0 <= rows["held"]["last_run"]["duration_s"] < 3600
    assert 0 <= site.json("monitor")["pipelines"]["held"]["avg_duration_s"] < 3600


@pytest.mark.parametrize("days", [400, -400])
def test_fault_69_a_run_is_not_taken_for_dead_by_a_command_with_another_clock(site, clock, observed, days):
    site.configure(CHAIN)

    def look():
        clock.shift(timedelta(days=days))
        assert [run["state"] for run in site.json("status")["active_runs"]] == ["running"]
        assert site.run("run").returncode == 75

    done = run_over(site, look)
    observed(f"date(1) jumped by {jump_s(site) / 86400:+.1f} days", abs(jump_s(site) - days * 86400) < 3600)
    assert (done.returncode, site.run_state()) == (0, "succeeded")


def test_fault_69_the_newest_run_is_the_one_that_began_last_whatever_the_clock_said(site, clock, observed):
    site.configure("pipelines: {one: {shell: 'true', max_data_age: 4h}}")
    clock.shift(timedelta(days=1))
    assert site.run("run").returncode == 0
    first = site.json("show")["run"]
    clock.shift(timedelta(0))
    assert site.json("status")["pipelines"][0]["freshness"] == "unknown"
    assert site.run("run").returncode == 0
    second = site.json("show")["run"]
    observed(f"began {first['started_at']}, then {second['started_at']}", first["started_at"] > second["started_at"])
    hint = f"hint: the latest are: {second['run_id']}, {first['run_id']}\n"
    assert site.run("show", "none").stderr == f"error: there is no run 'none'\n  {hint}"
    assert os.path.realpath(site.root / "logs" / "latest") == second["log"]
    row = site.json("status")["pipelines"][0]
    assert (row["last_run"]["run_id"], row["freshness"]) == (second["run_id"], "fresh")


# -- 72, the clock changes during a run -------------------------------------------------------------------------------

NIGHTS = {
    "spring": ("2026-03-29 00:59", "2026-03-29 01:00", "01:59", "03:00"),
    "autumn": ("2026-10-25 00:59", "2026-10-25 01:00", "02:59", "02:00"),
}


@pytest.mark.parametrize("night", NIGHTS)
def test_fault_72_a_run_over_a_change_of_the_clock_lasts_as_long_as_it_lasts(site, clock, observed, night):
    """The stamps of the log are local, so what orders them across the hour is their place; programs are told UTC."""
    before, after, shown_before, shown_after = NIGHTS[night]
    site.configure(CHAIN)
    clock.set(utc(before))
    done = run_over(site, lambda: clock.set(utc(after)), env={"TZ": "Europe/Berlin"})
    stamps = [line[12:17] for line in (site.root / "logs" / "latest").read_text().splitlines()]
    observed(f"log stamps {stamps[0]} to {stamps[-1]}", (stamps[0], stamps[-1]) == (shown_before, shown_after))
    assert done.returncode == 0
    run = site.json("show")["run"]
    assert (run["started_at"][:16], run["finished_at"][:16]) == (before.replace(" ", "T"), after.replace(" ", "T"))
    assert 0 < run["duration_s"] < 3600
    assert site.lines_of_log()[-1] == "Orchestration completed"
    assert site.json("status")["pipelines"][1]["last_run"]["duration_s"] < 3600


def test_fault_72_runs_in_both_passes_through_an_hour_have_a_log_each(site, clock, observed):
    site.configure("pipelines: {one: {shell: date +%R}}")
    runs, shown = [], []
    for instant in ("2026-10-25 00:30", "2026-10-25 01:30"):
        clock.set(utc(instant))
        assert site.run("run", env={"TZ": "Europe/Berlin"}).returncode == 0
        runs.append(site.json("show")["run"])
        shown.append(site.log("one").decode().strip())
    observed(f"date(1) said {' and '.join(shown)}, an hour apart", shown == ["02:30", "02:30"])
    first, second = runs
    assert (first["started_at"][:16], second["started_at"][:16]) == ("2026-10-25T00:30", "2026-10-25T01:30")
    assert first["log"] != second["log"]
    assert os.path.realpath(site.root / "logs" / "latest") == second["log"]


# -- 77, leap seconds, 2038, times before 1970 ------------------------------------------------------------------------

CROSSINGS = {
    "2^31 seconds": ("2038-01-19 03:13:20", "2038-01-19 03:14:10", "2038-01-20T01:30:00Z"),
    "2^32 seconds": ("2106-02-07 06:27:20", "2106-02-07 06:28:20", "2106-02-08T01:30:00Z"),
    "0 seconds": ("1969-12-31 23:59:00", "1970-01-01 00:00:10", "1970-01-01T01:30:00Z"),
}


@pytest.mark.parametrize("border", CROSSINGS)
def test_fault_77_a_run_goes_on_over_a_border_of_the_count_of_seconds(site, clock, observed, border):
    before, after, next_slot = CROSSINGS[border]
    site.configure(CHAIN + "\n    modes: {all: [early, held]}")
    with (site.root / "config" / "orchestration.yaml").open("a") as file:
        file.write("\nschedules: {nightly: {mode: all, cron: 30 2 * * *, timezone: Europe/Berlin}}\n")
    clock.set(utc(before))
    done = run_over(site, lambda: clock.set(utc(after)))
    seconds = [int(site.log(task)) for task in ("early", "held")]
    border_s = {"2^31 seconds": 1 << 31, "2^32 seconds": 1 << 32, "0 seconds": 0}[border]
    observed(f"date(1) said {seconds[0]}, then {seconds[1]}", seconds[0] < border_s <= seconds[1])
    assert (done.returncode, site.run_state()) == (0, "succeeded")
    row = site.json("status")["pipelines"][1]
    assert (row["freshness"], row["next_slot"]) == ("fresh", next_slot)
    assert 0 < site.json("show")["run"]["duration_s"] < 3600
    assert site.json("monitor")["pipelines"]["held"]["data_freshness"] == "fresh"


def test_fault_77_a_leap_second_is_a_second_like_others(site, clock, observed):
    if not Path("/usr/share/zoneinfo/right/UTC").exists():
        missing("needs right/UTC: apt-get install tzdata-legacy")
    site.configure("pipelines: {one: {shell: date +%T}}")
    clock.stop("2016-12-31 23:59:60")
    done = site.run("run", env={"TZ": "right/UTC"})
    observed("date(1) said 23:59:60", site.log("one") == b"23:59:60\n")
    assert (done.returncode, site.run_state()) == (0, "succeeded")
    lines = (site.root / "logs" / "latest").read_text().splitlines()
    assert {line[:22] for line in lines} == {"[2016-12-31 23:59:59] "}


@pytest.mark.parametrize(
    ("since", "seconds", "word"),
    [
        ("epoch", -1, "unknown"),
        ("epoch", 1 << 31, "unknown"),
        ("now", 2 * 86400, "unknown"),
        ("now", 50, "fresh"),
        ("now", -5 * 3600, "stale"),
    ],
)
def test_fault_77_a_log_with_an_odd_time_is_of_unknown_age(site, observed, since, seconds, word):
    site.configure("pipelines: {one: {shell: 'true', max_data_age: 4h}}")
    assert site.run("run").returncode == 0
    log = site.tasks()["one"]["attempts"][0]["log"]
    when = seconds + (int(time.time()) if since == "now" else 0)
    os.utime(log, (when, when))
    observed(f"a log of {seconds} s since {since}, says stat(2)", os.stat(log).st_mtime == when)
    row = site.json("monitor")["pipelines"]["one"]
    assert (row["log_freshness"], row["data_freshness"]) == (word, "fresh")


def test_fault_77_a_log_with_a_time_beyond_the_calendar_is_of_unknown_age(site, observed):
    site.configure("pipelines: {one: {shell: 'true', max_data_age: 4h}}")
    folder = tempfile.mkdtemp(dir="/dev/shm")  # tmpfs(5) counts further than most file systems
    site.env["LOG_DIR"] = folder
    try:
        assert site.run("run").returncode == 0
        log = site.tasks()["one"]["attempts"][0]["log"]
        os.utime(log, (10**12, 10**12))
        observed(f"stat(2) of the log: {os.stat(log).st_mtime:.0f}", os.stat(log).st_mtime == 10**12)
        assert site.json("monitor")["pipelines"]["one"]["log_freshness"] == "unknown"
    finally:
        shutil.rmtree(folder)
