"""A new run that goes on from a checkpoint."""

from __future__ import annotations

import pytest

from support.worlds import Stage, fail_first, project, task
from tetra_orchestrator.core.checkpoint import Checkpoint
from tetra_orchestrator.core.model import Command, Reason
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.engine.again import Again
from tetra_orchestrator.engine.from_checkpoint import FromCheckpoint
from tetra_orchestrator.errors import UsageError

PATH = "/left/one.json"
PASSES_ON = {"program": Command(("use", "{a.rows}"))}


def source(run_id="PIPELINE_ID", stages=("a",), outputs=None):
    return FromCheckpoint(PATH, Checkpoint(run_id, "tetra", tuple(stages), outputs or {}, 1.0))


def started(stage):
    return [one.env["TETRA_TASK"] for one in stage.runner.launches]


def failed(*tasks, at, **request):
    """A run of which the task `at` has failed; next time all succeed."""
    stage = Stage(project(*tasks), fail_first(1, at))
    assert stage.run(**request) == 2
    stage.runner.script = lambda task_id, number: (1.0, Exited(0), {})
    stage.runner.launches.clear()
    return stage


def test_A_059_what_a_checkpoint_lists_is_not_run_though_nobody_knows_its_run():
    stage = Stage(project(task("a"), task("b", "a"), task("c", "b")))
    assert stage.run(again=source(stages=("a", "b")), trigger="resume") == 0
    assert started(stage) == ["c"]
    run = stage.last_run
    assert (run.resumes, run.trigger, run.state) == (None, "resume", "succeeded")
    assert stage.states() == {"a": "skipped", "b": "skipped", "c": "succeeded"}
    assert stage.store.task_runs(run.run_id)[0].reason == Reason("in_checkpoint", f"the checkpoint {PATH} has it")


def test_A_033_references_to_stages_in_the_checkpoint_resolve_to_its_outputs():
    stage = Stage(project(task("a"), task("b", "a", **PASSES_ON)))
    assert stage.run(again=source(outputs={"a": {"rows": 5}})) == 0
    assert [one.argv for one in stage.runner.launches] == [("use", "5")]
    assert stage.store.task_runs(stage.last_run.run_id)[0].outputs == {"rows": 5}


def test_a_reference_to_an_output_that_the_checkpoint_lacks_fails_the_task_that_needs_it():
    stage = Stage(project(task("a"), task("b", "a", **PASSES_ON)))
    assert stage.run(again=source(outputs={"a": {"other": 5}})) == 2
    assert stage.reasons()["b"] == (
        "could not start: {a.rows} has no value: a left no output 'rows' (outputs: other) (template)"
    )


def test_a_run_that_the_store_has_is_resumed_with_what_it_did_after_its_checkpoint():
    stage = failed(task("a"), task("b"), task("c", "a", "b"), at="c")
    old = stage.last_run.run_id
    assert stage.run(again=source(old, outputs={"a": {"rows": 9}})) == 0
    assert (started(stage), stage.last_run.resumes) == (["c"], old)
    reasons = {row.task_id: row.reason.code for row in stage.store.task_runs(stage.last_run.run_id) if row.reason}
    assert (reasons["a"], reasons["b"]) == ("in_checkpoint", "already_succeeded")
    assert stage.store.task_runs(stage.last_run.run_id)[0].outputs == {"rows": 9}


def test_what_a_checkpoint_had_stays_done_for_whoever_resumes_the_run_that_went_on_from_it():
    stage = Stage(project(task("a"), task("b", "a"), task("c", "b")), fail_first(1, "b"))
    assert stage.run(again=source()) == 2
    stage.runner.script = lambda task_id, number: (1.0, Exited(0), {})
    stage.runner.launches.clear()
    assert stage.run(again=Again(stage.last_run.run_id)) == 0
    assert started(stage) == ["b", "c"]


def test_a_run_is_resumed_once_by_a_checkpoint_too():
    stage = failed(task("a"), task("b", "a"), at="b")
    old = stage.last_run.run_id
    stage.run(again=Again(old))
    newer = stage.last_run.run_id
    with pytest.raises(UsageError) as refused:
        stage.run(again=source(old))
    assert str(refused.value) == (
        f"run {old} was resumed by {newer}\n"
        f"  hint: `tetra resume {newer}` goes on there, `tetra retry {old} --task T` does single tasks again"
    )
    assert stage.last_run.run_id == newer


@pytest.mark.parametrize(
    ("before", "now", "words"), [({"rows": "7"}, {}, "--param rows=7"), ({}, {"rows": "7"}, "no --param")]
)
def test_a_run_with_other_parameters_does_not_take_what_was_done_with_its_own(before, now, words):
    stage = failed(task("a"), task("b", "a"), at="b", given=before)
    old = stage.last_run.run_id
    with pytest.raises(UsageError) as refused:
        stage.run(again=source(old), given=now)
    assert str(refused.value) == (
        f"run {old}, which left {PATH}, had other parameters\n  hint: give it the same: {words}"
    )


def test_stages_that_are_not_part_of_this_run_are_no_part_of_it_by_a_checkpoint():
    stage = Stage(project(task("a"), task("b"), task("c")))
    assert stage.run(None, ("b", "c"), again=source(stages=("a", "b"))) == 0
    assert stage.states() == {"b": "skipped", "c": "succeeded"}
