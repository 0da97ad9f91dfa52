"""The staleness gate: a pipeline that is started alone, and a task whose pipeline runs only in part."""

from __future__ import annotations

import pytest

from support.worlds import Stage, fail_first, project, task
from tetra_orchestrator.core.history import Run, TaskRun
from tetra_orchestrator.core.model import Command, ContinueOn, Pipeline, Reason, Service
from tetra_orchestrator.core.narrowing import Cut, narrowed
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.selection import select
from tetra_orchestrator.engine.gate import gate, without_outputs
from tetra_orchestrator.engine.start import Request, perform
from tetra_orchestrator.errors import NotNow, UsageError

HINT = "run that first, or run the mode that holds both, or go ahead regardless with --force"
HOUR = 3600.0


def chain(*tasks):
    """A stage on which everything has succeeded once, an hour's worth of freshness each."""
    stage = Stage(project(*(tasks or (task("a"), task("b", "a"), task("c", "b")))))
    assert stage.run() == 0
    return stage


def refused(stage, *names, **fields):
    """The whole text of the refusal to run these pipelines; its code ends it."""
    with pytest.raises(NotNow) as caught:
        stage.run(mode=None, names=names, **fields)
    assert caught.value.exit_code == 75
    assert caught.value.hint == HINT
    return f"{caught.value.message} [{caught.value.code}]"


def changed(stage, **pipelines):
    """The project with these fields of its pipelines."""
    every = tuple(one._replace(**pipelines.get(one.name, {})) for one in stage.project.pipelines)
    stage.project = stage.project._replace(pipelines=every)


def asked(stage, *names):
    """A request to run these pipelines by themselves."""
    return Request(stage.project, select(stage.project, None, names), "", {})


def test_T_139_a_dependency_that_has_never_run_holds_back():
    stage = Stage(project(task("a"), task("b", "a")))
    assert refused(stage, "b") == "b cannot start: a has never run [dependency_not_succeeded]"
    assert stage.store.runs() == []


@pytest.mark.parametrize(("code", "word"), [(1, "failed"), (3, "partial")])
def test_T_140_a_dependency_that_failed_or_is_partial_in_its_last_run_holds_back(code, word):
    stage = chain(task("a", continue_on=ContinueOn(exit_codes=(3,))), task("b", "a"))
    stage.runner.script = fail_first(9, "a", code)
    stage.run(mode=None, names=("a",))
    last = stage.last_run.run_id
    assert refused(stage, "b") == (
        f"b cannot start: a has not succeeded in its last run: {word} in {last} [dependency_not_succeeded]"
    )


def test_within_a_chain_a_partial_dependency_is_enough():
    stage = Stage(project(task("a", continue_on=ContinueOn(exit_codes=(3,))), task("b", "a")), fail_first(9, "a", 3))
    assert stage.run() == 1
    assert stage.states() == {"a": "partial", "b": "succeeded"}


def test_T_141_T_144_a_dependency_is_as_old_as_its_last_success():
    stage = chain()
    stage.clock.seconds += 2 * HOUR
    assert refused(stage, "b") == (
        "b cannot start: the data of a is 2.0 h old, over its limit of 1 h 00 min [dependency_stale]"
    )
    changed(stage, a={"max_data_age_s": 3 * HOUR})
    assert stage.run(mode=None, names=("b",)) == 0


def test_T_143_only_what_a_pipeline_depends_on_directly_matters():
    stage = chain()
    stage.runner.script = fail_first(9, "a")
    stage.run(mode=None, names=("a",))
    assert stage.run(mode=None, names=("c",)) == 0


def test_T_142_a_pipeline_that_depends_on_nothing_may_always_run():
    stage = chain()
    stage.clock.seconds += 1000 * HOUR
    assert stage.run(mode=None, names=("a",)) == 0


def test_within_a_chain_the_run_itself_satisfies_what_depends_on_it():
    stage = chain()
    stage.clock.seconds += 1000 * HOUR
    assert stage.run(mode=None, names=("a", "b", "c")) == 0


def test_force_runs_a_pipeline_whatever_it_depends_on():
    stage = Stage(project(task("a"), task("b", "a")))
    assert stage.run(mode=None, names=("b",), force=True) == 0


