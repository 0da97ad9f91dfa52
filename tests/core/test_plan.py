"""The plan: what starts when, what follows from an end, and what the run comes to."""

from typing import Any

import pytest

from support.builders import task
from support.plans import Outcome, Run
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.decision import Decision
from tetra_orchestrator.core.forecast import forecast
from tetra_orchestrator.core.model import Reason, RetryPolicy, Task
from tetra_orchestrator.core.outcome import Cancelled, Exited, Lost, Signalled, SpawnFailed, TimedOut
from tetra_orchestrator.core.plan import Plan
from tetra_orchestrator.core.states import IllegalTransition, RunState, TaskState

T = TaskState
OK = Exited(0)
BY_HAND = Reason("interrupted", "interrupted by SIGINT")
THREE = RetryPolicy(max_attempts=3, delay_s=60, backoff=2)


def diamond(**fields: Any) -> tuple[Task, ...]:
    return (task("extract", **fields), task("left", "extract"), task("right", "extract"), task("load", "left", "right"))


# What starts


def test_a_task_starts_as_soon_as_all_it_depends_on_has_succeeded() -> None:
    run = Run(*diamond())
    assert run.starts() == ["extract"]
    assert run.starts() == []
    run.end("extract")
    assert run.starts() == ["left", "right"]
    run.end("left")
    assert run.starts() == []
    run.end("right")
    assert run.starts() == ["load"]
    assert not run.plan.finished
    run.end("load")
    assert run.plan.finished
    assert run.plan.verdict() == (RunState.SUCCEEDED, Reason("succeeded", "every task succeeded or was skipped"))


def test_every_start_says_its_attempt_and_why() -> None:
    run = Run(task("a", retry=THREE), task("b", "a"))
    (start,) = run.decide().starts
    assert (start.attempt, start.reason) == (1, Reason("no_dependencies", "it depends on nothing in this run"))
    run.end("a", Exited(1), now=10)
    (start,) = run.decide(70).starts
    assert (start.attempt, start.reason) == (2, Reason("retry", "attempt 2 of 3"))
    run.end("a", now=80)
    (start,) = run.decide(80).starts
    assert (start.task.id, start.attempt) == ("b", 1)
    assert start.reason == Reason("dependencies_succeeded", "everything it depends on has succeeded")


def test_a_dependency_named_twice_is_waited_for_once() -> None:
    run = Run(task("a"), task("b", "a", "a"))
    assert run.starts() == ["a"]
    run.end("a")
    assert run.starts() == ["b"]


def test_the_longest_path_starts_first() -> None:
    tasks = (task("short"), task("head"), task("tail", "head"), task("long"))
    seconds = {"short": 5.0, "head": 1.0, "tail": 9.0, "long": 8.0}
    assert Run(*tasks, expected_s=seconds).starts() == ["head", "long", "short"]
    assert Run(*tasks, expected_s=seconds, max_parallel=1).starts() == ["head"]


def test_learned_durations_win_over_the_expected_ones_of_the_file() -> None:
    tasks = (task("a", expected_s=10.0), task("b", expected_s=20.0))
    assert Run(*tasks).starts() == ["b", "a"]
    assert Run(*tasks, expected_s={"a": 30.0}).starts() == ["a", "b"]


def test_of_equal_tasks_the_first_in_the_file_starts_first() -> None:
    assert Run(*(task(name) for name in "cabd"), max_parallel=3).starts() == ["c", "a", "b"]


def test_priority_goes_before_the_longest_path() -> None:
    tasks = (task("long"), task("urgent", priority=5), task("never", priority=-1))
    assert Run(*tasks, expected_s={"long": 100.0, "never": 900.0}).starts() == ["urgent", "long", "never"]


def test_no_more_than_max_parallel_run_at_once_and_a_freed_place_is_taken() -> None:
    run = Run(*(task(name) for name in "abcde"), max_parallel=2)
    assert run.starts() == ["a", "b"]
    assert run.starts() == []
    run.end("b")
    assert run.starts() == ["c"]
    run.end("a")
    run.end("c", Exited(1))
    assert run.starts() == ["d", "e"]


