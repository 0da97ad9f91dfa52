"""`resume` and `retry`: a new run that does what an earlier one has left."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.worlds import Stage, fail_first, project, task
from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.graph import upstream_of
from tetra_orchestrator.core.model import Command, Reason, Service
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.engine.again import Again
from tetra_orchestrator.errors import NotNow, StoreError, UsageError

PASSES_ON = {"program": Command(("use", "{a.rows}"))}


def failed(*tasks, at="b", script=None):
    """A run of which the task `at` has failed; next time all succeed."""
    stage = Stage(project(*tasks), script or fail_first(1, at))
    assert stage.run() == 2
    stage.runner.script = lambda task_id, number: (1.0, Exited(0), {"rows": 7})
    stage.runner.launches.clear()
    return stage


def again(stage, *tasks, downstream=False):
    run_id = stage.last_run.run_id
    trigger = "retry" if tasks else "resume"
    code = stage.run(again=Again(run_id, tasks, downstream), trigger=trigger)
    return run_id, code


def started(stage):
    return [one.env["TETRA_TASK"] for one in stage.runner.launches]


def test_A_063_resume_does_what_has_not_succeeded_and_skips_the_rest():
    stage = failed(task("a"), task("b", "a"), task("c", "b"))
    old, code = again(stage)
    assert (code, started(stage)) == (0, ["b", "c"])
    run = stage.last_run
    assert (run.resumes, run.trigger, run.state) == (old, "resume", "succeeded")
    assert stage.states() == {"a": "skipped", "b": "succeeded", "c": "succeeded"}
    [row, *_] = stage.store.task_runs(run.run_id)
    assert row.reason == Reason("already_succeeded", f"it succeeded in run {old}")


def test_A_033_outputs_of_what_was_done_before_are_handed_on_and_stay_readable():
    stage = failed(
        task("a"), task("b", "a", **PASSES_ON), script=lambda name, n: (1.0, Exited(int(name == "b")), {"rows": 5})
    )
    again(stage)
    assert [one.argv for one in stage.runner.launches] == [("use", "5")]
    assert stage.store.task_runs(stage.last_run.run_id)[0].outputs == {"rows": 5}


def test_a_run_that_resumes_one_that_resumed_another_knows_what_both_have_done():
    stage = failed(task("a"), task("b", "a"), task("c", "b"))
    first = stage.last_run.run_id
    stage.runner.script = fail_first(1, "c")
    _, code = again(stage)
    assert code == 2
    stage.runner.launches.clear()
    stage.runner.script = lambda task_id, number: (1.0, Exited(0), {})
    again(stage)
    assert started(stage) == ["c"]
    reasons = {row.task_id: row.reason.text for row in stage.store.task_runs(stage.last_run.run_id)}
    assert reasons["a"] == f"it succeeded in run {first}"


def test_what_tasks_left_for_their_next_attempt_goes_over_to_the_run_that_resumes_theirs():
    stage = failed(task("a"), task("b", "a"))
    stage.runner.script = fail_first(1, "b")
    first, _ = again(stage)
    second, _ = again(stage)
    assert stage.workspace.carried == [([], first), ([first], second), ([second, first], stage.last_run.run_id)]


def test_I15_resuming_a_run_that_succeeded_does_nothing():
    stage = Stage(project(task("a"), task("b", "a")))
    stage.run()
    stage.runner.launches.clear()
    _, code = again(stage)
    assert (code, started(stage)) == (0, [])


def test_43_a_run_whose_owner_lives_is_not_resumed():
    stage = failed(task("a"), task("b", "a"))
    run = stage.last_run
    stage.store.run = lambda run_id: run._replace(state="running")
    with pytest.raises(NotNow) as refused:
        again(stage)
    assert str(refused.value) == (
        f"run {run.run_id} is still running\n  hint: wait until it ends, or `tetra cancel {run.run_id}`"
    )


def test_resume_waits_for_what_outlived_its_run_and_takes_its_success():
    stage = Stage(project(task("a", survive=True), task("b", "a")))
    stage.runner.on_submit = lambda launches: (_ for _ in ()).throw(RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        stage.run()
    old = stage.last_run.run_id
    stage.runner.on_submit = lambda launches: None
    [attempt] = stage.store.attempts(old)
    stage.store.runs = _with_owner(stage.store.runs, old)
    waited = stage.clock.on_wait

    def end_of_the_attempt():
        if stage.told:
            stage.processes.records[attempt.token] = Exited(0), NO_FACTS
        return waited()

    stage.clock.on_wait = end_of_the_attempt
    assert stage.run(again=Again(old)) == 0
    assert stage.told == [f"waiting: a of run {old} is still running"]
    assert stage.states() == {"a": "skipped", "b": "succeeded"}
    assert stage.store.run(old).state == "lost"
    assert started(stage) == ["b"]


def test_a_signal_ends_the_wait_for_what_outlived_its_run():
    stage = Stage(project(task("a", survive=True)))
    stage.runner.on_submit = lambda launches: (_ for _ in ()).throw(RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        stage.run()
    old = stage.last_run.run_id
    stage.store.runs = _with_owner(stage.store.runs, old)
    stage.interrupts.numbers.append(15)
    assert stage.run(again=Again(old)) == 143
    assert stage.store.run(old).state == "running"


def test_retry_does_one_task_again_and_leaves_the_others_as_they_are():
    stage = failed(task("a"), task("b", "a"), task("c", "b"), task("d"))
    old, code = again(stage, "a")
    assert (code, started(stage)) == (0, ["a"])
    reasons = {row.task_id: row.reason.code for row in stage.store.task_runs(stage.last_run.run_id)}
    assert reasons == {"a": "succeeded", "b": "not_retried", "c": "not_retried", "d": "already_succeeded"}
    assert stage.last_run.resumes == old


def test_retry_downstream_does_what_depends_on_it_too():
    stage = failed(task("a"), task("b", "a"), task("c", "b"), task("d"))
    _, code = again(stage, "b", downstream=True)
    assert (code, started(stage)) == (0, ["b", "c"])


def test_downstream_leaves_out_what_also_needs_something_that_has_not_succeeded():
    stage = failed(task("a"), task("b"), task("c", "a", "b"), task("d", "a"))
    _, code = again(stage, "a", downstream=True)
    assert (code, started(stage)) == (0, ["a", "d"])


def test_a_task_is_not_tried_again_before_what_it_depends_on():
    stage = failed(task("a"), task("b", "a"), task("c", "b"))
    old = stage.last_run.run_id
    with pytest.raises(UsageError) as refused:
        again(stage, "c")
    assert str(refused.value) == (
        f"c cannot be tried again: it depends on b, which has not succeeded in run {old}\n"
        f"  hint: add --task b, or do all that is left with `tetra resume {old}`"
    )
    assert stage.last_run.run_id == old


def test_a_task_that_the_run_does_not_have_is_not_tried_again():
    stage = failed(task("a"), task("b", "a"))
    old = stage.last_run.run_id
    with pytest.raises(UsageError) as refused:
        again(stage, "x")
    assert str(refused.value) == f"run {old} has no task 'x'\n  hint: tasks: a, b"


def test_what_a_retry_left_out_is_done_by_a_resume_of_it():
    stage = failed(task("a"), task("b", "a"), task("c", "b"))
    again(stage, "a")
    stage.runner.launches.clear()
    again(stage)
    assert started(stage) == ["b", "c"]


def test_a_service_starts_again_for_what_needs_it_again():
    ready = {"conditions": (("s", "ready"),)}
    stage = Stage(project(task("s", service=Service()), task("a", "s", **ready), task("b", "a")), fail_first(1, "b"))
    stage.runner.script = lambda name, n: (
        (5.0, Exited(0), {"ready": True}) if name == "s" else (1.0, Exited(int(name == "b")), {})
    )
    stage.run()
    stage.runner.launches.clear()
    stage.runner.script = lambda name, n: (5.0 if name == "s" else 1.0, Exited(0), {"ready": True})
    again(stage)
    assert started(stage) == ["b"]


def _with_owner(runs, run_id):
    """The store's `runs`, with a dead owner for one of them."""
    return lambda **wanted: [r._replace(owner="dead") if r.run_id == run_id else r for r in runs(**wanted)]