def test_a_clock_that_was_set_back_makes_no_data_stale():
    stage = chain()
    stage.clock.seconds -= 48 * HOUR
    assert stage.run(mode=None, names=("b",)) == 0


def test_a_run_that_only_skipped_the_dependency_says_nothing_about_it():
    stage = chain()
    first = stage.last_run.run_id
    stage.store.pause("pipeline", "a", stage.clock.now(), None, None)
    stage.run(mode="all")
    assert stage.states()["a"] == "skipped"
    assert stage.last_run.run_id != first
    assert stage.run(mode=None, names=("b",)) == 0


def test_a_dependency_that_is_paused_holds_back_once_its_data_are_old_and_the_pause_is_told():
    stage = chain()
    stage.store.pause("pipeline", "a", stage.clock.now(), None, "moving disks")
    assert stage.run(mode=None, names=("b",)) == 0
    stage.clock.seconds += 2 * HOUR
    text = refused(stage, "b")
    assert text.startswith("b cannot start: the data of a is 2.0 h old, over its limit of 1 h 00 min; the pipeline is ")
    assert text.endswith(": moving disks [dependency_stale]")


def test_a_dependency_that_is_disabled_is_told_to_be_so_where_it_is_missed():
    stage = chain()
    changed(stage, a={"enabled": False})
    assert stage.run(mode=None, names=("b",)) == 0
    stage.clock.seconds += 2 * HOUR
    assert refused(stage, "b") == (
        "b cannot start: the data of a is 2.0 h old, over its limit of 1 h 00 min; "
        "`enabled: false` keeps a from running [dependency_stale]"
    )


def test_what_this_run_leaves_out_as_it_is_paused_lacks_nothing():
    stage = Stage(project(task("a"), task("b", "a"), task("d")))
    stage.project = stage.project._replace(
        modes=(stage.project.modes[0]._replace(entries=stage.project.modes[0].entries[1:]),)
    )
    stage.store.pause("pipeline", "b", stage.clock.now(), None, None)
    assert stage.run() == 0
    assert stage.states() == {"b": "skipped", "d": "succeeded"}


def test_a_dependency_that_may_end_as_it_likes_holds_nothing_back():
    stage = Stage(project(task("a"), task("b", "a", conditions=(("a", "finished"),))))
    assert stage.run(mode=None, names=("b",)) == 0


def test_a_service_outside_of_the_run_has_to_be_ready_and_to_have_succeeded_is_not_enough():
    user = task("b", "s", conditions=(("s", "ready"),))
    stage = Stage(project(task("s", service=Service()), user))
    stage.runner.script = lambda name, n: (5.0 if name == "s" else 1.0, Exited(0), {"ready": True})
    assert stage.run() == 0
    assert refused(stage, "b") == "b cannot start: the service s is not ready [dependency_not_ready]"


def test_the_gate_tells_all_that_must_wait_each_with_its_first_cause():
    stage = Stage(project(task("a"), task("x"), task("b", "x", "a"), task("c", "a")))
    found = gate(asked(stage, "b", "c"), select(stage.project, None, ("b", "c")), stage.store, stage.clock.now())
    assert found == {
        "b": Reason("dependency_not_succeeded", "x has never run"),
        "c": Reason("dependency_not_succeeded", "a has never run"),
    }


# -- outputs of what is outside -----------------------------------------------------------------------------------


def test_outputs_of_the_latest_success_count_however_many_runs_have_failed_since():
    stage = Stage(project(task("a"), task("b", "a", program=Command(("use", "{a.rows}")))))
    stage.runner.script = lambda name, n: (1.0, Exited(0), {"rows": 5})
    stage.run()
    stage.runner.script = fail_first(9, "a")
    for _ in range(60):
        stage.run(mode=None, names=("a",))
    stage.runner.script = lambda name, n: (1.0, Exited(0), {})
    assert stage.run(mode=None, names=("b",), force=True) == 0
    assert stage.runner.launches[-1].argv == ("use", "5")


def test_a_task_whose_outputs_are_missing_is_named_before_anything_runs():
    stage = Stage(project(task("a"), task("b", "a", program=Command(("use", "{a.rows}")))))
    found = without_outputs(asked(stage, "b"), stage.store)
    assert found == {"b": Reason("no_outputs", "it needs {a.rows}, and a has left no outputs yet")}