def test_a_pool_holds_back_what_does_not_fit_and_lets_others_pass() -> None:
    run = Run(
        task("big", pool=(("db", 2),)),
        task("bigger", pool=(("db", 3),)),
        task("small", pool=(("db", 1),)),
        task("free"),
        pools={"db": 3},
    )
    assert run.starts() == ["big", "small", "free"]
    run.end("small")
    assert run.starts() == []
    run.end("big")
    assert run.starts() == ["bigger"]


def test_a_task_in_two_pools_needs_room_in_both() -> None:
    run = Run(
        task("both", pool=(("db", 1), ("api", 1))),
        task("db", pool=(("db", 1),)),
        task("api", pool=(("api", 1),)),
        pools={"db": 1, "api": 1},
    )
    assert run.starts() == ["both"]
    run.end("both", Exited(1))
    assert run.starts() == ["db", "api"]


def test_a_task_that_waits_for_its_retry_gives_its_place_and_its_pool_away() -> None:
    run = Run(task("a", retry=THREE, pool=(("db", 1),)), task("b", pool=(("db", 1),)), max_parallel=1, pools={"db": 1})
    assert run.starts() == ["a"]
    run.end("a", Exited(1), now=1)
    assert run.starts(1) == ["b"]
    assert run.starts(61) == []
    run.end("b", now=62)
    assert run.starts(62) == ["a"]


# Retries


def test_a_failed_task_is_retried_after_its_delay_until_max_attempts() -> None:
    run = Run(task("a", retry=THREE))
    run.decide(0)
    assert run.end("a", Exited(3), now=10) == Exited(3)
    assert run.states() == {"a": "waiting_retry"}
    assert run.reasons()["a"] == Reason("retry_scheduled", "exited with code 3; next attempt in 60 s")
    assert run.decide(69.9) == Decision((), (), 70)
    assert run.starts(70) == ["a"]
    run.end("a", Signalled(9), now=80)
    assert run.reasons()["a"] == Reason("retry_scheduled", "killed by signal 9 (KILL); next attempt in 120 s")
    assert run.decide(80).wake_at == 200
    assert run.starts(200) == ["a"]
    assert not run.plan.finished
    run.end("a", Exited(4), now=210)
    assert run.states() == {"a": "failed"}
    assert run.reasons()["a"] == Reason("failed", "exited with code 4")
    assert run.plan.verdict() == (RunState.FAILED, Reason("task_failed", "a failed"))


def test_the_wait_is_spread_by_the_random_number_that_the_plan_is_given() -> None:
    policy = RetryPolicy(max_attempts=2, delay_s=100, jitter=0.5)
    plan = Plan([task("a", retry=policy)], Limits(1), {}, random=lambda: 0.0)
    plan.decide(0)
    plan.ended("a", Exited(1), 10)
    assert plan.decide(10).wake_at == 60


def test_a_task_that_succeeds_at_its_second_attempt_lets_the_next_one_start() -> None:
    run = Run(task("a", retry=THREE), task("b", "a"))
    run.decide(0)
    run.end("a", Exited(1), now=1)
    assert run.states()["b"] == "pending"
    run.decide(61)
    run.end("a", now=62)
    assert run.starts(62) == ["b"]


def test_a_program_that_is_not_there_is_not_retried() -> None:
    run = Run(task("a", retry=THREE))
    run.plan.decide(0)
    run.end("a", SpawnFailed("ENOENT", "no such file: extract"))
    assert run.states() == {"a": "failed"}
    assert run.reasons()["a"] == Reason("failed", "could not start: no such file: extract (ENOENT)")


def test_a_lost_attempt_is_retried_where_the_task_allows_it() -> None:
    for allowed in ("retry", "resume"):
        run = Run(task("a", retry=RetryPolicy(max_attempts=2), on_lost=allowed))
        run.decide()
        run.end("a", Lost("its exit status is gone"))
        assert run.starts() == ["a"]
        run.end("a", Lost("its exit status is gone"))
        assert run.states() == {"a": "lost"}


def test_a_lost_attempt_is_not_retried_because_it_may_have_done_its_work() -> None:
    run = Run(task("a", retry=THREE), task("b", "a"))
    run.decide(0)
    run.end("a", Lost("its exit status is gone"))
    assert run.states() == {"a": "lost", "b": "upstream_failed"}
    assert run.reasons() == {
        "a": Reason("lost", "lost: its exit status is gone"),
        "b": Reason("upstream_failed", "a lost"),
    }
    assert run.plan.verdict() == (RunState.FAILED, Reason("task_failed", "a failed"))


