"""The store fails under a run: what runs is ended, and what is known is recorded if it still can be."""

from __future__ import annotations

import pytest

from support.worlds import Stage, project, task
from tetra_orchestrator.core.changes import AttemptClosed, AttemptOpened, AttemptRunning, RunMoved
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.engine.journal import TRIES
from tetra_orchestrator.errors import CannotWrite, StateConflict, StoreError

FULL = CannotWrite("the disk is full", hint="free some space", where="/state/tetra.db")
BUSY = StoreError("another process has kept the store locked for 10 s", code="store_busy")


class Failing:
    """A store whose `record` raises while `refuses(changes)`; `room` counts how often it was asked to make room."""

    def __init__(self, stage, error, refuses):
        self._record = stage.store.record
        self._error = error
        self._refuses = refuses
        self.room = 0
        self.refused = 0
        stage.store.record = self.record
        stage.store.make_room = self.make_room

    def record(self, changes):
        changes = list(changes)
        if self._refuses(self, changes):
            self.refused += 1
            raise self._error
        self._record(changes)

    def make_room(self):
        self.room += 1


def holds(kind):
    return lambda changes: any(isinstance(change, kind) for change in changes)


def until_room_is_made(at):
    """Refuse from the first commit for which `at(changes)` is true until room is made."""
    return lambda failing, changes: not failing.room and (failing.refused > 0 or at(changes))


def chain():
    return Stage(project(task("a"), task("b", "a"), task("c", "b")))


def test_45_on_a_full_disk_the_run_ends_and_says_so_with_the_space_that_was_kept():
    stage = chain()
    failing = Failing(stage, FULL, until_room_is_made(holds(AttemptClosed)))
    with pytest.raises(CannotWrite) as caught:
        stage.run()
    assert caught.value is FULL
    run = stage.last_run
    assert (run.state, run.exit_code) == ("failed", 73)
    assert stage.states() == {"a": "succeeded", "b": "cancelled", "c": "cancelled"}
    assert stage.attempts() == [("a", 1, "exited", 0), ("b", 1, "cancelled", None)]
    assert stage.reasons()["c"] == "the run was ended, because the disk is full"
    assert failing.room == 1


def test_what_runs_is_ended_with_its_grace_and_how_it_ended_is_recorded():
    stage = Stage(project(task("a"), task("long")), lambda name, n: (9.0 if name == "long" else 1.0, Exited(0), {}))
    Failing(stage, FULL, until_room_is_made(holds(AttemptClosed)))
    with pytest.raises(CannotWrite):
        stage.run()
    assert stage.runner.cancelled == ["job-2"]
    assert stage.attempts() == [("a", 1, "exited", 0), ("long", 1, "cancelled", None)]


def test_a_run_whose_last_words_come_through_after_all_ends_as_it_would_have():
    stage = chain()
    Failing(stage, FULL, until_room_is_made(holds(RunMoved)))
    assert stage.run() == 0
    assert stage.last_run.state == "succeeded"


def test_56_where_nothing_can_be_recorded_any_more_the_error_tells_what_is_known():
    stage = chain()
    Failing(stage, FULL, lambda failing, changes: failing.refused or holds(AttemptClosed)(changes))
    with pytest.raises(CannotWrite) as caught:
        stage.run()
    assert str(caught.value) == (
        "/state/tetra.db: the disk is full; not recorded any more: a exited with code 0; b cancelled\n"
        "  hint: free some space"
    )
    assert stage.last_run.state == "running", "the next command settles it"
    assert stage.runner.jobs == {}


def test_what_somebody_else_has_settled_is_not_written_again():
    stage = chain()
    failing = Failing(stage, StateConflict("somebody moved it"), lambda failing, changes: holds(AttemptClosed)(changes))
    with pytest.raises(StoreError, match="was settled by somebody else: somebody moved it"):
        stage.run()
    assert failing.room == 0


def test_54_a_store_that_is_locked_for_a_while_only_holds_the_run_up():
    stage = chain()
    failing = Failing(stage, BUSY, lambda failing, changes: failing.refused < TRIES - 1)
    assert stage.run() == 0
    assert failing.refused == TRIES - 1


def test_a_store_that_stays_locked_ends_the_run():
    stage = chain()
    failing = Failing(stage, BUSY, lambda failing, changes: holds(AttemptClosed)(changes))
    with pytest.raises(StoreError, match="another process has kept the store locked for 10 s"):
        stage.run()
    assert failing.refused == 2 * TRIES


def test_a_signal_while_the_run_ends_itself_ends_its_tasks_at_once():
    stage = Stage(project(task("a"), task("long")), lambda name, n: (9.0 if name == "long" else 1.0, Exited(0), {}))
    Failing(stage, FULL, until_room_is_made(holds(AttemptClosed)))

    def cancel(handle):
        stage.interrupts.numbers.append(2)
        stage.runner.cancelled.append(handle)

    stage.runner.cancel = cancel
    with pytest.raises(CannotWrite):
        stage.run()
    assert stage.runner.killed == ["job-2"]


class Doubtful:
    """A store whose commits are made and said to have failed, where `lies(changes)` is true."""

    def __init__(self, stage, error, lies):
        self._record = stage.store.record
        self._error = error
        self._lies = lies
        self.lied = 0
        stage.store.record = self.record

    def record(self, changes):
        changes = list(changes)
        self._record(changes)
        if self._lies(changes):
            self.lied += 1
            raise self._error


@pytest.mark.parametrize("kind", [AttemptOpened, AttemptRunning, AttemptClosed, RunMoved])
def test_a_commit_that_was_made_although_the_store_seemed_locked_is_not_made_again(kind):
    stage = Stage(project(task("a"), task("b", "a")))
    doubtful = Doubtful(stage, BUSY, holds(kind))
    assert stage.run() == 0
    assert doubtful.lied
    assert stage.states() == {"a": "succeeded", "b": "succeeded"}
    assert stage.attempts() == [("a", 1, "exited", 0), ("b", 1, "exited", 0)]
    assert [event.seq for event in stage.reporter.events] == [
        event.seq for event in stage.store.events(stage.last_run.run_id)
    ], "and what was told of it was told once"


def test_a_run_that_ends_itself_goes_on_from_the_commit_that_seemed_to_fail():
    stage = chain()
    doubtful = Doubtful(stage, FULL, lambda changes: not doubtful.lied and holds(AttemptClosed)(changes))
    with pytest.raises(CannotWrite) as caught:
        stage.run()
    assert caught.value is FULL
    assert (stage.last_run.state, stage.last_run.exit_code) == ("failed", 73)
    assert stage.attempts() == [("a", 1, "exited", 0), ("b", 1, "cancelled", None)]


def test_a_run_whose_last_commit_seemed_to_fail_ends_as_the_store_says():
    stage = chain()
    doubtful = Doubtful(stage, FULL, holds(RunMoved))
    assert stage.run() == 0
    assert (doubtful.lied, stage.last_run.state) == (1, "succeeded")
