"""What rescues a task that has failed for good: its fallback, what it has made before, and what is complete of it."""

from __future__ import annotations

import pytest

from support.builders import pipeline, project, task, utc
from support.plans import Run
from tetra_orchestrator.core.changes import RunMoved, TaskMoved
from tetra_orchestrator.core.history import Attempt, TaskRun
from tetra_orchestrator.core.history import Run as HistoryRun
from tetra_orchestrator.core.model import Command, ContinueOn, Function, Reason, RetryPolicy, Service, Shell, Task
from tetra_orchestrator.core.orphaned import Found, settling
from tetra_orchestrator.core.outcome import Cancelled, Exited, Lost, OutOfMemory, SpawnFailed, TimedOut, Unkillable
from tetra_orchestrator.core.recovery import Recovery, Told, recoveries, told
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.core.watching import Alerting, Channel, Fallback, OnFailure

FAILED = Exited(3)
BY_HAND = Reason("cancel_requested", "cancelled by hand")


def other(one: Task) -> Task:
    """The same task with the program that stands in for it."""
    return one._replace(args=("instead",))


def with_program(*names: str) -> dict[str, Recovery]:
    return {name: Recovery("backup", other(task(name))) for name in names}


EARLIER = {"a": Recovery("use_cached_data")}
ITEMS = {"a": Recovery(partial=True)}


# A program


@pytest.mark.parametrize(
    "outcome", [FAILED, TimedOut(9), OutOfMemory(), Lost("x"), SpawnFailed("ENOENT", "x")], ids=lambda one: type(one)
)
def test_whatever_a_task_failed_of_its_fallback_is_its_last_attempt(outcome) -> None:
    run = Run(task("a"), recovery=with_program("a"))
    run.decide()
    run.end("a", outcome)
    (start,) = run.decide().starts
    assert (start.task.args, start.attempt) == (("instead",), 2)
    run.end("a")
    assert run.states() == {"a": "partial"}
    assert run.plan.verdict() == (RunState.PARTIAL, Reason("task_partial", "some tasks ended partial"))


def test_each_step_says_what_was_wrong_and_what_stands_in() -> None:
    run = Run(task("a"), recovery=with_program("a"))
    run.decide()
    run.end("a", FAILED)
    assert run.reasons() == {"a": Reason("fallback", "exited with code 3; its fallback backup stands in")}
    (start,) = run.decide().starts
    assert (start.reason, start.failed) == (
        Reason("fallback", "backup stands in for it: exited with code 3"),
        "exited with code 3",
    )
    run.end("a")
    assert run.reasons() == {"a": Reason("fallback", "exited with code 3; its fallback backup stood in")}


def test_T_158_retries_come_first_and_what_depends_on_the_task_waits_for_its_fallback() -> None:
    policy = RetryPolicy(max_attempts=2, delay_s=60)
    run = Run(task("a", retry=policy), task("b", "a"), recovery=with_program("a"))
    run.decide()
    run.end("a", FAILED)
    assert run.starts(now=59) == []
    assert run.starts(now=60) == ["a"]
    run.end("a", FAILED, now=60)
    assert run.starts(now=60) == ["a"], "a fallback does not wait"
    run.end("a", now=61)
    assert run.starts(now=61) == ["b"]


def test_a_fallback_that_fails_too_is_not_tried_again_and_both_failures_are_told() -> None:
    run = Run(task("a", retry=RetryPolicy(max_attempts=2)), recovery=with_program("a"))
    for outcome in (FAILED, FAILED, TimedOut(5)):
        run.decide()
        run.end("a", outcome)
    assert run.states() == {"a": "timed_out"}
    assert run.reasons() == {
        "a": Reason("timeout", "exited with code 3; its fallback backup ended by its time limit of 5 s")
    }


def test_a_fallback_takes_none_of_the_budget_of_retries() -> None:
    run = Run(task("a", retry=RetryPolicy(max_attempts=2)), recovery=with_program("a"), max_retries=0)
    run.decide()
    run.end("a", FAILED)
    assert run.starts() == ["a"]
    run.end("a")
    assert run.states() == {"a": "partial"}


def test_a_rescued_task_does_not_count_for_stop_after() -> None:
    run = Run(task("a"), task("b"), recovery=with_program("a"), stop_after=1, max_parallel=1)
    run.decide()
    run.end("a", FAILED)
    run.decide()
    run.end("a")
    assert run.starts() == ["b"]


@pytest.mark.parametrize("recovery", [with_program("a"), EARLIER], ids=["program", "earlier"])
def test_nothing_stands_in_once_the_run_starts_nothing_more(recovery) -> None:
    run = Run(task("a"), task("b"), recovery=recovery, stop_after=1)
    run.decide()
    run.end("b", FAILED)
    run.end("a", FAILED)
    assert not run.plan.wants_earlier("a")
    assert run.states() == {"a": "failed", "b": "failed"}


