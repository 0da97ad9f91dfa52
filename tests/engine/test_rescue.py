"""The loop over fakes where tasks fail for good, and something of them, or something else, counts."""

from __future__ import annotations

import pytest

from support.worlds import THREE_TRIES, Stage, fail_first, project, task
from tetra_orchestrator.core.history import Partition
from tetra_orchestrator.core.model import Command, ModeEntry, Pipeline
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.watching import Fallback, OnFailure
from tetra_orchestrator.errors import CannotWrite, Exit, StoreError
from tetra_orchestrator.signals import SIGINT

CACHED = OnFailure(("email", "slack"), Fallback("use_cached_data"), "page_oncall")
BACKUP = OnFailure(fallback=Fallback("backup", Command(("backup",))))


def failing(rule, *tasks, script=None, **fields):
    """A stage on which that is said of the pipeline `a`."""
    given = project(*tasks, **fields)
    pipelines = tuple(one._replace(on_failure=rule) if one.name == "a" else one for one in given.pipelines)
    return Stage(given._replace(pipelines=pipelines), script)


def again(stage, script):
    """The same with that script from now on."""
    stage.runner.script = script
    return stage


def one(seconds, code, **outputs):
    return lambda name, number: (seconds, Exited(code if name == "a" else 0), outputs if name == "a" else {})


# What was made before


def test_T_158_T_161_the_outputs_of_the_latest_success_are_handed_on_and_the_run_is_partial():
    told = task("b", "a", args=("{a.rows}",))
    stage = failing(CACHED, task("a"), told, script=one(1.0, 0, rows=7))
    assert stage.run() == Exit.OK
    first = stage.last_run.run_id
    assert again(stage, one(1.0, 3, rows=1)).run() == Exit.PARTIAL
    assert stage.states() == {"a": "partial", "b": "succeeded"}
    assert stage.runner.launches[-1].argv == ("true", "7")
    rows = {row.task_id: row.outputs for row in stage.store.task_runs(stage.last_run.run_id)}
    assert rows == {"a": {"rows": 7}, "b": None}
    assert stage.reasons()["a"] == (
        "exited with code 3; its fallback use_cached_data stands in: "
        f"what it made in run {first} of 2026-03-01T20:00:01Z"
    )


def test_T_166_what_stood_in_is_no_success_that_could_stand_in_again():
    stage = failing(CACHED, task("a"), script=one(1.0, 3))
    assert stage.run() == Exit.FAILED
    assert again(stage, one(1.0, 0, rows=7)).run() == Exit.OK
    good = stage.last_run.run_id
    for _ in range(2):
        assert again(stage, one(1.0, 3)).run() == Exit.PARTIAL
        assert f"run {good}" in stage.reasons()["a"]


def test_T_167_without_an_earlier_success_it_fails_and_says_so():
    stage = failing(CACHED, task("a"), task("b", "a"), script=one(1.0, 3))
    assert stage.run() == Exit.FAILED
    assert stage.reasons() == {
        "a": "exited with code 3; its fallback use_cached_data cannot stand in: it has never succeeded before",
        "b": "a failed",
    }


def test_for_dates_only_what_was_made_for_the_same_dates_stands_in():
    stage = failing(CACHED, task("a"), script=one(1.0, 0, rows=7))
    march, april = Partition("2026-03-01", "2026-03-31"), Partition("2026-04-01", "2026-04-30")
    assert stage.run(partition=march) == Exit.OK
    again(stage, one(1.0, 3))
    assert stage.run(partition=april) == Exit.FAILED
    assert stage.reasons()["a"].endswith("it has never succeeded before for 2026-04-01 to 2026-04-30")
    assert stage.run(partition=march) == Exit.PARTIAL


