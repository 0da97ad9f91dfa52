"""What holds for a run as a whole: after how many failures it stops, how long it may take, what the host gives."""

import pytest

from support.builders import mode, pipeline, project, task
from support.plans import Run
from tetra_orchestrator.core.admission import Limits, Room
from tetra_orchestrator.core.model import ContinueOn, Mode, Param, Reason, Resources, RetryPolicy, RunPolicy, Task
from tetra_orchestrator.core.outcome import Cancelled, Exited, Signalled, TimedOut
from tetra_orchestrator.core.selection import declared, policy
from tetra_orchestrator.core.states import RunState

BY_HAND = Reason("interrupted", "interrupted by SIGINT")
ONE_FAILED = Reason("failure_limit", "1 task has failed, and `stop_after` allows no more")
OUT_OF_TIME = Reason("run_timeout", "the run's time limit of 60 s has passed")
TWICE = RetryPolicy(max_attempts=2, delay_s=5)

# After so many failures


def test_R_018_after_the_failure_nothing_more_is_started_and_the_run_has_failed() -> None:
    run = Run(task("a"), task("b", priority=1), task("c", "b"), task("behind", "a"), max_parallel=1, stop_after=1)
    assert run.starts() == ["b"]
    run.end("b", Exited(1))
    assert run.states() == {"a": "cancelled", "b": "failed", "c": "upstream_failed", "behind": "cancelled"}
    assert run.reasons() == {
        "a": ONE_FAILED,
        "b": Reason("failed", "exited with code 1"),
        "c": Reason("upstream_failed", "b failed"),
        "behind": ONE_FAILED,
    }
    assert run.starts() == []
    assert run.plan.finished
    assert run.plan.verdict() == (RunState.FAILED, Reason("task_failed", "b failed"))


def test_what_runs_then_finishes_and_what_depends_on_it_is_not_started() -> None:
    run = Run(task("a"), task("b"), task("c", "b"), stop_after=1)
    run.decide()
    run.end("a", Exited(1))
    assert run.decide().stops == ()
    assert run.states() == {"a": "failed", "b": "running", "c": "cancelled"}
    run.end("b")
    assert run.states() == {"a": "failed", "b": "succeeded", "c": "cancelled"}
    assert run.plan.finished


def test_what_then_fails_is_not_tried_again() -> None:
    run = Run(task("a"), task("b", retry=TWICE), stop_after=1)
    run.decide()
    run.end("a", Exited(1))
    run.end("b", Exited(1))
    assert run.states() == {"a": "failed", "b": "failed"}
    assert run.plan.verdict() == (RunState.FAILED, Reason("task_failed", "a, b failed"))


def test_what_waits_for_its_retry_is_not_tried_again() -> None:
    run = Run(task("a"), task("b", retry=TWICE), stop_after=1)
    run.decide()
    run.end("b", Exited(1))
    run.end("a", Exited(1))
    assert run.states() == {"a": "failed", "b": "cancelled"}
    assert run.starts(100) == []


def test_X_124_of_ten_failing_tasks_three_run_and_seven_are_cancelled() -> None:
    run = Run(*(task(f"t{n}") for n in range(10)), max_parallel=1, stop_after=3)
    for n in range(3):
        assert run.starts() == [f"t{n}"]
        run.end(f"t{n}", Exited(1))
    assert list(run.states().values()) == ["failed"] * 3 + ["cancelled"] * 7
    assert run.reasons()["t9"] == Reason("failure_limit", "3 tasks have failed, and `stop_after` allows no more")


def test_only_final_failures_count() -> None:
    run = Run(
        task("again", retry=TWICE),
        task("partial", continue_on=ContinueOn(failure=True)),
        task("off", enabled=False),
        task("last", "again", "partial"),
        stop_after=1,
    )
    run.decide()
    run.end("again", Exited(1))
    run.end("partial", Exited(1))
    assert run.starts(5) == ["again"]
    run.end("again")
    assert run.starts(6) == ["last"]


@pytest.mark.parametrize("outcome", [Exited(1), Signalled(9), TimedOut(1.0)])
def test_every_kind_of_failure_counts(outcome: Exited) -> None:
    run = Run(task("a"), task("b"), max_parallel=1, stop_after=1)
    run.decide()
    run.end("a", outcome)
    assert run.states()["b"] == "cancelled"


def test_a_cancel_after_it_ends_what_still_runs() -> None:
    run = Run(task("a"), task("b"), stop_after=1)
    run.decide()
    run.end("a", Exited(1))
    run.plan.cancel(BY_HAND)
    assert run.stops() == ["b"]
    assert run.end("b", Signalled(15)) == Cancelled()
    assert run.plan.verdict() == (RunState.CANCELLED, BY_HAND)


# The time limit of the run


def test_R_016_a_run_over_its_time_limit_ends_what_runs_and_starts_nothing_more() -> None:
    run = Run(task("slow"), task("next", "slow"), task("other"), max_parallel=1, timeout_s=60.0)
    assert run.decide(100).wake_at == 160
    assert run.decide(159.9).stops == ()
    (stop,) = run.decide(160).stops
    assert (stop.task.id, stop.reason) == ("slow", OUT_OF_TIME)
    assert run.states() == {"slow": "running", "next": "cancelled", "other": "cancelled"}
    assert run.decide(161).wake_at is None
    assert run.end("slow", Signalled(15), now=162) == Cancelled()
    assert run.reasons() == dict.fromkeys(("slow", "next", "other"), OUT_OF_TIME)
    assert run.plan.verdict() == (RunState.TIMED_OUT, OUT_OF_TIME)


