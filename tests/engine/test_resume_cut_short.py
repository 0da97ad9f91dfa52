"""A resumed run that dies at once, and is resumed itself: what the first one had done still counts."""

from __future__ import annotations

import pytest

from support.worlds import Stage, fail_first, project, task
from tetra_orchestrator import failpoints
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.engine.again import Again
from tetra_orchestrator.engine.reconcile import reconcile


class Killed(BaseException):
    """The end of the process."""


@pytest.fixture
def kill():
    """Has this process die at the place."""

    def die(name):
        raise Killed(name)

    yield lambda place: failpoints.arm(f"{place}=kill", {"kill": die})
    failpoints.arm("")


def resume(stage):
    return stage.run(again=Again(stage.last_run.run_id), trigger="resume")


@pytest.mark.parametrize("place", ["run.insert.commit", "attempt.insert", "attempt.insert.commit"])
def test_what_had_succeeded_is_skipped_by_a_resume_of_a_resume_that_died(place, kill):
    stage = Stage(project(task("a"), task("b", "a")), fail_first(1, "b"))
    assert stage.run() == 2
    first = stage.last_run.run_id
    stage.runner.script = lambda task_id, number: (1.0, Exited(0), {})
    kill(place)
    with pytest.raises(Killed):
        resume(stage)
    failpoints.arm("")
    stage.processes.alive.clear()
    reconcile(stage.scene, end_survivors=True)
    assert stage.states()["a"] == "skipped"
    assert stage.reasons()["a"] == f"it succeeded in run {first}"
    stage.processes.alive.add("me")
    assert resume(stage) == 0
    assert stage.states() == {"a": "skipped", "b": "succeeded"}
    assert stage.reasons()["a"] == f"it succeeded in run {first}"