# Time limits


def test_a_task_over_its_time_limit_is_stopped_once_and_then_timed_out() -> None:
    run = Run(task("a", timeout_s=30))
    assert run.decide(100).wake_at == 130
    assert run.decide(129.9).stops == ()
    (stop,) = run.decide(130).stops
    assert (stop.task.id, stop.attempt) == ("a", 1)
    assert stop.reason == Reason("timeout", "its time limit of 30 s has passed")
    assert run.states() == {"a": "running"}
    assert run.decide(131).stops == ()
    assert run.end("a", Signalled(15), now=132) == TimedOut(30)
    assert run.states() == {"a": "timed_out"}
    assert run.reasons()["a"] == Reason("timeout", "ended by its time limit of 30 s")
    assert run.plan.verdict() == (RunState.FAILED, Reason("task_failed", "a failed"))


def test_the_time_limit_counts_even_where_the_process_then_exits_with_0() -> None:
    run = Run(task("a", timeout_s=30), task("b", "a"))
    run.decide(0)
    run.decide(30)
    assert run.end("a", Exited(0), now=31) == TimedOut(30)
    assert run.states() == {"a": "timed_out", "b": "upstream_failed"}


def test_a_timed_out_attempt_is_retried_until_max_attempts_with_a_new_limit_each_time() -> None:
    run = Run(task("a", timeout_s=30, retry=RetryPolicy(max_attempts=2, delay_s=5)))
    run.decide(0)
    run.decide(30)
    run.end("a", Signalled(15), now=31)
    assert run.states() == {"a": "waiting_retry"}
    assert run.starts(36) == ["a"]
    assert run.decide(65).stops == ()
    assert [stop.attempt for stop in run.decide(66).stops] == [2]
    run.end("a", Signalled(9), now=67)
    assert run.states() == {"a": "timed_out"}


def test_the_limit_of_an_attempt_that_is_over_does_not_stop_the_next_one() -> None:
    run = Run(task("a", timeout_s=30, retry=RetryPolicy(max_attempts=2)))
    run.decide(0)
    run.end("a", Exited(1), now=20)
    assert run.starts(20) == ["a"]
    assert run.decide(30).stops == ()
    assert run.end("a", Exited(0), now=40) == Exited(0)
    assert run.plan.verdict()[0] is RunState.SUCCEEDED


def test_a_plan_without_limits_and_retries_waits_for_events_only() -> None:
    run = Run(task("a"), task("b", "a"))
    assert run.decide(0).wake_at is None


# Failures, and what is behind them


def test_a_failure_blocks_all_that_is_behind_it_and_names_the_cause() -> None:
    run = Run(*diamond())
    run.decide()
    run.end("extract", Exited(1))
    assert run.plan.finished
    assert run.states() == {
        "extract": "failed", "left": "upstream_failed", "right": "upstream_failed", "load": "upstream_failed",
    }  # fmt: skip
    assert run.reasons() == {
        "extract": Reason("failed", "exited with code 1"),
        "left": Reason("upstream_failed", "extract failed"),
        "right": Reason("upstream_failed", "extract failed"),
        "load": Reason("upstream_failed", "left upstream failed"),
    }
    assert run.plan.verdict() == (RunState.FAILED, Reason("task_failed", "extract failed"))


def test_branches_that_do_not_depend_on_the_failure_go_on() -> None:
    run = Run(task("bad"), task("behind", "bad"), task("good"), task("after", "good"))
    run.decide()
    run.end("bad", Exited(1))
    run.end("good")
    assert run.starts() == ["after"]
    assert not run.plan.finished
    run.end("after")
    assert run.states() == {"bad": "failed", "behind": "upstream_failed", "good": "succeeded", "after": "succeeded"}
    assert run.plan.verdict() == (RunState.FAILED, Reason("task_failed", "bad failed"))


def test_a_task_behind_a_failure_and_a_running_task_is_blocked_at_once() -> None:
    run = Run(task("bad"), task("slow"), task("both", "bad", "slow"))
    run.decide()
    run.end("bad", Exited(1))
    assert run.states()["both"] == "upstream_failed"
    run.end("slow")
    assert run.starts() == []
    assert run.plan.finished


