"""What happens around the loop: reconcile, gate, locks, the run's row."""

from __future__ import annotations

import pytest

from support.schedules import schedule
from support.worlds import Stage, fail_first, project, task
from tetra_orchestrator.core.model import Service
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.engine.cancel import cancel
from tetra_orchestrator.engine.reconcile import reconcile
from tetra_orchestrator.errors import NotNow, StateConflict, UsageError


def test_the_run_keeps_what_was_asked_for():
    stage = Stage(project(task("a"), task("b", "a")))
    stage.run()
    run = stage.last_run
    assert (run.project, run.mode, run.trigger, run.config_hash) == ("tetra", "all", "manual", "c0ffee")
    assert run.log == "/logs/orchestrator.log"
    assert run.duration_s == pytest.approx(2.0, abs=0.1)
    assert run.finished_at > run.started_at


def test_a_run_is_tagged_with_what_its_tasks_and_its_schedule_have_each_once():
    tasks = (
        task("a", tags=(("team", "risk"), ("cost", "7")), tenant="acme"),
        task("b", tags=(("team", "risk"),), tenant="beta"),
        task("c", tags=(("never", "asked for"),)),
    )
    nightly = schedule(tags=(("frequency", "daily"), ("team", "risk")))
    stage = Stage(project(*tasks)._replace(schedules=(nightly,)))
    stage.run(mode=None, names=("a", "b"), schedule="nightly")
    assert stage.last_run.tags == ("cost=7", "frequency=daily", "team=risk", "tenant=acme", "tenant=beta")
    stage.run(mode=None, names=("b",))
    assert stage.last_run.tags == ("team=risk", "tenant=beta")


def test_a_run_of_what_has_no_tags_has_none():
    stage = Stage(project(task("a")))
    stage.run()
    assert stage.last_run.tags == ()


def test_a_pipeline_alone_waits_until_what_it_depends_on_has_succeeded():
    stage = Stage(project(task("a"), task("b", "a")))
    with pytest.raises(NotNow) as refused:
        stage.run(mode=None, names=("b",))
    assert str(refused.value) == (
        "b cannot start: a has never run\n"
        "  hint: run that first, or run the mode that holds both, or go ahead regardless with --force"
    )
    assert stage.run(mode=None, names=("a",)) == 0
    assert stage.run(mode=None, names=("b",)) == 0


def test_stale_data_of_a_dependency_holds_a_pipeline_back():
    stage = Stage(project(task("a"), task("b", "a")))
    stage.run(mode=None, names=("a",))
    stage.clock.seconds += 7200
    with pytest.raises(NotNow, match=r"b cannot start: the data of a is 2\.0 h old, over its limit of 1 h 00 min"):
        stage.run(mode=None, names=("b",))


def test_a_dependency_whose_last_run_failed_holds_a_pipeline_back():
    stage = Stage(project(task("a"), task("b", "a")))
    stage.run(mode=None, names=("a",))
    stage.runner.script = fail_first(9, "a")
    stage.run(mode=None, names=("a",))
    with pytest.raises(NotNow, match="a has not succeeded in its last run"):
        stage.run(mode=None, names=("b",))


def test_a_dependency_counts_as_succeeded_although_something_behind_it_failed():
    stage = Stage(project(task("a"), task("b", "a"), task("c", "a")), fail_first(9, "b"))
    assert stage.run() == 2
    assert stage.run(mode=None, names=("c",)) == 0


def test_pipelines_chosen_by_name_that_could_never_end_together_are_refused():
    ready = {"conditions": (("s", "ready"),)}
    given = project(
        task("s", service=Service()),
        task("x", "s", **ready),
        task("b", "s"),
        task("t", "x", "b"),
    )
    stage = Stage(given)
    with pytest.raises(UsageError) as refused:
        stage.run(mode=None, names=("s", "b", "t"))
    assert str(refused.value) == (
        "this run could not end: 'b' waits for the end of the service 's', which is needed until 't' is over, "
        "and that waits for 'b'\n"
        "  hint: let it wait for that to be `ready`"
    )
    assert stage.store.runs() == []


def test_force_runs_a_pipeline_regardless_of_what_it_depends_on():
    stage = Stage(project(task("a"), task("b", "a")))
    assert stage.run(mode=None, names=("b",), force=True) == 0


def test_a_pipeline_alone_gets_the_latest_outputs_of_what_it_refers_to():
    given = project(task("a"), task("b", "a", args=("{a.rows}",)))
    stage = Stage(given, lambda name, n: (1.0, Exited(0), {"rows": 7} if name == "a" else {}))
    stage.run(mode=None, names=("a",))
    assert stage.run(mode=None, names=("b",)) == 0
    assert stage.runner.launches[-1].argv == ("true", "7")