def test_nothing_stands_in_for_a_task_of_a_cancelled_run() -> None:
    run = Run(task("a"), recovery=with_program("a"))
    run.decide()
    run.plan.cancel(BY_HAND)
    run.end("a", Exited(1))
    assert run.states() == {"a": "cancelled"}


def test_a_run_that_is_cancelled_ends_the_fallback() -> None:
    run = Run(task("a"), recovery=with_program("a"))
    run.decide()
    run.end("a", FAILED)
    run.decide()
    run.plan.cancel(BY_HAND)
    assert run.stops() == ["a"]
    assert run.end("a", FAILED) == Cancelled()
    assert run.states() == {"a": "cancelled"}


def test_the_limit_of_the_run_ends_the_fallback_too() -> None:
    run = Run(task("a"), recovery=with_program("a"), timeout_s=10)
    run.decide()
    run.end("a", FAILED, now=9)
    run.decide(9)
    assert run.stops(10) == ["a"]
    run.end("a", now=10)
    assert run.plan.verdict()[0] is RunState.TIMED_OUT


def test_the_fallback_has_the_time_limit_of_the_task() -> None:
    run = Run(task("a", timeout_s=5), recovery=with_program("a"))
    run.decide()
    run.end("a", FAILED, now=1)
    run.decide(1)
    assert run.stops(5.9) == []
    assert run.stops(6) == ["a"]


def test_no_program_starts_beside_processes_that_cannot_be_ended() -> None:
    run = Run(task("a"), recovery=with_program("a"))
    run.decide()
    run.end("a", Unkillable("process 7 is still there"))
    assert run.states() == {"a": "failed"}


def test_a_level_waits_for_the_fallback_and_goes_on_after_it() -> None:
    run = Run(task("a"), task("b"), task("c", "b"), recovery=with_program("a"), barriers=True)
    run.decide()
    run.end("b")
    run.end("a", FAILED)
    assert run.starts() == ["a"]
    run.end("a")
    assert run.starts() == ["c"]


def test_a_failure_that_continue_on_speaks_of_is_none_for_good() -> None:
    rule = ContinueOn(exit_codes=(3,))
    run = Run(task("a", continue_on=rule), recovery=with_program("a"))
    run.decide()
    run.end("a", FAILED)
    assert run.reasons() == {"a": Reason("continued", "exited with code 3; `continue_on` lets the run go on")}


def test_a_service_can_be_replaced_by_its_fallback_and_becomes_ready_again() -> None:
    run = Run(
        task("a", service=Service()),
        task("b", "a", conditions=(("a", "ready"),)),
        recovery={"a": Recovery("backup", other(task("a", service=Service())))},
    )
    run.decide()
    run.end("a", FAILED)
    assert run.starts() == ["a"]
    run.plan.ready("a")
    assert run.starts() == ["b"]
    run.end("b")
    assert run.stops() == ["a"]
    run.end("a")
    assert run.states() == {"a": "partial", "b": "succeeded"}


# What it has made before


def test_T_161_what_a_task_has_made_before_stands_in_without_a_process() -> None:
    run = Run(task("a"), task("b", "a"), recovery=EARLIER)
    run.decide()
    run.end("a", FAILED)
    assert run.plan.wants_earlier("a")
    run.plan.earlier("a", "what it made in run r1", stands_in=True)
    assert run.reasons()["a"] == Reason(
        "fallback", "exited with code 3; its fallback use_cached_data stands in: what it made in run r1"
    )
    assert not run.plan.wants_earlier("a")
    assert run.starts() == ["b"]


def test_T_166_T_167_without_anything_made_before_it_is_a_plain_failure_with_the_reason_said() -> None:
    run = Run(task("a"), task("b", "a"), recovery=EARLIER)
    run.decide()
    run.end("a", TimedOut(5))
    run.plan.earlier("a", "it has never succeeded before", stands_in=False)
    assert run.states() == {"a": "timed_out", "b": "upstream_failed"}
    assert run.reasons()["a"] == Reason(
        "timeout",
        "ended by its time limit of 5 s; its fallback use_cached_data cannot stand in: it has never succeeded before",
    )


# What is complete of it


@pytest.mark.parametrize(("items", "state"), [(6, "partial"), (1, "partial"), (0, "failed")])
def test_T_163_what_is_complete_counts_after_the_last_attempt(items, state) -> None:
    run = Run(task("a", retry=RetryPolicy(max_attempts=2)), recovery=ITEMS)
    run.decide()
    run.end("a", FAILED, items=9)
    assert run.states() == {"a": "waiting_retry"}
    run.decide()
    run.end("a", FAILED, items=items)
    assert run.states() == {"a": state}