# -- pipelines that run in part -----------------------------------------------------------------------------------


def stepwise():
    """A pipeline of three tasks, one after the other, and one that depends on all of it."""
    steps = (task("f.one"), task("f.two", "f.one"), task("f.three", "f.two"))
    demo = project(task("after", "f.three"))
    steps = tuple(one._replace(pipeline="f") for one in steps)
    [after] = demo.pipelines
    pipelines = (Pipeline("f", steps, max_data_age_s=HOUR), after._replace(depends_on=("f",)))
    entry = demo.modes[0].entries[0]
    mode = demo.modes[0]._replace(entries=(entry._replace(pipeline="f"), entry))
    return Stage(demo._replace(pipelines=pipelines, modes=(mode,)))


def run_part(stage, *, force=False, overlap="skip", **cut):
    selection = narrowed(stage.project, select(stage.project, "all"), Cut(**cut))
    request = Request(stage.project, selection, "{}", {}, force=force, overlap=overlap)
    return perform(request, stage.world(), lambda subject: stage.reporter)


def standing(stage, name="f"):
    """How the pipeline stands by the store: the state of its last run."""
    return next(one for one in stage.store.summaries() if one.pipeline.name == name).last_state


def codes(stage):
    return {row.task_id: row.reason.code for row in stage.store.task_runs(stage.last_run.run_id)}


def test_a_task_that_is_left_out_has_to_have_succeeded():
    stage = stepwise()
    with pytest.raises(NotNow) as caught:
        run_part(stage, first=("f.two",))
    assert str(caught.value) == f"f.two cannot start: f.one has never run\n  hint: {HINT}"


def test_a_task_that_is_left_out_has_to_be_as_fresh_as_its_pipeline():
    stage = stepwise()
    stage.run()
    stage.clock.seconds += 2 * HOUR
    with pytest.raises(NotNow, match=r"f\.two cannot start: the data of f\.one is 2\.0 h old"):
        run_part(stage, first=("f.two",))
    assert run_part(stage, first=("f.two",), force=True) == 0


def test_from_a_task_on_what_came_before_counts_and_the_pipeline_is_whole_again():
    stage = stepwise()
    stage.runner.script = fail_first(9, "f.two")
    assert stage.run() == 2
    first = stage.last_run.run_id
    stage.runner.script = lambda name, n: (1.0, Exited(0), {})
    stage.runner.launches.clear()
    assert run_part(stage, first=("f.two",)) == 0
    assert [one.env["TETRA_TASK"] for one in stage.runner.launches] == ["f.two", "f.three", "after"]
    [row, *_] = stage.store.task_runs(stage.last_run.run_id)
    assert (row.task_id, row.state) == ("f.one", "skipped")
    assert row.reason == Reason("already_succeeded", f"it succeeded in run {first}")
    assert standing(stage) == "succeeded"


def test_until_a_task_what_comes_after_is_out_of_date_and_the_pipeline_is_partial():
    stage = stepwise()
    stage.run()
    assert run_part(stage, last=("f.two",)) == 0
    assert codes(stage) == {"f.one": "succeeded", "f.two": "succeeded", "f.three": "not_selected"}
    assert standing(stage) == "partial"
    last = stage.last_run.run_id
    assert refused(stage, "after") == (
        f"after cannot start: f has not succeeded in its last run: partial in {last} [dependency_not_succeeded]"
    )
    assert run_part(stage, first=("f.three",)) == 0
    assert (standing(stage), standing(stage, "after")) == ("succeeded", "succeeded")


def test_what_was_forced_past_a_failure_leaves_the_pipeline_partial():
    stage = stepwise()
    stage.runner.script = fail_first(9, "f.one")
    stage.run()
    stage.runner.script = lambda name, n: (1.0, Exited(0), {})
    assert run_part(stage, only=("f.two", "f.three"), force=True) == 0
    assert codes(stage) == {"f.one": "not_selected", "f.two": "succeeded", "f.three": "succeeded"}
    assert standing(stage) == "partial"


