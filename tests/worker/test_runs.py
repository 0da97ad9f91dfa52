"""Functions and sessions through the real command line: rows, logs, time limits, deaths and what is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from cli.conftest import Site
from tetra_orchestrator.adapters.runner.process import find, is_alive

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")

ETL = """
import os, sys, time

class Frame:
    def __init__(self, rows):
        self.rows = rows
    def __repr__(self):
        return f"Frame of {self.rows} rows"

def load(rows):
    print("loading in", os.getpid())
    return Frame(rows)

def count(frame, times=1):
    print("counting in", os.getpid())
    return {"rows": frame.rows * times}

def show(*values):
    return list(values)

def wait(note=None):
    if note:
        with open(note, "w") as file:
            file.write(str(os.getpid()))
    time.sleep(60)

def stubborn():
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            print("not yet")

def mute(gone=False):
    if gone:
        sys.stdout = None
    else:
        sys.stdout.close()
    return {"rows": 1}

def flaky(note):
    if not os.path.exists(note):
        open(note, "w").close()
        raise TimeoutError("too slow")
    return {"rows": 1}
"""


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path / "my project")
    site.write("etl.py", ETL)
    return site


def configure(site, pipelines, head="sessions: {s: {}}\n"):
    text = textwrap.dedent(pipelines).strip() + "\n"
    names = [line.split(":")[0].strip() for line in text.splitlines()]
    site.configure(head + "pipelines:\n" + textwrap.indent(text, "  ") + f"modes: {{all: [{', '.join(names)}]}}\n")


def shown(site):
    """The run's tasks by id, as `show` has them."""
    return {task["id"]: task for task in site.json("show")["tasks"]}


def states(site):
    return {name: task["state"] for name, task in shown(site).items()}


def log_of(site, name, number=1):
    return (site.root / shown(site)[name]["attempts"][number - 1]["log"]).read_text()


def processes_of(site):
    """Live processes that carry the token of an attempt of the run."""
    import sqlite3

    with sqlite3.connect(site.root / "state" / "tetra.db") as store:
        tokens = [row[0] for row in store.execute("SELECT token FROM attempts")]
    return [each for token in tokens for each in find(token)]


def test_objects_pass_between_calls_and_values_between_processes(site):
    configure(
        site,
        """
        load:  {function: etl.load, session: s, writes: [frame], config: {rows: 5}}
        count: {function: etl.count, session: s, reads: [frame], config: {times: 2}, depends_on: [load]}
        show:  {function: etl.show, reads: [rows, prices.csv], depends_on: [count]}
        copy:  {function: etl.load, session: s, writes: [copy], config: {rows: "{count.rows}"}, depends_on: [count]}
        """,
    )
    assert site.run("run", "--mode", "all").returncode == 0
    tasks = shown(site)
    assert tasks["load"]["outputs"] == {"frame": {"type": "Frame", "repr": "Frame of 5 rows", "session": "s"}}
    assert tasks["count"]["outputs"] == {"rows": 10}
    assert tasks["show"]["outputs"] == {"result": [10, "prices.csv"]}
    assert tasks["copy"]["outputs"]["copy"]["repr"] == "Frame of 10 rows"


def test_a_call_has_a_row_and_a_log_of_its_own_and_shares_its_process(site):
    configure(
        site,
        """
        load:  {function: etl.load, session: s, writes: [frame], config: {rows: 5}}
        count: {function: etl.count, session: s, reads: [frame], depends_on: [load]}
        """,
    )
    assert site.run("run", "--mode", "all").returncode == 0
    attempts = [task["attempts"] for task in shown(site).values()]
    assert [[(each["n"], each["state"], each["outcome"]["code"]) for each in one] for one in attempts] == [
        [(1, "succeeded", 0)],
        [(1, "succeeded", 0)],
    ]
    workers = [log_of(site, name).split()[-1] for name in ("load", "count")]
    assert workers[0] == workers[1]
    assert log_of(site, "load") == f"loading in {workers[0]}\n"


def test_a_call_has_a_time_limit_of_its_own_and_the_session_goes_on(site):
    configure(
        site,
        """
        load:  {function: etl.load, session: s, writes: [frame], config: {rows: 5}}
        wait:  {function: etl.wait, session: s, timeout: 0.2s, depends_on: [load]}
        count: {function: etl.count, session: s, reads: [frame], depends_on: [load, {wait: finished}]}
        """,
    )
    assert site.run("run", "--mode", "all").returncode == 2
    assert states(site) == {"load": "succeeded", "wait": "timed_out", "count": "succeeded"}
    assert log_of(site, "wait").splitlines()[-1] == "KeyboardInterrupt: cancelled"
    assert log_of(site, "load").split()[-1] == log_of(site, "count").split()[-1]


