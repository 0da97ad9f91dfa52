"""Group I, what changes around a running program: its own files, the store's version, the units that start it."""

from __future__ import annotations

import re
import shutil
import sqlite3
from itertools import count
from pathlib import Path

import pytest

import tetra_orchestrator
from faults.stand import TETRA, state_of
from support.components import require
from tetra_orchestrator.adapters.store.sqlite_file import VERSION
from tetra_orchestrator.adapters.store.sqlite_schema import SCRIPTS

PACKAGE = Path(tetra_orchestrator.__file__).parent
GATE = "echo $PPID >owner; while [ ! -e open ]; do sleep 0.05; done"


def start_and_delete(site, observed, tmp_path):
    """A run by an installation of our own, of which no file is left once its first task runs."""
    folder = tmp_path / "installed"
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    running = site.start("run", env={"PYTHONPATH": f"{folder}:{site.env['PYTHONPATH']}"})
    owner = site.note("owner")
    shutil.rmtree(folder)
    observed("the folder of our program is gone, its process is not", not folder.exists() and state_of(owner) in "RSD")
    (site.root / "open").touch()
    return running


def test_fault_115_a_run_ends_as_usual_when_our_own_files_are_deleted(site, observed, tmp_path):
    site.write("gate.sh", f"""{GATE}\necho '{{"rows": 3}}' >"$TETRA_OUTPUT"\n""")
    site.configure("""
        pipelines:
          gate: {command: [sh, gate.sh], outputs: {rows: int}}
          again: {shell: exit 4, depends_on: [gate], retry: {max_attempts: 2, delay: 0.1s}}
          late: {shell: sleep 300, depends_on: [gate], timeout: 0.3s}
          use: {command: [echo, "{gate.rows}"], depends_on: [gate]}
          none: {command: [./no-such-program], depends_on: [gate]}
          forks: {shell: sleep 300 &, depends_on: [use]}
          odd: {shell: 'echo [] >"$TETRA_OUTPUT"', depends_on: [gate]}
    """)
    running = start_and_delete(site, observed, tmp_path)
    assert site.finish(running).returncode == 2
    failed, succeeded = ("again", "none", "odd"), ("gate", "use", "forks")
    assert site.states() == {
        **dict.fromkeys(failed, "failed"),
        **dict.fromkeys(succeeded, "succeeded"),
        "late": "timed_out",
    }
    assert site.log("use") == b"3\n"
    assert len(site.tasks()["again"]["attempts"]) == 2


def test_fault_115_a_run_can_be_cancelled_when_our_own_files_are_deleted(site, observed, tmp_path):
    site.configure(f"""
        pipelines:
          gate: {{shell: "{GATE}"}}
          slow: {{shell: "echo $$ >slow; exec sleep 300", depends_on: [gate]}}
    """)
    running = start_and_delete(site, observed, tmp_path)
    site.note("slow")
    running.terminate()
    assert site.finish(running).returncode == 143
    assert site.states() == {"gate": "succeeded", "slow": "cancelled"}


OLD_RUN = "20250101T000000Z-aaaaaa"
OLD_ROWS = f"""
INSERT INTO schema_version VALUES (1, '0.1.0');
INSERT INTO configs VALUES ('c0ffee', '{{}}');
INSERT INTO runs (id, run_id, project, trigger, state, config_hash, started_at, finished_at, exit_code)
    VALUES (1, '{OLD_RUN}', 'demo', 'manual', 'failed', 'c0ffee', 1735689600000000, 1735689660000000, 2);
INSERT INTO task_runs (run, task_id, pipeline, position, state, version, attempts)
    VALUES (1, 'one', 'one', 0, 'failed', 3, 1);
INSERT INTO attempts (run, task_id, number, token, state, log, runner, kind, exit_code)
    VALUES (1, 'one', 1, 'token', 'failed', '/logs/one.1.log', 'local', 'exited', 7);
INSERT INTO events VALUES (1, 1, 'run.started', 1735689600000000, NULL, NULL, 'running', NULL, NULL);
"""


def old_store(site):
    """A project whose store has the first version's tables and one run in them."""
    site.configure("pipelines: {one: {shell: echo one}}")
    folder = site.root / "state"
    folder.mkdir(mode=0o700, exist_ok=True)
    for path in folder.glob("tetra.db*"):
        path.unlink()
    with sqlite3.connect(folder / "tetra.db") as store:
        store.executescript("PRAGMA journal_mode=WAL;" + SCRIPTS[0] + OLD_ROWS)
    (folder / "tetra.db").chmod(0o600)


def check_old_run(site):
    """What is still known of the run that the old version recorded."""
    shown = site.json("show", OLD_RUN)
    assert (shown["run"]["state"], shown["run"]["exit_code"]) == ("failed", 2)
    (task,) = shown["tasks"]
    assert [tuple(attempt["outcome"].values()) for attempt in task["attempts"]] == [("exited", 7, None)]