def test_a_retry_of_one_task_leaves_its_pipeline_partial_while_others_of_it_have_not_succeeded():
    from tetra_orchestrator.engine.again import Again

    stage = stepwise()
    stage.runner.script = fail_first(9, "f.two")
    stage.run()
    stage.runner.script = lambda name, n: (1.0, Exited(0), {})
    assert stage.run(again=Again(stage.last_run.run_id, ("f.two",)), trigger="retry") == 0
    assert codes(stage)["f.three"] == "not_retried"
    assert standing(stage) == "partial"


def behind_another(stage, state, outputs):
    """Have another run keep the pipeline until the next one waits, and then leave its first task so."""
    stage.locks.taken.add("pipeline-f")
    waited, run_id = stage.clock.on_wait, "20300101T000000Z-aaaaaa"

    def on_wait():
        if stage.store.run(run_id) is None:
            stage.locks.taken.discard("pipeline-f")
            now = stage.clock.now()
            row = TaskRun(run_id, "f.one", "f", 0, state, finished_at=now, outputs=outputs)
            other = Run(run_id, "tetra", "all", "manual", state, "c0ffee", now, finished_at=now)
            stage.store.open_run(other, [row], (), "{}")
        return waited()

    stage.clock.on_wait = on_wait
    return run_id


def test_a_part_that_waits_for_its_turn_goes_by_what_the_run_before_it_has_left():
    stage = stepwise()
    stage.runner.script = lambda name, n: (1.0, Exited(0), {"rows": 1})
    stage.run()
    first = stage.last_run.run_id
    other = behind_another(stage, "succeeded", {"rows": 2})
    assert run_part(stage, only=("f.two",), overlap="queue") == 0
    [own] = [run for run in stage.store.runs() if run.run_id not in (first, other)]
    [row, *_] = stage.store.task_runs(own.run_id)
    assert row.reason == Reason("already_succeeded", f"it succeeded in run {other}")
    assert row.outputs == {"rows": 2}


def test_a_part_that_waits_for_its_turn_is_not_held_back_by_what_it_leaves_out_itself():
    stage = stepwise()
    stage.run()
    first = stage.last_run.run_id
    stage.locks.taken.add("pipeline-f")
    waited = stage.clock.on_wait

    def on_wait():
        stage.locks.taken.discard("pipeline-f")
        return waited()

    stage.clock.on_wait = on_wait
    assert run_part(stage, only=("f.two",), overlap="queue") == 0
    [row, *_] = stage.store.task_runs(stage.last_run.run_id)
    assert row.reason == Reason("already_succeeded", f"it succeeded in run {first}")


def test_a_part_that_waits_for_its_turn_does_not_start_on_what_has_failed_meanwhile():
    stage = stepwise()
    stage.run()
    other = behind_another(stage, "failed", None)
    with pytest.raises(NotNow) as caught:
        run_part(stage, only=("f.two",), overlap="queue")
    why = f"f.one has not succeeded in its last run: failed in {other}"
    assert str(caught.value) == f"f.two cannot start: {why}\n  hint: {HINT}"


def test_pipelines_that_are_left_out_whole_are_not_touched():
    stage = stepwise()
    stage.run()
    first = stage.last_run.run_id
    assert run_part(stage, only=("f",)) == 0
    assert "after" not in codes(stage)
    [after] = [one for one in stage.store.summaries() if one.pipeline.name == "after"]
    assert after.last_run_id == first


def test_order_is_kept_between_tasks_whose_middle_is_left_out():
    stage = stepwise()
    stage.run()
    stage.runner.launches.clear()
    assert run_part(stage, only=("f.three", "f.one"), force=True) == 0
    assert [one.env["TETRA_TASK"] for one in stage.runner.launches] == ["f.one", "f.three"]


def test_a_paused_pipeline_of_which_a_task_is_asked_for_is_refused():
    stage = stepwise()
    stage.run()
    stage.store.pause("pipeline", "f", stage.clock.now(), None, None)
    with pytest.raises(NotNow, match="f cannot start: the pipeline is paused since"):
        run_part(stage, only=("f.two",))


def test_an_unknown_task_starts_nothing():
    stage = stepwise()
    with pytest.raises(UsageError):
        run_part(stage, only=("f.four",))
    assert stage.store.runs() == []
