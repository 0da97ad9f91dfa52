"""What is made of a run whose owner has died: its bare attempts are lost, wrapped ones are taken up."""

from __future__ import annotations

import pytest

from support.worlds import Stage, project, task
from tetra_orchestrator.core.facts import NO_FACTS, Facts, Usage
from tetra_orchestrator.core.outcome import Exited, Signalled
from tetra_orchestrator.engine.cancel import cancel
from tetra_orchestrator.engine.reconcile import reconcile, survivors
from tetra_orchestrator.engine.settle import STARTING_S
from tetra_orchestrator.errors import NotNow


def abandoned(*tasks, at=1):
    """A run whose owner dies as it submits for the `at`-th time."""
    stage = Stage(project(*tasks))
    submitted = []

    def die(launches):
        submitted.append(launches)
        if len(submitted) == at:
            raise RuntimeError("killed")

    stage.runner.on_submit = die
    with pytest.raises(RuntimeError):
        stage.run()
    stage.processes.alive.clear()
    stage.runner.on_submit = lambda launches: None
    return stage


def token_of(stage, task_id):
    return next(one.token for one in stage.store.attempts(stage.last_run.run_id) if one.task_id == task_id)


def output_of(stage, task_id):
    return stage.workspace.files(stage.last_run.run_id, task_id, 1).output


def test_a_wrapped_attempt_that_lives_keeps_its_run_open_and_everything_else_is_settled():
    stage = abandoned(task("a", survive=True), task("b"), task("c", "a"))
    stage.processes.ended.append(token_of(stage, "b"))
    assert reconcile(stage.scene, end_survivors=True) == []
    assert stage.last_run.state == "running"
    assert stage.states() == {"a": "submitted", "b": "lost", "c": "cancelled"}
    assert [one.task_id for one in survivors(stage.last_run.run_id, stage.scene)] == ["a"]
    assert reconcile(stage.scene, end_survivors=True) == []
    assert token_of(stage, "a") not in stage.processes.ended


def test_a_wrapped_attempt_that_has_ended_is_taken_up_with_its_exit_code_outputs_and_facts():
    stage = abandoned(task("a", survive=True), task("b", "a"))
    facts = Facts(Usage(1.5, 4096), (("memory", "enforced"),), "cgroup")
    stage.processes.records[token_of(stage, "a")] = Exited(0), facts
    stage.workspace.written[output_of(stage, "a")] = {"rows": 12}
    assert reconcile(stage.scene, end_survivors=False) == [stage.last_run.run_id]
    assert stage.states() == {"a": "succeeded", "b": "cancelled"}
    assert stage.last_run.state == "lost"
    [attempt] = stage.store.attempts(stage.last_run.run_id)
    assert (attempt.runner, attempt.kind, attempt.exit_code, attempt.facts) == ("wrapped", "exited", 0, facts)
    assert stage.store.task_runs(stage.last_run.run_id)[0].outputs == {"rows": 12}
    assert [(e.event, e.task, e.state) for e in stage.store.events(stage.last_run.run_id)][-4:] == [
        ("attempt.finished", "a", "succeeded"),
        ("task.finished", "a", "succeeded"),
        ("task.finished", "b", "cancelled"),
        ("run.finished", None, "lost"),
    ]
    assert stage.workspace.cleared == [stage.workspace.files(stage.last_run.run_id, "a", 1).input]


def test_a_run_of_which_everything_succeeded_without_its_owner_has_succeeded():
    stage = abandoned(task("a", survive=True))
    stage.processes.records[token_of(stage, "a")] = Exited(0), NO_FACTS
    reconcile(stage.scene, end_survivors=False)
    run = stage.last_run
    assert (run.state, run.exit_code) == ("succeeded", 0)


@pytest.mark.parametrize(
    ("outcome", "state", "kind"), [(Exited(3), "failed", "exited"), (Signalled(9), "failed", "signalled")]
)
def test_a_wrapped_attempt_that_failed_without_its_owner_has_failed(outcome, state, kind):
    stage = abandoned(task("a", survive=True))
    stage.processes.records[token_of(stage, "a")] = outcome, NO_FACTS
    reconcile(stage.scene, end_survivors=False)
    assert (stage.last_run.state, stage.last_run.exit_code) == (state, 2)
    [attempt] = stage.store.attempts(stage.last_run.run_id)
    assert (attempt.kind, attempt.tail) == (kind, f"end of {attempt.log}\n")