def test_fault_116_an_old_store_is_upgraded_and_keeps_its_runs(site, observed):
    old_store(site)
    observed(f"schema version 1 of {VERSION}", site.count("SELECT max(version) FROM schema_version") == 1 < VERSION)
    assert site.run("run").returncode == 0
    assert site.count("SELECT max(version) FROM schema_version") == VERSION
    check_old_run(site)
    assert site.states() == {"one": "succeeded"}


def test_fault_116_a_store_of_a_newer_program_is_left_as_it_is(site, observed):
    site.configure("pipelines: {one: {shell: touch done}}")
    old_store(site)
    path = site.root / "state" / "tetra.db"
    with sqlite3.connect(path) as store:
        store.execute("INSERT INTO schema_version VALUES (99, '9.1.0')")
    before = path.read_bytes()
    observed("schema version 99", site.count("SELECT max(version) FROM schema_version") == 99)
    for command in ("run", "status", "show"):
        done = site.run(command)
        assert done.returncode == 69
        assert "the store was written by a newer version, 9.1.0" in done.stderr
    assert path.read_bytes() == before


#: In short at each seventh: the writes of headers and of pages take turns, and both are hit.
@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.long)])
def test_fault_116_an_upgrade_that_is_killed_at_any_step_is_done_by_the_next_command(site, observed, stride):
    strace = require("strace")
    stored = [part for end in ("", "-wal", "-journal") for part in ("-P", f"{site.root}/state/tetra.db{end}")]
    killed = []
    for step in count(1, stride):
        old_store(site)
        inject = f"inject=pwrite64,fdatasync,fsync,ftruncate:signal=SIGKILL:when={step}"
        done = site.command(strace, "-o", "/dev/null", *stored, "-e", inject, *TETRA, "show", OLD_RUN)
        check_old_run(site)
        assert site.count("SELECT max(version) FROM schema_version") == VERSION
        if done.returncode != -9:
            break
        killed.append(step)
    observed(f"SIGKILL at {len(killed)} writes and syncs of the upgrade, up to number {max(killed)}", len(killed) >= 3)


def test_fault_117_when_a_newer_version_takes_over_the_store_a_run_that_goes_on_writes_nothing_more(site, observed):
    site.configure(f"pipelines: {{gate: {{shell: '{GATE}'}}, after: {{shell: echo after, depends_on: [gate]}}}}")
    running = site.start("run")
    site.note("owner")
    site.until(lambda: site.count("SELECT count(*) FROM attempts WHERE state = 'running'"))
    with sqlite3.connect(site.root / "state" / "tetra.db", isolation_level=None) as store:
        store.execute("BEGIN IMMEDIATE")  # as an upgrade does: a commit of the run in between would see half of it
        store.execute("CREATE TABLE later (x TEXT) STRICT")
        store.execute("INSERT INTO schema_version VALUES (99, '9.1.0')")
        store.execute("COMMIT")
    observed("schema version 99 while the run goes on", running.poll() is None)
    late = site.run("run")
    assert late.returncode == 69
    assert "newer version" in late.stderr
    (site.root / "open").touch()
    done = site.finish(running)
    assert done.returncode == 69
    assert "the store was written by a newer version, 9.1.0; not recorded any more: gate " in done.stderr
    assert site.count("SELECT count(*) FROM task_runs WHERE state = 'succeeded'") == 0


#: A crontab(1) for one user, whose table is a file beside it.
CRONTAB = """#!/bin/sh
table="$(dirname "$0")/table"
[ "$1" = -l ] || exec cat >"$table"
cat "$table" 2>/dev/null || { echo "no crontab for ada" >&2; exit 1; }
"""


def test_fault_118_units_that_are_no_longer_what_the_file_says_are_told(site, observed):
    crontab = site.write("tools/crontab", CRONTAB)
    crontab.chmod(0o755)
    site.env["PATH"] = f"{crontab.parent}:{site.env['PATH']}"
    configuration = (
        "pipelines: {a: {shell: 'true'}}\nmodes: {m: [a]}\nschedules: {daily: {mode: m, cron: '0 19 * * *'}}"
    )
    site.configure(configuration)
    assert site.run("schedule", "apply", "--by", "crontab").returncode == 0
    assert "0 19 * * * " in (crontab.parent / "table").read_text()
    assert not re.search("^(warning|error) +(units|timer)", site.run("doctor", "--by", "crontab").stdout, re.M)

    site.configure(configuration.replace("0 19", "30 6"))
    installed = (crontab.parent / "table").read_text()
    observed("the file says 06:30, the crontab 19:00", "0 19 * * * " in installed and "30 6" not in installed)
    done = site.run("doctor", "--by", "crontab")
    assert done.returncode == 1
    assert re.search("^warning +units_stale +demo\\.crontab has changed$", done.stdout, re.M)
    assert "\nunits_stale: tetra schedule apply\n" in done.stdout

    assert site.run("schedule", "apply", "--by", "crontab").returncode == 0
    assert "units_stale" not in site.run("doctor", "--by", "crontab").stdout
