"""Attempts that take longer than `monitor: slow_task`, and what is kept of a task that has failed."""

from __future__ import annotations

import pytest

from support.worlds import Stage, project, task
from tetra_orchestrator.core.model import RetryPolicy
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.watching import Monitoring

LIMIT_S = 5.0


def lasting(seconds, code=0):
    return lambda task_id, number: (seconds, Exited(code), {})


def told(stage):
    return [(event.task, event.attempt, event.reason) for event in stage.reporter.events if event.event == "task.slow"]


@pytest.mark.parametrize(("seconds", "number"), [(4.0, 0), (5.0, 0), (6.0, 1)])
def test_R_080_an_attempt_is_told_of_once_it_took_longer_than_the_limit_and_only_then(seconds, number):
    stage = Stage(project(task("a"), monitor=Monitoring(slow_task_s=LIMIT_S)), lasting(seconds))
    assert stage.run() == 0
    assert len(told(stage)) == number


def test_R_080_it_says_how_long_it_took_and_how_long_it_may_take():
    stage = Stage(project(task("a"), monitor=Monitoring(slow_task_s=LIMIT_S)), lasting(6.0))
    stage.run()
    [(name, attempt, reason)] = told(stage)
    assert (name, attempt) == ("a", 1)
    assert reason.code == "slow_task"
    assert reason.text == "took 6.0 s, more than the 5 s of `monitor: slow_task`"
    assert stage.story() == ["run.started", "attempt.started a 1", "task.slow a 1", "attempt.finished a 1", *END]
    stored = [event.event for event in stage.store.events(stage.last_run.run_id)]
    assert stored == [event.event for event in stage.reporter.events]


END = ("task.finished a 1", "run.finished")


def test_each_slow_attempt_of_a_task_is_told_of():
    twice = RetryPolicy(max_attempts=2, delay_s=1.0)
    stage = Stage(project(task("a", retry=twice), monitor=Monitoring(slow_task_s=LIMIT_S)), lasting(6.0, code=1))
    stage.run()
    assert [(name, attempt) for name, attempt, _ in told(stage)] == [("a", 1), ("a", 2)]


def test_without_a_limit_nothing_is_slow():
    for monitor in (None, Monitoring()):
        stage = Stage(project(task("a"), monitor=monitor), lasting(1e5))
        stage.run()
        assert told(stage) == []


def test_D_121_the_metrics_of_a_task_that_has_failed_are_kept_and_nothing_else_that_it_handed_on():
    def script(task_id, number):
        return 1.0, Exited(2), {"rows": 3, "metrics": {"records": 7}}

    stage = Stage(project(task("a"), task("b", "a")), script)
    stage.run()
    rows = {row.task_id: (row.state, row.outputs) for row in stage.store.task_runs(stage.last_run.run_id)}
    assert rows == {"a": ("failed", {"metrics": {"records": 7}}), "b": ("upstream_failed", None)}
