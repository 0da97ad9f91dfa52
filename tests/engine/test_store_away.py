"""The database goes away under a run and comes back, or others take the run over; and word from another host."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from engine.test_overlap import after_waiting, beside_another
from support.fakes import FakeShares
from support.worlds import Stage, project, task
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.engine.cancel import cancel
from tetra_orchestrator.errors import StoreError
from tetra_orchestrator.ports import Wakeup

AWAY = StoreError("the server went away", code="store_lost")
TAKEN_OVER = StoreError("for 30 s nothing could show that the run is still ours", code="store_lost")
EVERY_S = 5.0


class Lease(FakeShares):
    """Shares that have to be shown again and again; `given_up` says whether that has not been possible for too long."""

    def __init__(self):
        super().__init__()
        self.turns = 0
        self.heard = False
        self.given_up = lambda: False

    @contextmanager
    def turn(self):
        self.turns += 1
        if self.given_up():
            raise TAKEN_OVER
        yield self.others

    def wakeup(self):
        return Wakeup(None, EVERY_S)

    def asked(self):
        heard, self.heard = self.heard, False
        return heard


def stage_of(*tasks, seconds=1.0):
    stage = Stage(project(*tasks), lambda name, number: (seconds, Exited(0), {}))
    stage.locks.run_shares = stage.lease = Lease()
    return stage


def goes_away(stage, at, until_s):
    """From the commit number `at` on the store is away until so many seconds have passed; how often it was tried."""
    record, wait, tried = stage.store.record, stage.clock.wait, []

    def is_away():
        return len(tried) >= at and stage.clock.seconds < until_s

    def recorded(changes):
        tried.append(stage.clock.seconds)
        if is_away():
            raise AWAY
        record(changes)

    def waited(fds, timeout_s):
        """Meanwhile only signals are waited for, whatever else has happened."""
        if not is_away():
            return wait(fds, timeout_s)
        stage.clock.on_wait()
        stage.clock.seconds += 0 if stage.interrupts.numbers else timeout_s
        return bool(stage.interrupts.numbers)

    stage.store.record, stage.clock.wait = recorded, waited
    return tried


def test_a_store_that_comes_back_is_waited_for_and_each_task_ran_once():
    stage = stage_of(task("a"), task("b", "a"))
    began = stage.clock.seconds
    tried = goes_away(stage, at=2, until_s=began + 20)
    assert stage.run() == 0
    assert stage.attempts() == [("a", 1, "exited", 0), ("b", 1, "exited", 0)]
    assert stage.clock.seconds - began >= 20
    assert len(tried) > 50, "it was tried again and again"


def test_while_the_store_is_away_nothing_new_starts():
    stage = stage_of(task("a"), task("b", "a"))
    began, started = stage.clock.seconds, []
    stage.runner.on_submit = lambda launches: started.extend([stage.clock.seconds - began] * len(launches))
    goes_away(stage, at=3, until_s=began + 20)  # with the end of `a` and the row of `b`
    stage.run()
    assert started == [0.0, pytest.approx(20, abs=1)]


def test_a_run_that_others_may_take_over_ends_what_runs_and_says_so():
    stage = stage_of(task("a"), task("long"), seconds=1000.0)
    began = stage.clock.seconds
    stage.lease.given_up = lambda: stage.clock.seconds - began > 30
    with pytest.raises(StoreError) as caught:
        stage.run()
    assert caught.value is TAKEN_OVER
    assert stage.clock.seconds - began < 60
    assert sorted(stage.runner.cancelled) == ["job-1", "job-2"]


def test_a_run_that_is_given_up_while_the_store_is_away_ends_too():
    stage = stage_of(task("a"), task("b", "a"))
    began = stage.clock.seconds
    goes_away(stage, at=2, until_s=float("inf"))
    stage.lease.given_up = lambda: stage.clock.seconds - began > 30
    with pytest.raises(
        StoreError, match="for 30 s nothing could show that the run is still ours; not recorded any more"
    ):
        stage.run()
    assert [launch.env["TETRA_TASK"] for launch in stage.runner.launches] == ["a"]


def test_a_signal_ends_the_waiting_for_a_store_that_is_away():
    stage = stage_of(task("a"), task("b", "a"))
    began = stage.clock.seconds
    goes_away(stage, at=2, until_s=float("inf"))
    stage.lease.given_up = lambda: stage.clock.seconds - began > 1000
    after_waiting(stage, 10.0, lambda: stage.interrupts.numbers.append(15))
    after_waiting(stage, 20.0, lambda: stage.interrupts.numbers.append(15))
    with pytest.raises(StoreError):
        stage.run()
    assert stage.clock.seconds - began < 30


def test_a_run_takes_turns_in_the_time_of_its_lease_although_nothing_happens():
    stage = stage_of(task("a"), seconds=100 * EVERY_S)
    assert stage.run() == 0
    assert stage.lease.turns >= 100


def test_word_from_another_host_has_the_run_look_at_what_it_was_asked_for():
    stage = stage_of(task("a"), seconds=1000.0)

    def ask():
        stage.store.request(stage.last_run.run_id, "cancel", stage.clock.now())
        stage.lease.heard = True

    after_waiting(stage, 10.0, ask)
    assert stage.run() == 2
    assert stage.last_run.state == "cancelled"
    assert stage.reporter.events[-1].reason.text == "cancelled by `tetra cancel`"


def test_word_that_comes_to_nothing_changes_nothing():
    stage = stage_of(task("a"), seconds=100.0)
    after_waiting(stage, 10.0, lambda: setattr(stage.lease, "heard", True))
    assert stage.run() == 0


def test_who_cannot_be_signalled_is_told_through_the_locks_and_who_can_be_is_not():
    for alive, nudged in ((True, []), (False, ["20200101T000000Z-aaaaaa"])):
        stage, other = beside_another()
        if not alive:
            stage.processes.alive.clear()
            stage.locks.taken.add(f"run-{other.run_id}")  # as on another host
        cancel(other.run_id, stage.scene, 1.0)
        assert stage.store.requests(other.run_id) == ["cancel"]
        assert stage.locks.nudged == nudged


def test_a_run_that_waits_for_its_turn_is_ended_by_what_it_was_asked_for_without_a_signal():
    stage, _ = beside_another()
    after_waiting(stage, 1.0, lambda: stage.store.request(stage.last_run.run_id, "cancel", stage.clock.now()))
    assert stage.run(overlap="queue") == 2
    assert stage.last_run.state == "cancelled"
    assert set(stage.reasons().values()) == {"cancelled by `tetra cancel`"}