def test_without_dates_what_a_backfill_made_for_some_does_not_stand_in():
    stage = failing(CACHED, task("a"), script=one(1.0, 0, rows=1))
    assert stage.run() == Exit.OK
    today = stage.last_run.run_id
    assert again(stage, one(1.0, 0, rows=2)).run(partition=Partition("2019-01-01", "2019-12-31")) == Exit.OK
    assert again(stage, one(1.0, 3)).run() == Exit.PARTIAL
    assert f"run {today}" in stage.reasons()["a"]


def shaky(stage, *faults):
    """A stage whose store cannot be read so many times; returns the faults that are left."""
    latest, left = stage.store.latest, list(faults)

    def read(*args):
        if left:
            raise left.pop()
        return latest(*args)

    stage.store.latest = read
    return left


def test_a_store_that_is_away_is_waited_for_and_a_run_outlasts_it():
    stage = failing(CACHED, task("a"), script=one(1.0, 0, rows=7))
    assert stage.run() == Exit.OK
    faults = shaky(stage, *[StoreError("it is away", code="store_lost")] * 3)
    assert again(stage, one(1.0, 3)).run() == Exit.PARTIAL
    assert faults == []


@pytest.mark.parametrize(
    "fault", [StoreError("it is damaged", code="store_damaged"), CannotWrite("the disk reports: an error")]
)
def test_a_store_that_waiting_does_not_mend_is_asked_once_and_the_task_has_failed(fault):
    stage = failing(CACHED, task("a"), task("b"), script=one(1.0, 0, rows=7))
    assert stage.run() == Exit.OK
    faults = shaky(stage, fault, fault)
    assert again(stage, one(1.0, 3)).run() == Exit.FAILED
    assert faults == [fault]
    assert stage.states() == {"a": "failed", "b": "succeeded"}
    assert stage.reasons()["a"] == (
        "exited with code 3; its fallback use_cached_data cannot stand in: "
        f"what it has made before cannot be read: {fault.message}"
    )


def test_a_signal_that_comes_while_the_store_is_away_ends_the_run_when_it_is_back():
    stage = failing(CACHED, task("a"), task("b"), script=one(1.0, 0, rows=7))
    assert stage.run() == Exit.OK
    shaky(stage, StoreError("it is away", code="store_lost"))
    read = stage.store.latest

    def interrupted(*args):
        stage.interrupts.numbers.append(SIGINT)
        return read(*args)

    stage.store.latest = interrupted

    def script(name, number):
        return (1.0, Exited(3), {}) if name == "a" else (50.0, Exited(0), {})

    assert again(stage, script).run() == Exit.INTERRUPTED
    assert stage.states() == {"a": "failed", "b": "cancelled"}


# A program


def test_a_fallback_is_the_last_attempt_with_files_of_its_own_and_knows_what_it_is():
    stage = failing(BACKUP, task("a", retry=THREE_TRIES), script=fail_first(3, "a", code=5))
    assert stage.run() == Exit.PARTIAL
    assert stage.attempts() == [
        ("a", 1, "exited", 5),
        ("a", 2, "exited", 5),
        ("a", 3, "exited", 5),
        ("a", 4, "exited", 0),
    ]
    *own, last = stage.runner.launches
    assert (last.argv, last.log) == (("backup",), f"/{stage.last_run.run_id}/a.4.log")
    told = {name: last.env.get(name) for name in ("TETRA_FALLBACK", "TETRA_FAILED_REASON", "TETRA_ATTEMPT")}
    assert told == {"TETRA_FALLBACK": "1", "TETRA_FAILED_REASON": "exited with code 5", "TETRA_ATTEMPT": "4"}
    assert not any("TETRA_FALLBACK" in launch.env for launch in own)


def test_the_outputs_are_those_of_the_fallback():
    def script(name, number):
        return (1.0, Exited(0 if number > 1 or name == "b" else 1), {"rows": number})

    stage = failing(BACKUP, task("a"), task("b", "a", args=("{a.rows}",)), script=script)
    assert stage.run() == Exit.PARTIAL
    assert stage.runner.launches[-1].argv == ("true", "2")


