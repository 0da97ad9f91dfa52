"""Conditions on how a task ended, and what the plan makes of them."""

import pytest

from support.builders import task
from support.plans import OK, Outcome, Run
from tetra_orchestrator.core.condition import found_in, searched, tolerated, unmet
from tetra_orchestrator.core.model import ContinueOn, Reason, RetryPolicy, RunIf, Task
from tetra_orchestrator.core.outcome import Cancelled, Exited, Lost, Signalled, SpawnFailed, TimedOut
from tetra_orchestrator.core.states import RunState, TaskState

TWICE = RetryPolicy(max_attempts=2, delay_s=5)
SETTLED = Reason("dependencies_settled", "everything it waits for is as it has to be")


def behind(name: str, *depends_on: str, when: str = "finished", **fields: object) -> Task:
    """A task that wants all it depends on under one condition."""
    return task(name, *depends_on, conditions=tuple((each, when) for each in depends_on), **fields)


# Dependencies that have only to be over


@pytest.mark.parametrize("outcome", [OK, Exited(1), Signalled(9), TimedOut(5.0), Lost("x"), SpawnFailed("ENOENT", "x")])
def test_a_dependency_that_has_to_be_finished_may_end_as_it_likes(outcome: Outcome) -> None:
    run = Run(task("load"), behind("clean", "load"))
    assert run.starts() == ["load"]
    run.end("load", outcome)
    (start,) = run.decide().starts
    assert (start.task.id, start.reason) == ("clean", SETTLED)
    run.end("clean")
    assert run.plan.verdict()[0] is (RunState.SUCCEEDED if outcome == OK else RunState.FAILED)


def test_it_is_not_finished_while_it_waits_for_its_retry() -> None:
    run = Run(task("load", retry=TWICE), behind("clean", "load"))
    run.decide()
    run.end("load", Exited(1))
    assert run.starts() == []
    assert run.starts(5) == ["load"]
    run.end("load", Exited(1), now=6)
    assert run.starts(6) == ["clean"]


@pytest.mark.parametrize("names", [("off", "next", "clean"), ("clean", "next", "off")])
def test_what_was_skipped_or_blocked_is_finished_too(names: tuple[str, ...]) -> None:
    tasks = {"off": task("off", enabled=False), "next": task("next", "off"), "clean": behind("clean", "next")}
    run = Run(*(tasks[name] for name in names))
    assert run.starts() == ["clean"]
    run.end("clean")
    assert run.states() == {name: "succeeded" if name == "clean" else "skipped" for name in names}


def test_a_failure_blocks_what_wants_it_succeeded_and_lets_the_rest_go_on() -> None:
    run = Run(task("a"), task("b", "a"), behind("c", "b"), task("d", "c"))
    run.decide()
    run.end("a", Exited(1))
    assert run.states() == {"a": "failed", "b": "upstream_failed", "c": "pending", "d": "pending"}
    assert run.starts() == ["c"]
    run.end("c")
    assert run.starts() == ["d"]


def test_one_failed_dependency_blocks_although_the_others_have_only_to_finish() -> None:
    run = Run(task("must"), task("may"), task("both", "must", "may", conditions=(("may", "finished"),)))
    run.decide()
    run.end("must", Exited(1))
    run.end("may", Exited(1))
    assert run.states()["both"] == "upstream_failed"
    assert run.reasons()["both"] == Reason("upstream_failed", "must failed")


def test_a_task_that_is_no_service_counts_as_ready_when_it_has_succeeded() -> None:
    run = Run(task("a"), behind("b", "a", when="ready"), task("bad"), behind("c", "bad", when="ready"))
    run.decide()
    run.end("a")
    assert run.starts() == ["b"]
    run.end("bad", Exited(1))
    assert run.states()["c"] == "upstream_failed"


def test_50_000_tasks_that_each_want_the_one_before_finished_end_without_recursion() -> None:
    chain = [
        task("t0"),
        *(behind(f"t{i}", f"t{i - 1}", run_if=(RunIf(f"t{i - 1}", ("failed",)),)) for i in range(1, 50_000)),
    ]
    run = Run(*chain)
    run.decide()
    run.end("t0")
    assert run.plan.finished
    assert set(run.states().values()) == {"succeeded", "skipped"}


# run_if