def test_outputs_that_cannot_be_read_make_a_failure_of_an_attempt_that_is_taken_up():
    stage = abandoned(task("a", survive=True))
    stage.processes.records[token_of(stage, "a")] = Exited(0), NO_FACTS
    stage.workspace.written[output_of(stage, "a")] = ValueError("line 1 is no object")
    reconcile(stage.scene, end_survivors=False)
    [attempt] = stage.store.attempts(stage.last_run.run_id)
    assert (stage.states(), attempt.kind) == ({"a": "failed"}, "outputs_invalid")
    assert stage.reasons() == {"a": "exited with code 0, but its outputs cannot be read: line 1 is no object"}


def test_a_wrapper_that_died_without_a_record_leaves_a_lost_attempt():
    stage = abandoned(task("a", survive=True))
    stage.processes.ended.append(token_of(stage, "a"))
    reconcile(stage.scene, end_survivors=False)
    assert stage.states() == {"a": "lost"}


def test_an_attempt_that_was_just_being_started_gets_the_time_to_show_its_token():
    stage = abandoned(task("a"))
    before = stage.clock.seconds
    reconcile(stage.scene, end_survivors=False)
    assert stage.clock.seconds - before == pytest.approx(STARTING_S)


def test_a_run_whose_lock_is_held_is_left_alone_though_its_owner_cannot_be_seen():
    stage = abandoned(task("a"))
    stage.locks.taken.add(f"run-{stage.last_run.run_id}")
    assert reconcile(stage.scene, end_survivors=True) == []
    assert (stage.last_run.state, stage.processes.ended) == ("running", [])


def test_another_run_of_the_pipeline_is_refused_while_something_of_it_outlives_its_owner():
    stage = abandoned(task("a", survive=True))
    old = stage.last_run.run_id
    stage.processes.alive.add("me")
    stage.store.runs = _with_owner(stage.store.runs, old)
    with pytest.raises(NotNow) as refused:
        stage.run()
    assert str(refused.value) == (
        f"a of run {old}, whose owner has died, is still running\n"
        f"  hint: `tetra resume {old}` waits for it and goes on, `tetra cancel {old}` ends it"
    )


def test_cancel_ends_what_outlived_the_owner_and_settles_its_run():
    stage = abandoned(task("a", survive=True), task("b", "a"))
    token = token_of(stage, "a")
    run = cancel(stage.last_run.run_id, stage.scene, wait_s=1.0)
    assert (run.state, stage.states()) == ("cancelled", {"a": "cancelled", "b": "cancelled"})
    assert stage.processes.ended == [token]
    assert set(stage.reasons().values()) == {"cancelled by `tetra cancel`"}


def _with_owner(runs, run_id):
    """The store's `runs`, with a dead owner for one of them."""
    return lambda **wanted: [r._replace(owner="dead") if r.run_id == run_id else r for r in runs(**wanted)]


def test_what_a_reading_command_has_settled_as_cancelled_is_ended_by_the_next_that_may_signal():
    stage = abandoned(task("a"))
    stage.store.request(stage.last_run.run_id, "cancel", stage.clock.now())
    reconcile(stage.scene, end_survivors=False)
    assert (stage.last_run.state, stage.states(), stage.processes.ended) == ("cancelled", {"a": "cancelled"}, [])
    reconcile(stage.scene, end_survivors=True)
    assert stage.processes.ended == [token_of(stage, "a")]


def test_the_record_of_a_wrapper_that_only_filters_a_log_is_not_believed_after_its_owner_s_death():
    stage = abandoned(task("a"))
    stage.processes.records[token_of(stage, "a")] = Signalled(15), NO_FACTS
    reconcile(stage.scene, end_survivors=True)
    assert stage.states() == {"a": "lost"}
