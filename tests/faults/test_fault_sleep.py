"""Group E, a machine that sleeps or is off: what counts meanwhile, what is missed, what starts when it wakes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from faults.clocks import SUSPENDED, later_boottime, wall_clock
from faults.stand import TETRA, state_of
from support.uptime import settle_down


@pytest.fixture
def clock(site):
    with wall_clock(site) as clock:
        yield clock


# -- 74, suspend and resume -------------------------------------------------------------------------------------------

SLEPT_S = 8 * 3600
LID = """
    host: {max_parallel: 3}
    pipelines:
      awake:
        shell: "cut -d. -f1 /proc/uptime | tee awake; while test ! -e go-on && kill -0 $PPID; do sleep 0.05; done"
        timeout: 1h
      wall: {shell: exec sleep 300, wall_timeout: 1h}
      soon: {shell: while test ! -s awake && kill -0 $PPID; do sleep 0.05; done}
      lid: {shell: "cut -d. -f1 /proc/uptime; touch go-on", depends_on: [soon]}
"""


def test_fault_74_a_suspend_counts_for_the_limit_by_the_wall_and_not_for_the_one_awake(site, observed):
    site.configure(LID)
    with later_boottime(SLEPT_S) as pid:
        done = site.command(sys.executable, "-c", SUSPENDED, str(pid), "run")
    slept_s = int(site.log("lid")) - int(site.log("awake"))
    observed(f"the uptime jumped by {slept_s / 3600:.1f} h between two tasks", slept_s >= SLEPT_S)
    states = {"awake": "succeeded", "wall": "timed_out", "soon": "succeeded", "lid": "succeeded"}
    assert (done.returncode, site.states()) == (2, states)
    assert site.reason("wall") == "ended by its wall time limit of 3600 s"
    assert site.json("show")["run"]["duration_s"] < 3600


def test_fault_74_after_eight_hours_asleep_data_are_stale_until_they_are_made_anew(site, clock, observed):
    site.configure("pipelines: {one: {shell: date +%s, max_data_age: 4h}}")

    def freshness():
        (row,) = site.json("status")["pipelines"]
        return row["freshness"], site.json("monitor")["pipelines"]["one"]["data_freshness"]

    assert site.run("run").returncode == 0
    before = int(site.log("one"))
    assert freshness() == ("fresh", "fresh")
    clock.shift(timedelta(seconds=SLEPT_S))
    assert freshness() == ("stale", "stale")
    assert site.run("run").returncode == 0
    slept_s = int(site.log("one")) - before
    observed(f"date(1) went on by {slept_s / 3600:.1f} h", slept_s >= SLEPT_S)
    assert freshness() == ("fresh", "fresh")


# -- 75, the machine was off when a run was due -----------------------------------------------------------------------

NIGHTLY = """
    timezone: Europe/Berlin
    pipelines: {one: {shell: date -u '+%F %R', max_data_age: 26h}}
    modes: {all: [one]}
    schedules: {nightly: {mode: all, cron: 30 2 * * *}}
"""


def test_fault_75_what_was_due_while_the_machine_was_off_can_be_listed_and_the_data_are_stale(site, clock, observed):
    """That each of these slots is settled, and the last one made up for, comes with the ledger of slots."""
    site.configure(NIGHTLY)
    clock.set(datetime(2026, 3, 27, 1, 35, tzinfo=UTC))
    assert site.run("run").returncode == 0
    last = site.log("one").decode().strip()
    clock.set(datetime(2026, 3, 30, 7, 0, tzinfo=UTC))
    now = site.command("date", "-u", "+%F %R").stdout.strip()
    observed(f"date(1) said {last}, then {now}", (last[:10], now[:10]) == ("2026-03-27", "2026-03-30"))
    ended = site.json("show")["run"]["finished_at"]
    missed = site.json("schedule", "next", "nightly", "--from", ended, "-n", "4")["slots"]
    assert [slot["slot"] for slot in missed] == [
        "2026-03-28T01:30:00Z",
        "2026-03-29T01:00:00Z",
        "2026-03-30T00:30:00Z",
        "2026-03-31T00:30:00Z",
    ]
    (row,) = site.json("status")["pipelines"]
    assert (row["freshness"], row["next_slot"]) == ("stale", "2026-03-31T00:30:00Z")
    settle_down()
    health = site.json("monitor")
    assert health["pipelines"]["one"]["next_slot"] == "2026-03-31T00:30:00Z"
    assert {"data_stale", "slot_overdue"} <= {finding["code"] for finding in health["findings"]}


# -- 76, a timer fires twice ------------------------------------------------------------------------------------------


def test_fault_76_of_two_starts_at_a_wake_one_runs_and_the_other_is_told_not_now(site, observed):
    """A second start that comes after the end of the first runs again: one slot is not yet known to be one."""
    site.configure(
        'pipelines: {one: {shell: "echo >>starts; while test ! -e go-on && kill -0 $PPID; do sleep 0.05; done"}}'
    )
    line = ("/bin/sh", "-c", 'kill -STOP $$; exec "$@"', "sh", *TETRA, "run")
    options = {"cwd": site.root, "env": site.env, "stdin": subprocess.DEVNULL, "text": True}
    both = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) for _ in range(2)]
    site.until(lambda: all(state_of(each.pid) == "T" for each in both))
    observed("both in state T of proc(5), then CONT to both")
    for each in both:
        os.kill(each.pid, signal.SIGCONT)
    second = site.until(lambda: next((each for each in both if each.poll() is not None), None))
    (first,) = (each for each in both if each is not second)
    refused = site.finish(second)
    (site.root / "go-on").touch()
    assert (refused.returncode, site.finish(first).returncode) == (75, 0)
    assert refused.stderr == (
        f"error: the pipeline 'one' is already being run by pid {first.pid}, run {site.json('show')['run']['run_id']}\n"
        "  hint: wait until it ends, or end it with `tetra cancel RUN`\n"
    )
    assert (site.root / "starts").read_text() == "\n"
    assert site.count("SELECT count(*) FROM runs") == 1