def test_the_verdict_names_at_most_five_tasks_that_failed_in_file_order() -> None:
    run = Run(*(task(name) for name in "abcdefg"))
    run.decide()
    for name in "gfedcba":
        run.end(name, Exited(1))
    assert run.plan.verdict() == (RunState.FAILED, Reason("task_failed", "a, b, c, d, e failed"))


# Disabled tasks


def test_a_disabled_task_is_skipped_with_all_that_is_behind_it_and_says_so() -> None:
    run = Run(*diamond(enabled=False), task("other"))
    assert run.reasons() == {
        "extract": Reason("disabled", "`enabled: false` in the configuration"),
        "left": Reason("upstream_skipped", "extract was skipped"),
        "right": Reason("upstream_skipped", "extract was skipped"),
        "load": Reason("upstream_skipped", "left was skipped"),
    }
    assert run.starts() == ["other"]
    run.end("other")
    assert set(run.states().values()) == {"skipped", "succeeded"}
    assert run.plan.verdict() == (RunState.SUCCEEDED, Reason("succeeded", "every task succeeded or was skipped"))


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_a_disabled_task_behind_a_disabled_one_is_skipped_for_its_own_reason(names: tuple[str, str]) -> None:
    tasks = {"a": task("a", enabled=False), "b": task("b", "a", enabled=False)}
    run = Run(*(tasks[name] for name in names))
    assert run.plan.finished
    assert set(run.reasons().values()) == {Reason("disabled", "`enabled: false` in the configuration")}


def test_a_plan_of_nothing_is_finished_and_succeeded() -> None:
    run = Run()
    assert run.plan.finished
    assert run.decide() == Decision((), (), None)
    assert run.plan.verdict()[0] is RunState.SUCCEEDED


# Cancelling


def test_cancelling_stops_what_runs_and_starts_nothing_more() -> None:
    run = Run(task("runs"), task("behind", "runs"), task("waits"), max_parallel=1)
    run.decide()
    run.plan.cancel(BY_HAND)
    decision = run.decide(1)
    assert decision.starts == ()
    assert [(stop.task.id, stop.reason) for stop in decision.stops] == [("runs", BY_HAND)]
    assert run.states() == {"runs": "running", "behind": "cancelled", "waits": "cancelled"}
    assert not run.plan.finished
    assert run.end("runs", Signalled(15), now=2) == Cancelled()
    assert run.plan.finished
    assert run.states() == {"runs": "cancelled", "behind": "cancelled", "waits": "cancelled"}
    assert run.plan.verdict() == (RunState.CANCELLED, BY_HAND)


@pytest.mark.parametrize("outcome", [Exited(0), Exited(3), Signalled(9)])
def test_the_cancel_counts_and_not_how_the_process_died_of_it(outcome: Outcome) -> None:
    run = Run(task("a", retry=THREE))
    run.decide()
    run.plan.cancel(BY_HAND)
    assert run.end("a", outcome) == Cancelled()
    assert run.states() == {"a": "cancelled"}
    assert run.reasons()["a"] == Reason("cancelled", "cancelled")


def test_a_task_that_waits_for_its_retry_is_cancelled_at_once() -> None:
    run = Run(task("a", retry=THREE), task("b", "a"))
    run.decide()
    run.end("a", Exited(1), now=1)
    run.plan.cancel(BY_HAND)
    assert run.states() == {"a": "cancelled", "b": "cancelled"}
    assert run.reasons() == {"a": BY_HAND, "b": BY_HAND}
    assert run.plan.finished
    assert run.starts(100) == []


@pytest.mark.parametrize("names", [("a", "b", "c"), ("c", "b", "a")])
def test_pending_tasks_are_cancelled_whatever_the_order_of_the_file(names: tuple[str, ...]) -> None:
    tasks = {"a": task("a"), "b": task("b", "a"), "c": task("c", "b")}
    run = Run(*(tasks[name] for name in names))
    run.plan.cancel(BY_HAND)
    assert run.states() == {"a": "cancelled", "b": "cancelled", "c": "cancelled"}
    assert run.reasons() == {"a": BY_HAND, "b": BY_HAND, "c": BY_HAND}
    assert run.plan.finished


