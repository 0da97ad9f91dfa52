"""Group H, what the monitor meets: watched files that are odd, processes that vanish, and nothing having run at all."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from support.uptime import settle_down
from tetra_orchestrator.adapters.store.sqlite import SqliteStore

WATCHED = """
    pipelines:
      load:
        shell: "true"
        data: {file: {file: in/a.csv, max_age: 1h}}
"""


def codes(site):
    """Exit code, codes of what was found, and how the data is."""
    done = site.run("monitor", "--json")
    body = json.loads(done.stdout)
    assert "Traceback" not in done.stderr
    return done.returncode, [one["code"] for one in body["findings"]], body["pipelines"]["load"]["data_freshness"]


def missing(path):
    return not path.exists()


def of_the_future(path):
    path.touch()
    os.utime(path, (4e9, 4e9))
    return path.stat().st_mtime > 3e9


def of_no_time_at_all(path):
    path.touch()
    os.utime(path, (-1e10, -1e10))
    return path.stat().st_mtime < 0


def a_folder(path):
    path.mkdir()
    return path.is_dir()


def a_link_to_nowhere(path):
    path.symlink_to("gone")
    return path.is_symlink() and not path.exists()


def a_link_to_itself(path):
    path.symlink_to(path.name)
    return path.is_symlink() and not path.exists()


def a_pipe(path):
    os.mkfifo(path)
    return path.is_fifo()


@pytest.mark.parametrize(
    "oddity", [missing, of_the_future, of_no_time_at_all, a_folder, a_link_to_nowhere, a_link_to_itself, a_pipe]
)
def test_fault_104_a_watched_file_that_is_odd_is_unknown_and_never_fresh(site, observed, oddity):
    site.configure(WATCHED)
    (site.root / "in").mkdir()
    path = site.root / "in/a.csv"
    observed(oddity.__name__, oddity(path))
    assert codes(site) == (1, ["data_unknown"], "unknown")
    if oddity is a_folder:
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    path.touch()
    assert codes(site) == (0, [], "fresh")


def test_fault_104_a_file_that_is_replaced_while_it_is_looked_at_breaks_nothing(site, observed):
    site.configure(WATCHED.replace("in/a.csv", "in/*.csv"))
    (site.root / "in").mkdir()
    churn = "i=0; while [ ! -e over ]; do i=$((i+1)); : > in/$i.csv; rm -f in/$((i-3)).csv; done"
    busy = subprocess.Popen(["sh", "-c", churn], cwd=site.root)
    try:
        for _ in range(5):
            code, found, state = codes(site)
            assert (code, found, state) == (0, [], "fresh")
        observed("files came and went meanwhile", busy.poll() is None)
    finally:
        (site.root / "over").touch()
        busy.wait(20)


def test_fault_105_processes_that_vanish_while_they_are_measured_break_nothing(site, observed):
    site.configure("""
        pipelines:
          load: {shell: "while [ ! -e over ]; do for i in 1 2 3 4 5 6 7 8 9; do (:) & done; wait; done"}
    """)
    running = site.start("run")
    site.until(lambda: site.json("status")["active_runs"])
    for _ in range(6):
        done = site.run("monitor", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["pipelines"]["load"]["running"] is True
        assert done.stderr == ""
    observed("the run went on meanwhile", running.poll() is None)
    (site.root / "over").touch()
    assert site.finish(running).returncode == 0


def test_fault_106_that_nothing_ran_at_all_is_found_by_the_next_look(site, observed):
    """The project has a schedule, and no scheduler on the machine wakes anybody for it."""
    site.configure("""
        pipelines: {load: {shell: "true"}}
        modes: {all: [load]}
        schedules: {often: {mode: all, every: 15m, timezone: UTC}}
    """)
    assert codes(site)[:2] == (0, [])
    settle_down()
    since = datetime.now(UTC) - timedelta(hours=1)
    store = SqliteStore(str(site.root / "state/tetra.db"))
    cursor = store.ledger.cursor("often")
    store.ledger.settle(cursor, cursor._replace(since=since, judged=since, version=cursor.version + 1), [])
    store.close()
    code, found, _ = codes(site)
    observed("slots have passed without a run", len(site.json("schedule", "audit", "often")["slots"]) >= 3)
    assert (code, found) == (2, ["slot_overdue"])
    assert site.run("fire", "often").returncode == 0
    assert codes(site)[1] in ([], ["slot_late"])
