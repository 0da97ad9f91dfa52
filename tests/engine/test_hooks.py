"""Which hooks are called for what happens to a run and its pipelines, in which order, and what they are told."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from support.fakes import START, RecordingReporter
from support.worlds import Stage, fail_first, project, succeed, task
from tetra_orchestrator.core.history import Partition
from tetra_orchestrator.core.model import ContinueOn
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.slots import QUEUED, Cursor, Slot
from tetra_orchestrator.core.watching import Hooks
from tetra_orchestrator.engine.hooks import HookedReporter
from tetra_orchestrator.engine.start import perform
from tetra_orchestrator.errors import Exit

ALL = Hooks(**{name: (name,) for name in Hooks._fields if name.startswith("on_")})


class FakeHooks:
    """Remembers what is called, and that it is over at once; `wrong` are faults to tell."""

    def __init__(self, *wrong):
        self.calls = []
        self.wrong = list(wrong)
        self.left = 0
        self.killed = False

    def start(self, call):
        self.calls.append(call)

    def busy(self):
        self.left -= 1
        return self.left >= 0 and not self.killed

    def faults(self):
        return self.wrong

    def kill(self):
        self.killed = True

    def names(self):
        return [call.name for call in self.calls]


class Theatre(Stage):
    """A stage whose runs call hooks."""

    def __init__(self, given, script=None, **fields):
        super().__init__(given, script, **fields)
        self.hooks = FakeHooks()

    def play(self, mode="all", **fields):
        """Run, and call the last hooks; returns the names of all that were called."""
        self.hooks, made = FakeHooks(*self.hooks.wrong), []
        self.reporter = RecordingReporter()

        def hooked(subject):
            made.append(HookedReporter(self.reporter, subject, self.world(), self.hooks))
            return made[-1]

        request = self.request(mode, **fields)
        self.code = perform(request, self.world(), hooked)
        made[0].finish(self.code)
        return self.hooks.names()

    def request(self, mode, **fields):
        from tetra_orchestrator.core.selection import select
        from tetra_orchestrator.engine.start import Request

        return Request(self.project, select(self.project, mode), "{}", {}, **fields)


def of_project(*tasks, script=None, **fields):
    return Theatre(project(*(tasks or (task("a"),)), hooks=ALL, **fields), script)


def of_pipeline(name, *tasks, script=None):
    given = project(*tasks)
    pipelines = tuple(one._replace(hooks=ALL if one.name == name else None) for one in given.pipelines)
    return Theatre(given._replace(pipelines=pipelines), script)


# Which


@pytest.mark.parametrize(
    ("tasks", "script", "names"),
    [
        ((task("a"),), succeed, ["on_start", "on_success", "on_exit"]),
        ((task("a"),), fail_first(1, "a"), ["on_start", "on_failure", "on_exit"]),
        (
            (task("a", continue_on=ContinueOn(failure=True)),),
            fail_first(1, "a"),
            ["on_start", "on_partial", "on_exit"],
        ),
    ],
    ids=["success", "failure", "partial"],
)
def test_a_run_calls_the_hook_of_how_it_ended_and_on_exit_last(tasks, script, names):
    assert of_project(*tasks, script=script).play() == names


def test_a_run_that_was_cancelled_calls_only_on_exit():
    stage = of_project(script=lambda name, number: (100.0, Exited(0), {}))
    stage.runner.on_submit = lambda launches: stage.interrupts.numbers.append(15)
    assert stage.play() == ["on_start", "on_exit"]
    assert json.loads(stage.hooks.calls[-1].given)["run"]["state"] == "cancelled"


def test_one_that_succeeds_after_a_failure_has_recovered_once():
    stage = of_project(script=fail_first(1, "a"))
    stage.play()
    failed = stage.last_run.run_id
    stage.runner.script = succeed
    assert stage.play() == ["on_start", "on_success", "on_recovered", "on_exit"]
    assert json.loads(stage.hooks.calls[2].given)["recovered_from"] == failed
    assert "on_recovered" not in stage.play()


def test_a_failure_of_another_mode_or_for_other_dates_is_none_to_recover_from():
    stage = of_project(script=fail_first(1, "a"))
    stage.play(partition=Partition("2026-01-01", "2026-01-31"))
    stage.play(mode=None)
    stage.runner.script = succeed
    assert "on_recovered" not in stage.play()
    assert "on_recovered" in stage.play(mode=None)
    assert "on_recovered" in stage.play(partition=Partition("2026-01-01", "2026-01-31"))


@pytest.mark.parametrize(("late_s", "called"), [(60, False), (61, True)])
def test_a_run_that_begins_later_than_its_slot_allows_is_late(late_s, called):
    stage, at = of_project(), START - timedelta(seconds=late_s)
    stage.store.ledger.settle(None, Cursor("nightly", at, at, "rule"), [Slot("nightly", at, QUEUED, at, "all")])
    names = stage.play(schedule="nightly", slot=at)
    assert ("on_late" in names) is called
    assert {call.env["TETRA_LATENESS_S"] for call in stage.hooks.calls} == {f"{late_s}.000"}


def test_a_pipeline_calls_its_own_when_it_starts_and_is_over_while_the_run_goes_on():
    stage = of_pipeline("a", task("a"), task("b", "a"))
    order = []
    stage.runner.on_submit = lambda launches: order.append((stage.hooks.names(), launches[0].env["TETRA_TASK"]))
    assert stage.play() == ["a.on_start", "a.on_success", "a.on_exit"]
    assert order == [(["a.on_start"], "a"), (["a.on_start", "a.on_success", "a.on_exit"], "b")]


def test_a_pipeline_that_did_not_start_calls_nothing():
    assert of_pipeline("b", task("a"), task("b", "a"), script=fail_first(1, "a")).play() == []


def test_a_pipeline_that_recovers_is_told_apart_from_the_run():
    stage = of_pipeline("a", task("a"), task("b"), script=fail_first(1, "b"))
    stage.play()
    stage.runner.script = fail_first(1, "a")
    assert stage.play() == ["a.on_start", "a.on_failure", "a.on_exit"]
    stage.runner.script = fail_first(1, "b")
    assert stage.play() == ["a.on_start", "a.on_success", "a.on_recovered", "a.on_exit"]


# What they are told


def test_the_environment_tells_of_the_run_and_the_document_tells_more():
    stage = of_project(task("a"), task("b", "a"), script=fail_first(1, "a"))
    stage.environ["MINE"] = "1"
    stage.play()
    call = stage.hooks.calls[1]
    run_id = stage.last_run.run_id
    told = {name: value for name, value in call.env.items() if name.startswith(("TETRA_", "MINE"))}
    assert told == {
        "MINE": "1",
        "TETRA_HOME": "/project",
        "TETRA_RUN_ID": run_id,
        "TETRA_MODE": "all",
        "TETRA_HOOK": "on_failure",
        "TETRA_RUN_STATE": "failed",
        "TETRA_EXIT_CODE": "2",
        "TETRA_FAILED_TASKS": "a",
        "TETRA_RUN_LOG": "/logs/orchestrator.log",
    }
    assert (call.cwd, call.timeout_s, call.log) == ("/project", 60.0, f"/{run_id}/hook.on_failure.log")
    assert json.loads(call.given) == {
        "schema": "tetra.hook/1",
        "hook": "on_failure",
        "pipeline": None,
        "at": "2026-03-01T20:00:01Z",
        "run": {
            "run_id": run_id,
            "project": "tetra",
            "mode": "all",
            "trigger": "manual",
            "schedule": None,
            "slot": None,
            "lateness_s": None,
            "partition": None,
            "state": "failed",
            "reason": {"code": "task_failed", "text": "a failed"},
            "exit_code": 2,
            "log": "/logs/orchestrator.log",
        },
        "failed_tasks": ["a"],
        "tasks": [
            {"id": "a", "state": "failed", "reason": {"code": "failed", "text": "exited with code 1"}, "attempts": 1},
            {
                "id": "b",
                "state": "upstream_failed",
                "reason": {"code": "upstream_failed", "text": "a failed"},
                "attempts": 0,
            },
        ],
        "recovered_from": None,
    }


def test_references_stay_as_they_are_and_python_is_that_of_the_project():
    stage = of_project()
    hooks = Hooks(on_exit=("python", "{partition.start}"))
    stage.project = stage.project._replace(hooks=hooks)
    stage.play()
    assert [call.argv for call in stage.hooks.calls] == [("/venv/bin/python", "{partition.start}")]


def test_secrets_are_to_be_kept_out_of_what_hooks_say():
    stage = of_project()
    stage.play(secrets=("hunter22",))
    assert {call.redact for call in stage.hooks.calls} == {(b"hunter22",)}


# What they change


def test_what_goes_wrong_with_them_is_told_behind_the_end_and_changes_nothing():
    stage = of_project()
    stage.hooks = FakeHooks("the hook on_exit exited with code 3")
    stage.play()
    assert (stage.code, stage.last_run.state) == (Exit.OK, "succeeded")
    *_, verdict, told = stage.reporter.events
    assert (verdict.event, told.event, told.seq) == ("run.finished", "hook.failed", verdict.seq + 1)
    assert told.reason.text == "the hook on_exit exited with code 3"
    assert len(stage.store.events(stage.last_run.run_id)) == verdict.seq


def test_a_store_that_fails_while_a_hook_is_prepared_is_a_fault_of_that_hook():
    stage = of_project()
    rows = stage.store.task_runs

    def broken(run_id):
        raise RuntimeError("no rows")

    stage.runner.on_submit = lambda launches: setattr(stage.store, "task_runs", broken)
    stage.play()
    stage.store.task_runs = rows
    assert stage.code == Exit.OK
    assert [e.reason.text for e in stage.reporter.events if e.event == "hook.failed"] == [
        "a hook was not started: no rows"
    ]


def test_a_signal_ends_the_wait_for_them():
    stage = of_project()
    stage.runner.on_submit = lambda launches: setattr(stage.hooks, "left", 10**9)
    finish = HookedReporter.finish

    def interrupted(self, code):
        stage.interrupts.numbers.append(2)
        finish(self, code)

    HookedReporter.finish = interrupted
    try:
        stage.play()
    finally:
        HookedReporter.finish = finish
    assert stage.hooks.killed
    assert stage.code == Exit.OK
