"""The short form of `python -m proofs contention`, and that it finds a store that loses, doubles or refuses."""

from __future__ import annotations

import copy
import sys
import tempfile

import pytest

from tetra_orchestrator.adapters.store import sqlite_faults
from tetra_orchestrator.adapters.store.sql_changes import STATEMENTS
from tetra_orchestrator.core.changes import TaskMoved

if sys.platform != "linux":
    pytest.skip("asks the kernel who has the write lock, in the layout of Linux", allow_module_level=True)

from proofs.contention import FULL, SHORT, Author, Load, Move, Supervisor, judged, main, writer_of

FEW = Load(4, 20, 60.0)


@pytest.fixture(scope="module")
def done():
    with tempfile.TemporaryDirectory(prefix="tetra-", dir="/var/tmp") as folder:  # in memory nobody is overtaken
        supervisor = Supervisor(SHORT, f"{folder}/state/tetra.db")
        supervisor.perform()
        yield supervisor


@pytest.fixture
def tampered(done):
    supervisor = copy.copy(done)
    supervisor.acknowledged, supervisor.killed = dict(done.acknowledged), set(done.killed)
    return supervisor


def found_by(load, tmp_path):
    supervisor = Supervisor(load, str(tmp_path / "state" / "tetra.db"))
    supervisor.perform()
    return supervisor.violations


def test_fifty_writers_lose_nothing_and_are_never_refused_while_some_are_killed(done):
    assert [*done.violations, *judged(done)] == []
    assert len(done.acknowledged) == SHORT.workers * SHORT.each
    assert done.killed


def test_of_several_writers_of_one_version_one_wins_and_the_others_are_told(done):
    shared = [move for move in done.acknowledged if move.run_id == "shared"]
    assert len({done.acknowledged[move].pid for move in shared}) > 10
    assert done.said["overtaken"] > 0


def test_a_reader_is_never_held_up_by_them(done):
    assert done.said["read"] > 0


def test_the_full_form_is_fifty_times_two_hundred_with_a_kill_a_second():
    assert Load(workers=50, each=200, kill_every_s=1.0) == FULL


def test_a_store_that_nobody_has_open_has_no_writer(tmp_path):
    assert writer_of(str(tmp_path / "tetra.db")) is None


def test_a_lost_transition_is_found(tampered):
    lost = Move("own-1", "t0", 10_000)
    tampered.acknowledged[lost] = Author(1, 2)
    assert f"lost: {lost} of {Author(1, 2)}" in list(judged(tampered))


def test_a_transition_that_nobody_was_told_of_is_found(tampered):
    tampered.killed.clear()
    move, author = next(iter(tampered.acknowledged.items()))
    del tampered.acknowledged[move]
    assert f"1 of {author.pid} were not told" in list(judged(tampered))


def test_a_transition_of_somebody_else_is_found(tampered):
    move = next(iter(tampered.acknowledged))
    tampered.acknowledged[move] = Author(1, 2)
    assert f"lost: {move} of {Author(1, 2)}" in list(judged(tampered))


def test_a_lock_error_that_surfaces_is_found(disk_path, monkeypatch):
    monkeypatch.setattr(sqlite_faults, "BUSY_S", 0)
    violations = found_by(Load(8, 60, 60.0), disk_path)
    assert any("another process has kept the store locked for 0 s" in text for text in violations), violations


def test_a_compare_and_set_that_does_not_compare_is_found(disk_path, monkeypatch):
    statement, values = STATEMENTS[TaskMoved]
    careless = statement.replace("AND state = ? AND version = ?", "AND ? <> '' AND ? >= 0")
    assert careless != statement
    monkeypatch.setitem(STATEMENTS, TaskMoved, (careless, values))
    violations = found_by(Load(8, 60, 60.0), disk_path)
    assert any("is recorded already" in text for text in violations), violations


def test_the_last_line_is_the_figure(monkeypatch, capsys):
    monkeypatch.setattr("proofs.contention.SHORT", FEW)
    assert main(["--short"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "80 transitions acknowledged: 0 violations"