def test_a_run_that_another_goes_on_after_is_not_resumed_a_second_time():
    stage = failed(task("a"), task("b", "a"))
    old, _ = again(stage)
    newest = stage.last_run.run_id
    with pytest.raises(UsageError) as refused:
        stage.run(again=Again(old))
    assert str(refused.value) == (
        f"run {old} was resumed by {newest}\n"
        f"  hint: `tetra resume {newest}` goes on there, `tetra retry {old} --task T` does single tasks again"
    )
    assert stage.run(again=Again(old, ("b",)), trigger="retry") == 0


def test_a_run_that_the_store_does_not_have_is_not_taken_for_one_that_did_nothing():
    stage = failed(task("a"), task("b", "a"))
    with pytest.raises(StoreError, match="run 20200101T000000Z-aaaaaa is not in the store"):
        stage.run(again=Again("20200101T000000Z-aaaaaa"))


# -- with a configuration that has changed -------------------------------------------------------------------------

CHANGED = Reason("definition_changed", "its definition has changed: args")


def with_changes(stage, *names, tasks=()):
    run_id = stage.last_run.run_id
    stage.runner.launches.clear()
    redefined = dict.fromkeys(names, CHANGED)
    trigger = "retry" if tasks else "resume"
    return stage.run(again=Again(run_id, tasks, redefined=redefined), trigger=trigger)