def decided(rule: RunIf, outcome: Outcome, tail: str = "") -> Reason | None:
    """Why `fix` was skipped after `check` ended so, or None where it was started."""
    run = Run(task("check"), behind("fix", "check", run_if=(rule,)))
    run.decide()
    run.end("check", outcome, tail=tail)
    return None if run.starts() == ["fix"] else run.reasons()["fix"]


def test_a_task_runs_only_after_the_states_it_names() -> None:
    assert decided(RunIf("check", ("failed", "timed_out")), Exited(1)) is None
    assert decided(RunIf("check", ("failed", "timed_out")), TimedOut(1.0)) is None
    assert decided(RunIf("check", ("failed", "timed_out")), OK) == Reason(
        "condition_not_met", "check ended succeeded, not failed or timed out"
    )


def test_a_task_runs_only_after_the_exit_codes_it_names() -> None:
    assert decided(RunIf("check", exit_codes=(3, 4)), Exited(4)) is None
    assert decided(RunIf("check", exit_codes=(3, 4)), OK) == Reason(
        "condition_not_met", "check ended with exit code 0, not 3 or 4"
    )
    assert decided(RunIf("check", exit_codes=(3,)), Signalled(9)) == Reason(
        "condition_not_met", "check ended without an exit code, not 3"
    )


def test_a_task_runs_only_after_a_log_that_says_so() -> None:
    assert decided(RunIf("check", output="^drift: [1-9]"), OK, "checked\ndrift: 7\n") is None
    assert decided(RunIf("check", output="^drift: [1-9]"), OK, "drift: 0\n") == Reason(
        "condition_not_met", "'^drift: [1-9]' is not in the log of check"
    )


def test_all_parts_of_a_condition_have_to_hold() -> None:
    rule = RunIf("check", ("failed",), (3,), "drift")
    assert decided(rule, Exited(3), "drift") is None
    assert decided(rule, Exited(2), "drift") == Reason("condition_not_met", "check ended with exit code 2, not 3")
    assert decided(rule, Exited(3), "") == Reason("condition_not_met", "'drift' is not in the log of check")


def test_a_condition_without_parts_holds_once_the_task_is_over() -> None:
    assert decided(RunIf("check"), Exited(1)) is None


def test_all_conditions_have_to_hold_and_the_first_that_does_not_is_named() -> None:
    rules = (RunIf("a", ("succeeded",)), RunIf("b", ("failed",)))
    run = Run(task("a"), task("b"), behind("c", "a", "b", run_if=rules))
    run.decide()
    run.end("b")
    assert run.states()["c"] == "pending"
    run.end("a")
    assert run.states()["c"] == "skipped"
    assert run.reasons()["c"] == Reason("condition_not_met", "b ended succeeded, not failed")


def test_the_last_attempt_counts() -> None:
    run = Run(task("check", retry=TWICE), behind("fix", "check", run_if=(RunIf("check", exit_codes=(3,)),)))
    run.decide()
    run.end("check", Exited(3))
    run.decide(5)
    run.end("check", Exited(4), now=6)
    assert run.states() == {"check": "failed", "fix": "skipped"}


def test_what_depends_on_a_task_whose_condition_does_not_hold_is_skipped_with_it() -> None:
    run = Run(task("a"), behind("b", "a", run_if=(RunIf("a", ("failed",)),)), task("c", "b"), behind("d", "c"))
    run.decide()
    run.end("a")
    assert run.states() == {"a": "succeeded", "b": "skipped", "c": "skipped", "d": "pending"}
    assert run.reasons()["c"] == Reason("upstream_skipped", "b was skipped")
    assert run.starts() == ["d"]


def test_a_task_may_run_because_another_was_skipped() -> None:
    run = Run(task("a", enabled=False), behind("b", "a", run_if=(RunIf("a", ("skipped",)),)))
    assert run.starts() == ["b"]


def test_a_condition_on_a_task_outside_the_run_is_not_judged() -> None:
    assert Run(task("fix", run_if=(RunIf("check", ("failed",)),))).starts() == ["fix"]


# continue_on


def ended(rule: ContinueOn, outcome: Outcome, tail: str = "") -> str:
    run = Run(task("a", continue_on=rule))
    run.decide()
    run.end("a", outcome, tail=tail)
    return run.states()["a"]