def test_a_call_that_does_not_yield_ends_the_worker_and_what_needs_it_says_what_is_gone(site):
    configure(
        site,
        """
        load:  {function: etl.load, session: s, writes: [frame], config: {rows: 5}}
        wait:  {function: etl.stubborn, session: s, timeout: 0.2s, kill_grace: 0.1s, depends_on: [load]}
        count: {function: etl.count, session: s, reads: [frame], depends_on: [load, {wait: finished}]}
        """,
    )
    assert site.run("run", "--mode", "all").returncode == 2
    assert states(site) == {"load": "succeeded", "wait": "timed_out", "count": "failed"}
    assert log_of(site, "count") == (
        "LookupError: the data set 'frame' is gone: it was a Frame in an earlier worker of the session 's', which has "
        "ended; run the task that writes it again\n"
    )


@linux
def test_the_worker_s_death_loses_only_its_open_call(site):
    configure(
        site,
        """
        load:  {function: etl.load, session: s, writes: [frame], config: {rows: 5}}
        wait:  {function: etl.wait, session: s, config: {note: note}, depends_on: [load]}
        again: {function: etl.load, session: s, writes: [other], config: {rows: 1}, depends_on: [{wait: finished}]}
        """,
    )
    process = site.start("run", "--mode", "all")
    os.kill(int(site.until(lambda: (site.root / "note").exists() and (site.root / "note").read_text())), signal.SIGKILL)
    assert process.wait(10) == 2
    tasks = shown(site)
    assert states(site) == {"load": "succeeded", "wait": "lost", "again": "succeeded"}
    assert tasks["wait"]["reason"]["text"] == ("lost: the worker of session 's' has ended: killed by signal 9 (KILL)")
    assert processes_of(site) == []


def test_a_failed_call_is_tried_again_by_the_rules_of_its_task(site):
    configure(
        site,
        "flaky: {function: etl.flaky, session: s, config: {note: note}, retry: {max_attempts: 2, delay: 0s}}",
    )
    assert site.run("run", "--mode", "all").returncode == 0
    assert [each["state"] for each in shown(site)["flaky"]["attempts"]] == ["failed", "succeeded"]
    assert log_of(site, "flaky", 1).splitlines()[-1] == "TimeoutError: too slow"
    assert log_of(site, "flaky", 2) == ""


@linux
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_worker_behind(site, signum):
    configure(
        site,
        """
        wait: {function: etl.wait, session: s, config: {note: note}}
        next: {function: etl.load, session: s, config: {rows: 1}}
        """,
    )
    process = site.start("run", "--mode", "all")
    site.until((site.root / "note").exists)
    process.send_signal(signum)
    assert process.wait(10) == 128 + signum
    assert set(states(site).values()) == {"cancelled"}
    assert processes_of(site) == []


@linux
def test_a_worker_ends_when_the_run_s_owner_is_killed_and_the_run_is_settled(site):
    configure(site, "wait: {function: etl.wait, session: s, config: {note: note}}")
    process = site.start("run", "--mode", "all")
    site.until((site.root / "note").exists)
    (worker,) = site.until(lambda: processes_of(site))
    process.kill()
    process.wait()
    began = time.monotonic()
    site.until(lambda: not is_alive(worker))
    assert time.monotonic() - began < 2
    assert states(site) == {"wait": "lost"}


def test_sixteen_calls_cost_one_start_of_python(site):
    names = [f"c{number:02}" for number in range(16)]
    configure(site, "\n".join(f"{name}: {{function: etl.load, session: s, config: {{rows: 1}}}}" for name in names))
    assert site.run("run", "--mode", "all").returncode == 0
    assert len({log_of(site, name).split()[-1] for name in names}) == 1


LOADED = """
import sys
from tetra_orchestrator.cli import main
code = main.run(["run", "--mode", "all", "--progress", "plain"])
print("tetra_orchestrator.adapters.runner.session.runner" in sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("head", ["", "sessions: {s: {}}\n"])
def test_a_project_without_sessions_pays_nothing_for_them(site, head):
    configure(site, "show: {function: etl.show}", head)
    done = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=site.root, env=site.env, capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == str(bool(head))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("gone", ["true", "false"])
def test_a_call_that_closes_or_removes_its_output_has_ended_all_the_same(site, threads, gone):
    configure(
        site,
        f"""
        mute:  {{function: etl.mute, session: s, config: {{gone: {gone}}}}}
        count: {{function: etl.mute, session: s, config: {{gone: {gone}}}, depends_on: [mute]}}
        load:  {{function: etl.load, session: s, config: {{rows: 1}}, depends_on: [count]}}
        """,
        f"sessions: {{s: {{threads: {threads}}}}}\n",
    )
    assert site.run("run", "--mode", "all").returncode == 0
    assert states(site) == {"mute": "succeeded", "count": "succeeded", "load": "succeeded"}
    if threads == 1:
        assert log_of(site, "load").startswith("loading in ")