def test_a_fallback_without_the_outputs_that_the_task_declares_has_failed():
    stage = failing(BACKUP, task("a", outputs=(("rows", "int"),)), script=fail_first(1, "a"))
    assert stage.run() == Exit.FAILED
    assert stage.reasons()["a"] == (
        "exited with code 1; its fallback backup exited with code 0, but its outputs cannot be read: "
        "the declared output 'rows' is missing"
    )


def test_a_resumed_run_does_the_task_itself_again():
    from tetra_orchestrator.engine.again import Again

    stage = failing(BACKUP, task("a"), task("b", "a"), script=fail_first(1, "a"))
    assert stage.run() == Exit.PARTIAL
    partial = stage.last_run.run_id
    assert again(stage, one(1.0, 0)).run(again=Again(partial)) == Exit.OK
    assert stage.states() == {"a": "succeeded", "b": "skipped"}
    assert stage.runner.launches[-1].argv == ("true",)


# What is complete of it


def test_T_163_completed_items_make_a_failed_task_partial_and_go_on_to_what_depends_on_it():
    rule = OnFailure(partial=True)
    stage = failing(
        rule, task("a"), task("b", "a", args=("{a.completed_items}",)), script=one(1.0, 1, completed_items=["x", "y"])
    )
    assert stage.run() == Exit.PARTIAL
    assert stage.states() == {"a": "partial", "b": "succeeded"}
    assert stage.runner.launches[-1].argv == ("true", '["x","y"]')


@pytest.mark.parametrize("left", [{}, {"completed_items": []}, {"completed_items": 6}, ValueError("line 1: no object")])
def test_T_163_with_nothing_complete_it_has_failed(left):
    stage = failing(OnFailure(partial=True), task("a"), script=lambda name, number: (1.0, Exited(1), left))
    assert stage.run() == Exit.FAILED
    assert stage.reasons() == {"a": "exited with code 1"}


# What is told


def steps(stage):
    """What is said of the task `a`, with the kinds of events."""
    told = [event for event in stage.reporter.events if event.task == "a" and event.reason]
    return [(event.event, event.reason.code) for event in told if event.event != "attempt.finished"]


def test_T_159_the_order_is_notify_retry_fallback_escalation():
    stage = failing(CACHED, task("a", retry=THREE_TRIES._replace(max_attempts=2)), script=one(1.0, 3))
    assert stage.run() == Exit.FAILED
    assert steps(stage) == [
        ("attempt.started", "no_dependencies"),
        ("recovery.step", "notify"),
        ("retry.scheduled", "retry_scheduled"),
        ("attempt.started", "retry"),
        ("task.finished", "failed"),
        ("recovery.step", "nobody_told"),
    ]
    texts = [event.reason.text for event in stage.reporter.events if event.event == "recovery.step"]
    assert texts == [
        "notify email, slack",
        "escalation to page_oncall; but nobody is told, as no such channel is switched on",
    ]


def test_T_159_nobody_is_paged_where_the_fallback_has_rescued_the_run():
    stage = failing(CACHED, task("a"), script=one(1.0, 0))
    assert stage.run() == Exit.OK
    assert again(stage, one(1.0, 3)).run() == Exit.PARTIAL
    assert ("recovery.step", "nobody_told") not in steps(stage)


def test_a_pipeline_of_several_tasks_is_rescued_task_by_task():
    tasks = (task("one")._replace(id="a.one", pipeline="a"), task("two")._replace(id="a.two", pipeline="a"))
    given = project(task("a"))._replace(
        pipelines=(Pipeline("a", tasks, on_failure=BACKUP),),
    )
    given = given._replace(modes=(given.modes[0]._replace(entries=(ModeEntry("a"),)),))
    stage = Stage(given, fail_first(1, "a.two"))
    assert stage.run() == Exit.PARTIAL
    assert stage.states() == {"a.one": "succeeded", "a.two": "partial"}