def first_reasons(stage):
    """Why the first attempt of each task was started."""
    return {e.task: e.reason for e in stage.reporter.events if e.event == "attempt.started"}


def test_what_is_defined_otherwise_is_done_again_with_all_that_depends_on_it_and_says_so():
    stage = failed(task("a"), task("b", "a"), task("c", "a"), task("d", "c"), task("e"))
    assert with_changes(stage, "c") == 0
    assert sorted(started(stage)) == ["b", "c", "d"]
    reasons = first_reasons(stage)
    assert reasons["c"] == CHANGED
    assert reasons["d"] == Reason("definition_changed", "the definition of something that it depends on has changed")
    assert reasons["b"].code == "dependencies_succeeded"
    assert stage.states() == {"a": "skipped", "b": "succeeded", "c": "succeeded", "d": "succeeded", "e": "skipped"}


def test_outputs_of_what_is_done_again_do_not_count_beforehand():
    stage = failed(
        task("a"), task("b", "a", **PASSES_ON), script=lambda name, n: (1.0, Exited(int(name == "b")), {"rows": 5})
    )
    assert with_changes(stage, "a") == 0
    assert [one.argv for one in stage.runner.launches] == [("true",), ("use", "7")]


def test_a_retry_leaves_what_is_defined_otherwise_to_a_later_resume():
    stage = failed(task("a"), task("b", "a"), task("c"), task("d", "c"))
    assert with_changes(stage, "c", tasks=("b",)) == 0
    assert started(stage) == ["b"]
    reasons = {row.task_id: row.reason.code for row in stage.store.task_runs(stage.last_run.run_id)}
    assert reasons == {"a": "already_succeeded", "b": "succeeded", "c": "not_retried", "d": "not_retried"}
    stage.runner.launches.clear()
    again(stage)
    assert started(stage) == ["c", "d"]


def test_what_is_behind_a_change_is_not_tried_again_with_what_was_made_before_it():
    stage = failed(task("a"), task("b", "a"))
    run_id = stage.last_run.run_id
    with pytest.raises(UsageError) as refused:
        with_changes(stage, "a", tasks=("b",))
    assert str(refused.value) == (
        "b cannot be tried again: it depends on a, which is to be done again, as its definition or that of something "
        "before it has changed\n"
        f"  hint: add --task a, or do all that is left with `tetra resume {run_id} --with-current-config`"
    )
    assert with_changes(stage, "a", tasks=("a", "b")) == 0
    assert started(stage) == ["a", "b"]


@st.composite
def histories(draw):
    """What each of some tasks depends on, which of them fail at first, and which are defined otherwise after that."""
    names = [f"t{number}" for number in range(draw(st.integers(1, 7)))]
    needs = {name: draw(st.lists(st.sampled_from(names[:i]), unique=True)) if i else [] for i, name in enumerate(names)}
    some = st.sets(st.sampled_from(names))
    return needs, draw(some), draw(some)


@given(histories())
@settings(max_examples=60, deadline=None)
def test_what_is_done_again_is_what_has_changed_what_has_not_succeeded_and_what_is_behind_the_changes(history):
    needs, broken, changes = history
    stage = Stage(project(*(task(name, *needs[name]) for name in needs)))
    stage.runner.script = lambda name, n: (1.0, Exited(int(name in broken)), {})
    stage.run()
    unsuccessful = {name for name, state in stage.states().items() if state != "succeeded"}
    behind = {name for name in needs if upstream_of(needs, name) & changes}
    stage.runner.script = lambda name, n: (1.0, Exited(0), {})
    assert with_changes(stage, *changes) == 0
    assert set(started(stage)) == changes | unsuccessful | behind