def test_it_ends_the_wait_for_a_retry_too() -> None:
    run = Run(task("a", retry=RetryPolicy(max_attempts=2, delay_s=500)), timeout_s=60.0)
    run.decide(0)
    run.end("a", Exited(1), now=1)
    assert run.decide(1).wake_at == 60
    assert run.starts(60) == []
    assert run.states() == {"a": "cancelled"}
    assert run.plan.verdict() == (RunState.TIMED_OUT, OUT_OF_TIME)


def test_a_run_that_is_over_in_time_is_not_touched_by_the_limit() -> None:
    run = Run(task("a"), timeout_s=60.0)
    run.decide(0)
    run.end("a", now=59)
    run.decide(100)
    assert run.plan.verdict()[0] is RunState.SUCCEEDED


def test_the_first_of_a_cancel_and_the_limit_counts() -> None:
    run = Run(task("a"), timeout_s=60.0)
    run.decide(0)
    run.plan.cancel(BY_HAND)
    run.decide(60)
    run.end("a", Signalled(15), now=61)
    assert run.plan.verdict() == (RunState.CANCELLED, BY_HAND)


def test_the_time_limit_of_a_task_may_pass_before_that_of_the_run() -> None:
    run = Run(task("a", timeout_s=10.0, retry=TWICE), timeout_s=60.0)
    assert run.decide(0).wake_at == 10
    assert run.stops(10) == ["a"]
    run.end("a", Signalled(15), now=11)
    assert run.starts(16) == ["a"]


# What the host gives


def heavy(name: str, **resources: float) -> Task:
    return task(name, resources=Resources(**resources))  # type: ignore[arg-type]


def test_tasks_share_what_the_host_declares() -> None:
    run = Run(heavy("a", cpu=1.5), heavy("b", cpu=1.0), heavy("c", cpu=0.5), task("free"), cpu=2.0)
    assert run.starts() == ["a", "c", "free"]
    run.end("c")
    assert run.starts() == []
    run.end("a")
    assert run.starts() == ["b"]


@pytest.mark.parametrize("field", ["cpu", "memory_bytes", "gpu"])
def test_a_task_that_needs_more_than_the_host_has_takes_all_of_it(field: str) -> None:
    run = Run(heavy("small", **{field: 1}), heavy("huge", **{field: 99}), heavy("last", **{field: 1}), **{field: 2})
    assert run.starts() == ["small", "last"]
    run.end("small")
    assert run.starts() == []
    run.end("last")
    assert run.starts() == ["huge"]


def test_what_the_host_does_not_declare_is_not_counted() -> None:
    assert Run(heavy("a", gpu=9, cpu=99), heavy("b", gpu=9), memory_bytes=8).starts() == ["a", "b"]
    assert Run(heavy("a", memory_bytes=9), heavy("b", memory_bytes=9)).starts() == ["a", "b"]


def test_a_task_needs_room_in_its_pool_and_on_the_host() -> None:
    tasks = (
        task("a", pool=(("db", 1),)),
        task("b", pool=(("db", 1),), resources=Resources(cpu=1.0)),
        heavy("c", cpu=1),
    )
    run = Run(*tasks, pools={"db": 1}, cpu=1.0)
    assert run.starts() == ["a", "c"]
    run.end("a")
    assert run.starts() == []
    run.end("c")
    assert run.starts() == ["b"]


def test_fractions_of_cpus_do_not_drift() -> None:
    room = Room(Limits(1, cpu=1.0))
    tenth = room.share(heavy("a", cpu=0.1))
    for _ in range(10):
        assert room.fits(tenth)
        room.take(1, tenth)
    assert not room.fits(tenth)
    for _ in range(10):
        room.give_back(1, tenth)
    assert room.fits(room.share(heavy("a", cpu=1.0)))


# Where the policy comes from


def with_run(**fields: float | int) -> Mode:
    return mode("m", "a")._replace(run=RunPolicy(**fields))  # type: ignore[arg-type]


def test_a_mode_overrides_the_policy_of_the_project_field_by_field() -> None:
    demo = project(pipeline("a"), run=RunPolicy(timeout_s=60.0, stop_after=1))
    assert policy(demo, None) == RunPolicy(60.0, 1, None)
    assert policy(demo, with_run()) == RunPolicy(60.0, 1, None)
    assert policy(demo, with_run(stop_after=3, max_parallel=2)) == RunPolicy(60.0, 3, 2)


def test_the_values_of_a_mode_are_defaults_for_the_parameters_of_the_project() -> None:
    region, days = Param("region", "str", "eu"), Param("days", "int", required=True)
    demo = project(pipeline("a"), params=(region, days))
    weekly = mode("weekly", "a")._replace(params=(("days", 7),))
    assert declared(demo, None) == (region, days)
    assert declared(demo, weekly) == (region, Param("days", "int", 7))
