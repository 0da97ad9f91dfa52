"""A run whose pipeline has `checkpoint: true` goes on from the checkpoint of the run in which that failed."""

from __future__ import annotations

import pytest

from support.worlds import Stage, fail_first, project, succeed, task
from tetra_orchestrator.core.history import Partition, Run, TaskRun
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.core.watching import OnFailure
from tetra_orchestrator.engine.overlap import ALLOW
from tetra_orchestrator.errors import Exit

ALWAYS = fail_first(99, "a")


def stage_of(*tasks, script=ALWAYS, **rule):
    """Tasks whose pipelines all say that."""
    given = project(*(tasks or (task("a"),)))
    rule = OnFailure(**{"checkpoint": True, **rule})
    return Stage(given._replace(pipelines=tuple(one._replace(on_failure=rule) for one in given.pipelines)), script)


def leave(stage, *tasks):
    """The last run has left something in the checkpoint folders of these tasks."""
    stage.workspace.checkpoints |= {(stage.last_run.run_id, name) for name in tasks}
    return stage.last_run.run_id


def went_on(stage):
    """The run from whose checkpoint the last one went on, by task."""
    own = [event for event in stage.reporter.events if event.run_id == stage.last_run.run_id]
    said = {event.task: event.reason for event in own if event.event == "attempt.started" and event.attempt == 1}
    return {name: reason.text for name, reason in said.items() if reason.code == "from_checkpoint"}


def test_T_165_the_next_run_goes_on_once_and_until_it_succeeds():
    stage = stage_of()
    assert stage.run() == Exit.FAILED
    first = leave(stage, "a")
    assert stage.run() == Exit.FAILED
    second = stage.last_run.run_id
    assert went_on(stage) == {"a": f"it goes on from the checkpoint of run {first}"}
    stage.runner.script = succeed
    assert stage.run() == Exit.OK
    assert went_on(stage) == {"a": f"it goes on from the checkpoint of run {second}"}
    assert stage.run() == Exit.OK
    assert went_on(stage) == {}


def test_only_tasks_that_have_not_succeeded_go_on():
    stage = stage_of(task("a"), task("b"))
    assert stage.run() == Exit.FAILED
    failed = leave(stage, "a", "b")
    stage.run()
    assert went_on(stage) == {"a": f"it goes on from the checkpoint of run {failed}"}


def test_without_the_rule_every_run_begins_anew():
    stage = stage_of(checkpoint=False, notify=("email",))
    stage.run()
    leave(stage, "a")
    stage.run()
    assert went_on(stage) == {}


@pytest.mark.parametrize(
    "purpose",
    [
        {"mode": None, "names": ("a",)},
        {"partition": Partition("2026-01-01", "2026-01-31")},
        {"given": {"x": "1"}},
        {"anew": ("a",)},
    ],
    ids=["mode", "dates", "parameters", "anew"],
)
def test_a_run_for_another_purpose_or_anew_begins_without_it(purpose):
    stage = stage_of()
    stage.run()
    failed = leave(stage, "a")
    stage.run(**purpose)
    assert went_on(stage) == {}
    stage.run()
    assert went_on(stage) == {"a": f"it goes on from the checkpoint of run {failed}"}


def test_it_goes_on_past_a_run_that_died_before_it_had_anything():
    stage = stage_of()
    stage.run()
    failed = leave(stage, "a")
    stage.runner.on_submit = lambda launches: stage.workspace.checkpoints.clear()
    stage.run()
    stage.runner.on_submit = lambda launches: None
    stage.workspace.checkpoints.add((failed, "a"))
    stage.run()
    assert went_on(stage) == {"a": f"it goes on from the checkpoint of run {failed}"}


def test_what_a_living_run_may_be_at_work_in_is_left_alone():
    stage = stage_of()
    stage.run()
    failed = stage.last_run
    leave(stage, "a")
    living = failed._replace(run_id="20260301T200009Z-aaaaaa", state=RunState.RUNNING.value)
    rows = [row._replace(run_id=living.run_id, state="running") for row in stage.store.task_runs(failed.run_id)]
    stage.store.open_run(living, rows, [], "{}")
    stage.run(overlap=ALLOW)
    assert went_on(stage) == {}


def test_a_run_that_waits_behind_it_does_not_keep_the_checkpoint_from_it():
    stage = stage_of()
    stage.run()
    failed = leave(stage, "a")
    stage.processes.alive.add("other")
    waiting = Run("20990101T000000Z-aaaaaa", "tetra", "all", "manual", "queued", "c0ffee", owner="other")
    stage.store.open_run(waiting, [TaskRun(waiting.run_id, "a", "a", 0, "pending")], (), "{}")
    stage.run()
    said = {event.reason.text for event in stage.reporter.events if event.event == "attempt.started"}
    assert f"it goes on from the checkpoint of run {failed}" in said