def test_what_was_over_before_the_cancel_stays_as_it_was() -> None:
    run = Run(task("good"), task("bad"), task("behind", "bad"), task("off", enabled=False), task("runs"))
    run.decide()
    run.end("good")
    run.end("bad", Exited(1))
    run.plan.cancel(BY_HAND)
    assert run.states() == {
        "good": "succeeded", "bad": "failed", "behind": "upstream_failed", "off": "skipped", "runs": "running",
    }  # fmt: skip


def test_the_first_cause_of_a_stop_counts() -> None:
    run = Run(task("a", timeout_s=30, retry=THREE))
    run.decide(0)
    assert len(run.decide(30).stops) == 1
    run.plan.cancel(BY_HAND)
    assert run.decide(31).stops == ()
    assert run.end("a", Signalled(15), now=32) == TimedOut(30)
    assert run.states() == {"a": "timed_out"}
    assert run.plan.verdict() == (RunState.CANCELLED, BY_HAND)


def test_cancelling_twice_changes_nothing() -> None:
    run = Run(task("a"))
    run.decide()
    run.plan.cancel(BY_HAND)
    assert len(run.decide(1).stops) == 1
    run.plan.cancel(Reason("interrupted", "interrupted by SIGTERM"))
    assert run.decide(2).stops == ()
    run.end("a", Signalled(15))
    assert run.plan.verdict() == (RunState.CANCELLED, BY_HAND)


# The moves


def test_moves_tell_each_change_with_its_version_and_attempts_in_order() -> None:
    run = Run(task("a", retry=THREE), task("b", "a"))
    run.decide(0)
    run.end("a", Exited(1), now=1)
    run.decide(61)
    run.end("a", Exited(0), now=62)
    moves = [(m.task_id, m.before, m.after, m.version, m.attempts) for m in run.plan.take_moves()]
    assert moves == [
        ("a", T.PENDING, T.SUBMITTED, 0, 1),
        ("a", T.SUBMITTED, T.RUNNING, 1, 1),
        ("a", T.RUNNING, T.WAITING_RETRY, 2, 1),
        ("a", T.WAITING_RETRY, T.SUBMITTED, 3, 2),
        ("a", T.SUBMITTED, T.RUNNING, 4, 2),
        ("a", T.RUNNING, T.SUCCEEDED, 5, 2),
    ]
    assert run.plan.take_moves() == []


def test_an_end_that_nobody_started_is_our_own_mistake() -> None:
    run = Run(task("a"))
    with pytest.raises(IllegalTransition) as caught:
        run.end("a")
    assert str(caught.value) == "a pending task cannot succeed"


# Size


def layered(width: int, depth: int) -> list[Task]:
    """Layers of `width` tasks; each task needs three of the layer before."""
    return [
        task(f"t{layer}.{i}", *((f"t{layer - 1}.{(i + step) % width}" for step in (0, 1, 7)) if layer else ()))
        for layer in range(depth)
        for i in range(width)
    ]


def test_20_000_tasks_with_60_000_edges_are_simulated_to_the_end() -> None:
    tasks = layered(width=20, depth=1001)
    assert (len(tasks), sum(len(one.depends_on) for one in tasks)) == (20_020, 60_000)
    found = forecast(tasks, Limits(20), {one.id: 1.0 for one in tasks})
    assert found.finish_s == 1001
    assert len(found.critical_path) == 1001


def test_a_failure_before_20_000_tasks_in_a_chain_blocks_them_all_without_recursion() -> None:
    run = Run(*(task(f"t{i}", *([f"t{i - 1}"] if i else [])) for i in range(20_000)))
    run.decide()
    run.end("t0", Exited(1))
    assert run.plan.finished
    assert list(run.states().values()) == ["failed"] + ["upstream_failed"] * 19_999


def test_a_cancel_after_the_last_task_changes_nothing_about_the_verdict():
    plan = Plan([task("a")], Limits(1), {})
    plan.decide(0.0)
    plan.started("a", 0.0, 0.0)
    plan.ended("a", Exited(0), 1.0)
    plan.cancel(Reason("interrupted", "too late"))
    assert plan.verdict()[0] is RunState.SUCCEEDED