def test_a_pipeline_alone_is_refused_while_what_it_refers_to_has_left_nothing():
    stage = Stage(project(task("a"), task("b", "a", args=("{a.rows}",))))
    with pytest.raises(NotNow) as refused:
        stage.run(mode=None, names=("b",), force=True)
    assert str(refused.value) == ("b needs {a.rows}, and a has left no outputs yet\n  hint: run a first, or with it")
    assert stage.store.runs() == []


def test_a_pipeline_that_somebody_else_runs_is_refused_and_leaves_no_run_behind():
    stage = Stage(project(task("a")))
    stage.locks.taken.add("pipeline-a")
    with pytest.raises(NotNow):
        stage.run()
    assert stage.store.runs() == []


def abandoned():
    """A run whose owner died while `a` was running."""
    stage = Stage(project(task("a"), task("b", "a")))
    stage.runner.on_submit = lambda launches: (_ for _ in ()).throw(RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        stage.run()
    stage.processes.alive.clear()
    return stage


def test_a_run_whose_owner_died_becomes_lost_with_its_attempt_and_nothing_stays_running():
    stage = abandoned()
    settled = reconcile(stage.scene, end_survivors=False)
    assert settled == [stage.last_run.run_id]
    assert (stage.last_run.state, stage.last_run.exit_code) == ("lost", 2)
    assert stage.states() == {"a": "lost", "b": "cancelled"}
    assert stage.attempts() == [("a", 1, "lost", None)]
    assert stage.processes.ended == []
    assert reconcile(stage.scene, end_survivors=False) == []


def test_a_command_that_may_signal_ends_the_survivors_by_their_token_first():
    stage = abandoned()
    token = stage.store.attempts(stage.last_run.run_id)[0].token
    reconcile(stage.scene, end_survivors=True)
    assert stage.processes.ended == [token]


def test_a_lost_run_ends_with_the_events_that_its_owner_would_have_left():
    stage = abandoned()
    reconcile(stage.scene, end_survivors=False)
    last = stage.store.events(stage.last_run.run_id)
    assert [(e.seq, e.event, e.task, e.state) for e in last[-3:]] == [
        (len(last) - 2, "task.finished", "a", "lost"),
        (len(last) - 1, "task.finished", "b", "cancelled"),
        (len(last), "run.finished", None, "lost"),
    ]


def test_survivors_of_a_run_that_a_reading_command_has_settled_are_ended_by_the_next_that_may_signal():
    stage = abandoned()
    token = stage.store.attempts(stage.last_run.run_id)[0].token
    reconcile(stage.scene, end_survivors=False)
    assert stage.processes.ended == []
    reconcile(stage.scene, end_survivors=True)
    assert stage.processes.ended == [token]


def test_a_run_that_another_command_settles_first_is_left_to_it():
    stage = abandoned()
    record = stage.store.record

    def overtaken(changes):
        record(list(changes))
        raise StateConflict("too late")

    stage.store.record = overtaken
    assert reconcile(stage.scene, end_survivors=False) == []
    assert stage.last_run.state == "lost"


def test_a_dead_owner_is_looked_for_under_the_locks():
    stage = abandoned()
    stage.runner.on_submit = lambda launches: None
    token = stage.store.attempts(stage.last_run.run_id)[0].token
    seen = []
    stage.processes.end_trees = lambda handles, grace_s: seen.append((*handles, "pipeline-a" in stage.locks.taken))
    stage.processes.alive.add("me")
    old = stage.last_run
    stage.store.runs = _with_owner(stage.store.runs, old.run_id)
    assert stage.run() == 0
    assert seen == [(token, True)]


def _with_owner(runs, run_id):
    """The store's `runs`, with a dead owner for one of them."""
    return lambda **wanted: [r._replace(owner="dead") if r.run_id == run_id else r for r in runs(**wanted)]


def test_a_run_whose_owner_lives_is_left_alone():
    stage = abandoned()
    stage.processes.alive.add("me")
    assert reconcile(stage.scene, end_survivors=True) == []
    assert stage.last_run.state == "running"


def test_cancel_leaves_a_request_and_signals_the_owner():
    stage = abandoned()
    stage.processes.alive.add("me")
    run_id = stage.last_run.run_id
    assert cancel(run_id, stage.scene, wait_s=1.0).state == "running"
    assert stage.store.requests(run_id) == ["cancel"]
    assert stage.processes.signals == [("me", 15)]


def test_cancelling_a_run_that_is_over_says_so():
    stage = Stage(project(task("a")))
    stage.run()
    run_id = stage.last_run.run_id
    with pytest.raises(UsageError) as refused:
        cancel(run_id, stage.scene, wait_s=1.0)
    assert str(refused.value) == f"run {run_id} is over: succeeded\n  hint: `tetra show {run_id}` tells how it went"