def test_it_says_how_much_is_complete_and_goes_before_a_fallback() -> None:
    run = Run(task("a"), task("b"), recovery={name: Recovery("backup", task(name), True) for name in "ab"})
    run.decide()
    run.end("a", FAILED, items=6)
    run.end("b", FAILED, items=1)
    assert run.reasons() == {
        "a": Reason("partial_recovery", "exited with code 3; its 6 completed items count"),
        "b": Reason("partial_recovery", "exited with code 3; its one completed item counts"),
    }


# From the file to the plan


def recovery_of(rule: OnFailure, *tasks: Task) -> dict[str, Recovery]:
    of = project(pipeline("p", tasks=tasks, on_failure=rule), pipeline("q"))
    return recoveries(of, of.tasks())


def test_a_project_that_says_nothing_of_failures_has_no_recovery() -> None:
    assert recovery_of(OnFailure(notify=("email",), checkpoint=True), task("p.one")) == {}


def test_a_program_stands_in_with_arguments_of_its_own_and_all_else_of_the_task() -> None:
    one = task("p.one", args=("--fast",), timeout_s=7)
    rule = OnFailure(fallback=Fallback("shell", Shell("true"), ("x",)))
    assert recovery_of(rule, one) == {"p.one": Recovery("shell", one._replace(program=Shell("true"), args=("x",)))}


def test_a_name_that_is_no_task_stands_for_what_was_made_before_but_not_for_a_service() -> None:
    rule = OnFailure(fallback=Fallback("use_cached_data"), partial=True)
    found = recovery_of(rule, task("p.one"), task("p.two", service=Service()))
    assert found == {"p.one": Recovery("use_cached_data", None, True), "p.two": Recovery(partial=True)}


def test_another_task_of_the_pipeline_stands_in_with_all_that_its_program_needs_and_not_for_itself() -> None:
    spare = task(
        "p.spare", program=Function("m.f"), args=("y",), config='{"k": 1}', cwd="here", python="py", env=(("E", "2"),)
    )
    one = task("p.one", env=(("E", "1"),), timeout_s=7)
    found = recovery_of(OnFailure(fallback=Fallback("spare")), one, spare)
    assert found["p.spare"] == Recovery()
    instead = found["p.one"].instead
    assert instead == one._replace(
        program=spare.program, args=("y",), config='{"k": 1}', cwd="here", python="py", env=(("E", "1"), ("E", "2"))
    )


@pytest.mark.parametrize(
    ("channels", "name", "reached"),
    [
        ((), "page_oncall", False),
        ((Channel("pager", "pagerduty"),), "page_oncall", True),
        ((Channel("pager", "pagerduty", enabled=False),), "page_oncall", False),
        ((Channel("boss", "email"),), "boss", True),
        ((Channel("boss", "email"),), "page_oncall", False),
    ],
)
def test_T_168_page_oncall_is_reached_by_whichever_channel_of_pagerduty_is_switched_on(channels, name, reached) -> None:
    rule = OnFailure(escalate=name, escalate_failures=2)
    of = project(pipeline("p", on_failure=rule), pipeline("q"), alerting=Alerting(channels))
    assert told(of, of.tasks()) == {"p": Told((), name, 2, not reached)}


def test_a_command_line_stays_as_it_is_for_tasks_of_other_pipelines() -> None:
    rule = OnFailure(fallback=Fallback("date", Command(("date",))))
    assert list(recovery_of(rule, task("p.one"))) == ["p.one"]


# After the death of its owner


@pytest.mark.parametrize(
    ("reason", "outcome", "after"),
    [
        (Reason("fallback", "backup stands in for it: exited with code 3"), Exited(0), "partial"),
        (Reason("fallback", "backup stands in for it: exited with code 3"), Exited(1), "failed"),
        (Reason("fallback", "backup stands in for it: exited with code 3"), None, "lost"),
        (None, Exited(0), "succeeded"),
    ],
    ids=["stood in", "failed too", "bare", "the task itself"],
)
def test_a_fallback_that_outlived_its_run_is_settled_as_one(reason, outcome, after) -> None:
    run = HistoryRun("r1", "demo", "all", "manual", "running", "0")
    row = TaskRun("r1", "a", "a", 0, "running", 3, reason, attempts=2)
    found = Found(Attempt("r1", "a", 2, "token", "running", "log"), outcome)
    changes = settling(run, [row], [found], 1, utc(2026, 3, 1), asked=None)
    (moved,) = [change for change in changes if isinstance(change, TaskMoved)]
    assert moved.after == after
    ended = [change.after for change in changes if isinstance(change, RunMoved)]
    assert ended == [{"partial": "partial", "failed": "failed", "lost": "lost", "succeeded": "succeeded"}[after]]