@pytest.mark.parametrize("outcome", [Exited(1), Signalled(9), TimedOut(5.0), SpawnFailed("ENOENT", "x"), Lost("x")])
def test_after_any_failure_the_run_goes_on_and_is_partial(outcome: Outcome) -> None:
    run = Run(task("a", continue_on=ContinueOn(failure=True)), task("b", "a"))
    run.decide()
    run.end("a", outcome)
    assert run.states()["a"] == "partial"
    assert run.starts() == ["b"]
    run.end("b")
    assert run.plan.verdict() == (RunState.PARTIAL, Reason("task_partial", "some tasks ended partial"))


def test_such_an_end_says_what_it_was() -> None:
    run = Run(task("a", continue_on=ContinueOn(exit_codes=(1,))))
    run.decide()
    run.end("a", Exited(1))
    assert run.reasons()["a"] == Reason("continued", "exited with code 1; `continue_on` lets the run go on")


def test_a_run_is_failed_where_something_else_failed_too() -> None:
    run = Run(task("a", continue_on=ContinueOn(failure=True)), task("b"))
    run.decide()
    run.end("a", Exited(1))
    run.end("b", Exited(1))
    assert run.plan.verdict() == (RunState.FAILED, Reason("task_failed", "b failed"))


def test_any_of_its_parts_lets_the_run_go_on() -> None:
    rule = ContinueOn(exit_codes=(1, 3), output="no data for")
    assert ended(rule, Exited(3)) == "partial"
    assert ended(rule, Exited(2), "no data for today\n") == "partial"
    assert ended(rule, Exited(2), "disk full\n") == "failed"
    assert ended(rule, Signalled(9)) == "failed"
    assert ended(ContinueOn(), Exited(1)) == "failed"


def test_D_106_an_exit_code_that_is_tried_again_is_tried_first() -> None:
    policy = RetryPolicy(max_attempts=2, on_exit_codes=(1,))
    run = Run(task("a", retry=policy, continue_on=ContinueOn(exit_codes=(1,))))
    run.decide()
    run.end("a", Exited(1))
    assert run.states() == {"a": "waiting_retry"}
    run.decide()
    run.end("a", Exited(1))
    assert run.states() == {"a": "partial"}


def test_a_cancel_is_no_failure_after_which_the_run_goes_on() -> None:
    run = Run(task("a", continue_on=ContinueOn(failure=True)))
    run.decide()
    run.plan.cancel(Reason("interrupted", "interrupted by SIGINT"))
    assert run.end("a", Signalled(15)) == Cancelled()
    assert run.states() == {"a": "cancelled"}


# The parts


def test_a_pattern_is_found_anywhere_and_its_anchors_are_those_of_a_line() -> None:
    log = "start\nHTTP 429 Rate limit exceeded\nend\n"
    assert found_in(log, ("nothing", "Rate limit .*"))
    assert found_in(log, ("^HTTP 429", "nothing"))
    assert not found_in(log, ("^Rate", "rate"))
    assert not found_in("", ("x",))
    assert not found_in(log, ())


def test_the_log_is_searched_only_where_its_words_matter() -> None:
    tasks = (
        task("plain", retry=RetryPolicy(max_attempts=3, on_exit_codes=(1,)), continue_on=ContinueOn(exit_codes=(1,))),
        task("a", retry=RetryPolicy(on_output=("x",))),
        task("b", retry=RetryPolicy(on_errors=("timeout",))),
        task("c", retry=RetryPolicy(not_on_errors=("timeout",))),
        task("d", continue_on=ContinueOn(output="x")),
        task("e"),
        task("f", run_if=(RunIf("e", output="x"), RunIf("plain", ("failed",)))),
    )
    assert searched(tasks) == {"a", "b", "c", "d", "e"}


def test_a_task_without_an_attempt_has_neither_exit_code_nor_log() -> None:
    rules = (RunIf("a", exit_codes=(0,)), RunIf("a", output="."))
    texts = [reason.text for rule in rules if (reason := unmet(rule, TaskState.SKIPPED, None, ""))]
    assert texts == ["a ended without an exit code, not 0", "'.' is not in the log of a"]
    assert unmet(RunIf("a", ("skipped",)), TaskState.SKIPPED, None, "") is None


def test_what_is_tolerated_is_a_matter_of_the_rule_alone() -> None:
    assert tolerated(ContinueOn(failure=True), Lost("x"), "")
    assert not tolerated(ContinueOn(exit_codes=(1,)), TimedOut(1.0), "")
