"""A run beside others: what it publishes of itself, and how it waits for what they take."""

from __future__ import annotations

import pytest

from support.worlds import Stage, project, task
from tetra_orchestrator.core.outcome import Exited


def pooled(*names):
    return project(*(task(name, pool=(("db", 1),)) for name in names), pools=(("db", 2),))


def test_what_a_run_takes_is_published_before_its_processes_start_and_until_they_have_ended():
    stage = Stage(pooled("a", "b", "c"), lambda name, number: ({"a": 1.0}.get(name, 2.0), Exited(0), {}))
    seen = []
    stage.runner.on_submit = lambda launches: seen.append((len(launches), stage.locks.run_shares.published[-1]))
    assert stage.run() == 0
    two = {"host.places": 2, "db": 2}
    assert seen == [(2, two), (1, two)]
    assert stage.locks.run_shares.published == [two, {"host.places": 1, "db": 1}, {}]


def test_a_task_that_waits_for_other_runs_starts_soon_after_they_give_it_back():
    stage = Stage(pooled("a"))
    others = stage.locks.run_shares.others = {"db": 2}
    began, ended = stage.clock.seconds, stage.runner.something_ended

    def give_back():
        if stage.clock.seconds >= began + 60:
            others.clear()
        return ended()

    stage.clock.on_wait = give_back
    assert stage.run() == 0
    (attempt,) = stage.store.attempts(stage.last_run.run_id)
    assert attempt.waited_s == pytest.approx(60, abs=0.6)


def test_a_run_that_waits_for_others_can_be_interrupted():
    stage = Stage(pooled("a"))
    stage.locks.run_shares.others = {"db": 2}
    began = stage.clock.seconds

    def interrupt():
        if stage.clock.seconds >= began + 5 and not stage.interrupts.numbers:
            stage.interrupts.numbers.append(15)
        return bool(stage.interrupts.numbers)

    stage.clock.on_wait = interrupt
    assert stage.run() == 143
    assert stage.states() == {"a": "cancelled"}


def test_a_run_is_held_as_long_as_it_is_performed():
    stage = Stage(pooled("a"))
    seen = []
    stage.runner.on_submit = lambda launches: seen.append(stage.locks.is_held(f"run-{stage.last_run.run_id}"))
    assert stage.run() == 0
    assert seen == [True]
    assert not stage.locks.is_held(f"run-{stage.last_run.run_id}")


def test_a_run_within_a_task_of_another_names_that_one_as_its_parent():
    stage = Stage(pooled("a"), environ={"TETRA_RUN_ID": "20260101T000000Z-aaaaaa"})
    assert stage.run() == 0
    assert stage.locks.run_shares.parent == "20260101T000000Z-aaaaaa"
