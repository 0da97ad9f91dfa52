"""What holds a run's tasks back or ends them early: levels, one budget of retries, room that is kept, wall time."""

from support.builders import task
from support.plans import Run
from tetra_orchestrator.core.admission import Limits, Room
from tetra_orchestrator.core.model import ContinueOn, Reason, Resources, RetryPolicy, RunIf, Service, Task
from tetra_orchestrator.core.outcome import Exited, Signalled, TimedOut, describe
from tetra_orchestrator.core.plan import Plan
from tetra_orchestrator.core.queue import ROUNDS
from tetra_orchestrator.core.states import RunState

THREE = RetryPolicy(max_attempts=3, delay_s=10)
GB = 1024**3

# Level barriers


def test_A_043_the_next_group_starts_only_after_every_task_of_the_group_has_ended() -> None:
    run = Run(task("fast"), task("slow"), task("after_fast", "fast"), task("last", "after_fast"), barriers=True)
    assert run.starts() == ["fast", "slow"]
    run.end("fast")
    assert run.starts() == []
    run.end("slow")
    assert run.starts() == ["after_fast"]
    run.end("after_fast")
    assert run.starts() == ["last"]


def test_T_099_the_tasks_of_a_wave_run_side_by_side() -> None:
    run = Run(task("a"), task("b"), task("c", "a"), task("d", "b"), barriers=True)
    assert run.starts() == ["a", "b"]
    run.end("b")
    run.end("a")
    assert run.starts() == ["c", "d"]


def test_T_103_what_depends_on_the_fast_one_of_a_pair_starts_after_the_slow_one() -> None:
    run = Run(task("slow"), task("fast"), task("behind", "fast"), barriers=True)
    run.decide()
    run.end("fast", now=1)
    assert run.starts(1) == []
    run.end("slow", now=9)
    assert run.starts(9) == ["behind"]


def test_A_044_after_a_failure_the_group_finishes_and_later_groups_are_not_run() -> None:
    tasks = (
        task("bad", priority=1),
        task("good"),
        task("last"),
        task("behind", "bad"),
        task("other", "good"),
        task("end", "other"),
    )
    run = Run(*tasks, max_parallel=1, barriers=True)
    assert run.starts() == ["bad"]
    run.end("bad", Exited(1))
    assert run.starts() == ["good"]
    run.end("good")
    assert run.starts() == ["last"]
    run.end("last")
    assert run.starts() == []
    assert run.plan.finished
    assert run.states() == {
        "bad": "failed", "good": "succeeded", "last": "succeeded",
        "behind": "upstream_failed", "other": "cancelled", "end": "cancelled",
    }  # fmt: skip
    reasons = run.reasons()
    assert reasons["other"] == Reason("level_failed", "bad failed, and no later level starts after a failure")
    assert reasons["behind"] == Reason("upstream_failed", "bad failed")
    assert run.plan.verdict() == (RunState.FAILED, Reason("task_failed", "bad failed"))


def test_T_112_the_siblings_of_a_failed_task_end_as_they_end() -> None:
    run = Run(task("a"), task("b"), task("c", "b"), barriers=True)
    run.decide()
    run.end("a", Exited(1))
    assert run.decide().stops == ()
    assert run.states() == {"a": "failed", "b": "running", "c": "pending"}
    run.end("b")
    assert run.starts() == []
    assert run.states() == {"a": "failed", "b": "succeeded", "c": "cancelled"}
    assert run.plan.finished


def test_a_level_is_not_over_while_one_of_it_waits_for_its_retry() -> None:
    run = Run(task("again", retry=THREE), task("b"), task("c", "b"), barriers=True)
    run.decide(0)
    run.end("again", Exited(1), now=1)
    run.end("b", now=2)
    assert run.starts(2) == []
    assert run.starts(11) == ["again"]
    run.end("again", now=12)
    assert run.starts(12) == ["c"]


def test_a_failure_that_the_run_goes_on_after_does_not_close_later_levels() -> None:
    run = Run(task("a", continue_on=ContinueOn(failure=True)), task("b"), task("c", "b"), barriers=True)
    run.decide()
    run.end("a", Exited(1))
    run.end("b")
    assert run.starts() == ["c"]


def test_levels_in_which_everything_is_skipped_are_passed_at_once() -> None:
    tasks = (
        task("a"),
        task("off", "a", enabled=False),
        task("behind", "off"),
        task("if_failed", "a", conditions=(("a", "finished"),), run_if=(RunIf("a", ("failed",)),)),
    )
    run = Run(*tasks, barriers=True)
    assert run.starts() == ["a"]
    run.end("a")
    assert run.starts() == []
    assert run.plan.finished
    assert run.states() == {"a": "succeeded", "off": "skipped", "behind": "skipped", "if_failed": "skipped"}


def test_a_service_does_not_hold_up_the_levels_after_its_own() -> None:
    run = Run(
        task("broker", service=Service()),
        task("load"),
        task("consumer", "broker", conditions=(("broker", "ready"),)),
        task("report", "consumer"),
        barriers=True,
    )
    assert sorted(run.starts()) == ["broker", "load"]
    run.plan.ready("broker")
    assert run.starts() == []
    run.end("load")
    assert run.starts() == ["consumer"]
    run.end("consumer")
    decision = run.decide()
    assert [start.task.id for start in decision.starts] == ["report"]
    assert [stop.task.id for stop in decision.stops] == ["broker"]


# One budget of retries


def test_all_retries_of_a_run_come_out_of_one_budget_and_then_a_failure_is_final() -> None:
    run = Run(task("a", retry=THREE), task("b", retry=THREE), max_retries=2)
    run.decide(0)
    run.end("a", Exited(1), now=1)
    run.end("b", Exited(2), now=1)
    assert run.starts(11) == ["a", "b"]
    run.end("a", Exited(1), now=12)
    assert run.states() == {"a": "failed", "b": "running"}
    text = "exited with code 1; the run's budget of 2 retries is spent"
    assert run.reasons()["a"] == Reason("retry_budget", text)
    run.end("b", now=13)
    assert run.states() == {"a": "failed", "b": "succeeded"}


def test_a_budget_of_none_forbids_every_retry() -> None:
    run = Run(task("a", retry=THREE, timeout_s=5), max_retries=0)
    run.decide(0)
    run.decide(5)
    run.end("a", Signalled(15), now=6)
    assert run.states() == {"a": "timed_out"}
    text = "ended by its time limit of 5 s; the run's budget of 0 retries is spent"
    assert run.reasons()["a"] == Reason("retry_budget", text)


def test_a_failure_that_is_final_anyway_takes_nothing_from_the_budget() -> None:
    run = Run(task("once"), task("again", retry=THREE), max_retries=1)
    run.decide(0)
    run.end("once", Exited(1), now=1)
    run.end("again", Exited(1), now=1)
    assert run.reasons()["once"] == Reason("failed", "exited with code 1")
    assert run.states()["again"] == "waiting_retry"


def test_where_the_budget_is_spent_the_run_may_still_go_on_after_the_failure() -> None:
    run = Run(task("a", retry=THREE, continue_on=ContinueOn(failure=True)), max_retries=0)
    run.decide()
    run.end("a", Exited(1))
    assert run.states() == {"a": "partial"}


# Circuit breaker


def test_X_165_two_failures_leave_the_breaker_closed_and_the_third_opens_it() -> None:
    run = Run(*(task(name) for name in "abcd"), max_parallel=1, stop_after=3)
    for name in "ab":
        run.decide()
        run.end(name, Exited(1))
    assert run.starts() == ["c"]
    run.end("c", Exited(1))
    assert run.states()["d"] == "cancelled"


def test_failures_after_the_breaker_has_opened_count_for_the_verdict_only() -> None:
    run = Run(*(task(name) for name in "abc"), task("d", "c"), stop_after=1)
    run.decide()
    run.end("a", Exited(1))
    run.end("b", Exited(1))
    run.end("c")
    assert run.states() == {"a": "failed", "b": "failed", "c": "succeeded", "d": "cancelled"}
    assert run.reasons()["d"] == Reason("failure_limit", "1 task has failed, and `stop_after` allows no more")
    assert run.plan.verdict() == (RunState.FAILED, Reason("task_failed", "a, b failed"))


# Resources that grow


def growing(name: str, memory: int, grow: float = 2.0) -> Task:
    return task(name, retry=RetryPolicy(max_attempts=5), resources=Resources(memory_bytes=memory, grow=grow))


def test_each_attempt_takes_its_own_share_of_the_hosts_memory_and_gives_back_just_that() -> None:
    small = task("small", resources=Resources(memory_bytes=2 * GB), priority=-1)
    run = Run(growing("a", 3 * GB), small, memory_bytes=6 * GB)
    assert run.starts() == ["a", "small"]
    run.end("a", Exited(1))  # the second attempt takes all 6 GB
    assert run.starts() == []
    run.end("small")
    assert run.starts() == ["a"]
    run.end("a", Exited(1))
    assert run.starts() == ["a"]  # the third would take 12 GB: no more than there is
    run.end("a")
    assert run.plan.finished


def test_after_attempts_that_somebody_else_had_made_it_takes_what_the_next_one_does() -> None:
    policy, wanted = RetryPolicy(max_attempts=3, before=2), Resources(memory_bytes=GB, grow=2)
    run = Run(task("a", retry=policy, resources=wanted), memory_bytes=8 * GB)
    run.decide()
    assert run.plan.in_use()["host.memory"] == 4 * GB


def test_after_attempts_that_grew_all_memory_is_free_again() -> None:
    run = Run(growing("a", GB), task("b", "a", resources=Resources(memory_bytes=4 * GB)), memory_bytes=4 * GB)
    for _ in range(4):
        assert run.starts() == ["a"]
        run.end("a", Exited(1))
    assert run.starts() == ["a"]
    run.end("a")
    assert run.starts() == ["b"]


def test_only_memory_grows_and_a_huge_factor_takes_the_whole_host() -> None:
    room = Room(Limits(1, cpu=8.0, memory_bytes=8 * GB, gpu=8))
    one = task("a", resources=Resources(cpu=1, memory_bytes=GB, gpu=1, grow=1.5))
    assert dict(room.share(one, 3)) == {"host.cpu": 1000, "host.memory": int(2.25 * GB), "host.gpu": 1}
    assert dict(room.share(growing("b", GB, 1e300), 9))["host.memory"] == 8 * GB


# Wall time


def test_a_wall_limit_counts_while_the_machine_sleeps_and_a_time_limit_does_not() -> None:
    run = Run(task("awake", timeout_s=50), task("wall", wall_timeout_s=50))
    run.decide(100, 1000)
    assert run.decide(110, 1049).stops == ()
    (stop,) = run.decide(111, 1050).stops
    assert (stop.task.id, stop.reason) == ("wall", Reason("timeout", "its wall time limit of 50 s has passed"))
    assert run.end("wall", Signalled(15), now=112) == TimedOut(50, wall=True)
    assert run.states() == {"awake": "running", "wall": "timed_out"}
    assert run.reasons()["wall"] == Reason("timeout", "ended by its wall time limit of 50 s")
    assert [stop.task.id for stop in run.decide(150, 1090).stops] == ["awake"]


def test_while_a_wall_limit_is_pending_the_clock_is_looked_at_every_30_s() -> None:
    run = Run(task("a", wall_timeout_s=100))
    assert run.decide(0, 500).wake_at == 30
    assert run.decide(30, 530).wake_at == 60
    assert run.decide(60, 590).wake_at == 70
    run.end("a", now=65)
    assert run.decide(65, 595).wake_at is None


def test_without_a_second_clock_both_limits_count_alike() -> None:
    run = Run(task("a", timeout_s=50, wall_timeout_s=40))
    run.decide(0)
    assert run.decide(39).stops == ()
    assert run.stops(40) == ["a"]
    assert run.end("a", Signalled(15), now=41) == TimedOut(40, wall=True)


def test_where_both_limits_have_passed_the_one_that_counts_awake_is_the_cause() -> None:
    run = Run(task("a", timeout_s=50, wall_timeout_s=50))
    run.decide(0)
    assert len(run.decide(50).stops) == 1
    assert run.end("a", Signalled(15), now=51) == TimedOut(50)


def test_an_exit_that_is_known_before_its_limit_is_looked_at_counts() -> None:
    run = Run(task("a", timeout_s=50, wall_timeout_s=50))
    run.decide(0)
    assert run.end("a", Exited(3), now=60) == Exited(3)
    assert run.decide(60).stops == ()
    assert run.states() == {"a": "failed"}


def test_a_wall_limit_begins_anew_with_each_attempt() -> None:
    run = Run(task("a", wall_timeout_s=50, retry=RetryPolicy(max_attempts=2)))
    run.decide(0)
    run.end("a", Exited(1), now=40)
    assert run.starts(40) == ["a"]
    assert run.stops(60) == []
    assert run.stops(90) == ["a"]


def test_a_plan_says_which_limit_ended_an_attempt() -> None:
    assert describe(TimedOut(5)) == "ended by its time limit of 5 s"
    assert describe(TimedOut(5, wall=True)) == "ended by its wall time limit of 5 s"


# How long an attempt waited for room


def waits(run: Run, now: float) -> dict[str, float]:
    return {start.task.id: start.waited_s for start in run.decide(now).starts}


def test_a_start_says_how_long_the_task_has_waited_for_room() -> None:
    run = Run(task("a"), task("b"), task("c", "a"), max_parallel=1)
    assert waits(run, 100) == {"a": 0}
    run.end("a", now=130)
    assert waits(run, 130) == {"b": 30}
    run.end("b", now=145)
    assert waits(run, 145) == {"c": 15}


def test_the_delay_of_a_retry_and_a_barrier_are_not_waits_for_room() -> None:
    run = Run(task("a", retry=THREE), task("b"), task("c", "a"), max_parallel=2, barriers=True)
    run.decide(0)
    run.end("a", Exited(1), now=5)
    assert waits(run, 15) == {"a": 0}
    run.end("a", now=20)
    run.decide(20)
    run.end("b", now=50)
    assert waits(run, 50) == {"c": 0}


# Nobody waits for ever


def crowd(count: int) -> list[Task]:
    return [task(f"s{i}", pool=(("db", 1),), priority=-1) for i in range(count)]


def test_a_heavy_task_lets_so_many_pass_and_then_what_it_waits_for_is_kept_for_it() -> None:
    run = Run(task("first", pool=(("db", 1),), priority=1), task("heavy", pool=(("db", 2),)), *crowd(99),
              task("free", priority=-2), max_parallel=2, pools={"db": 2})  # fmt: skip
    passed = 0
    last = [*run.starts()]
    assert last == ["first", "s0"]
    while "heavy" not in last:
        passed += sum(name.startswith("s") for name in last)
        run.end(next(name for name, state in run.states().items() if state == "running"))
        last = run.starts()
        assert passed <= 2 * ROUNDS
    assert passed == 2 * ROUNDS
    assert last == ["heavy"]


def test_its_next_attempt_lets_as_many_pass_again() -> None:
    heavy = task("heavy", pool=(("db", 2),), retry=RetryPolicy(max_attempts=2, delay_s=5))
    run = Run(task("first", pool=(("db", 1),), priority=1), heavy, *crowd(99), max_parallel=2, pools={"db": 2})
    run.decide()
    while run.states()["heavy"] == "pending":
        run.end(next(name for name, state in run.states().items() if state == "running"))
        run.decide()
    run.end("heavy", Exited(1), now=1)
    one, other = run.starts(1)
    run.end(one, now=7)
    (another,) = run.starts(7)
    assert {one[0], other[0], another[0]} == {"s"}
    assert run.states()["heavy"] == "waiting_retry"


def test_what_is_kept_for_one_does_not_hold_back_what_takes_nothing_of_it() -> None:
    long, heavy = task("long", pool=(("db", 1),), priority=1), task("heavy", pool=(("db", 2),))
    run = Run(long, heavy, *crowd(99), task("free", priority=-2), task("rest", "free"), max_parallel=2, pools={"db": 2})
    assert run.starts() == ["long", "s0"]
    for i in range(2 * ROUNDS - 1):
        run.end(f"s{i}")
        assert run.starts() == [f"s{i + 1}"]
    run.end(f"s{2 * ROUNDS - 1}")
    assert run.starts() == ["free"]
    run.end("free")
    assert run.starts() == ["rest"]
    run.end("rest")
    assert run.starts() == []
    waiting = run.plan.waiting()
    assert waiting["s98"] == Reason("kept", "what it takes is kept for heavy, which has waited longer")
    assert waiting["heavy"] == Reason("pool", "it takes 2 of the pool db, and 1 of 2 are free")
    run.end("long")
    assert run.starts() == ["heavy"]
    run.end("heavy")
    assert run.starts() == [f"s{2 * ROUNDS}", f"s{2 * ROUNDS + 1}"]


def test_nothing_of_a_runner_or_of_the_run_s_own_number_is_kept_for_one_that_waits_for_a_pool() -> None:
    away = (("runner slurm", 1),)
    long, heavy = task("long", pool=(("db", 1),), priority=1), task("heavy", pool=(("db", 1), *away), runner="slurm")
    many = [task(f"s{i}", pool=away, runner="slurm", priority=-1) for i in range(99)]
    run = Run(long, heavy, *many, max_parallel=1, pools={"db": 1, "runner slurm": 1}, tasks=2)
    assert run.starts() == ["long", "s0"]
    for i in range(98):
        run.end(f"s{i}")
        assert run.starts() == [f"s{i + 1}"]
    run.end("long")
    run.end("s98")
    assert run.starts() == ["heavy"]


def test_a_service_starts_although_no_place_is_free_because_it_takes_none() -> None:
    run = Run(task("a", priority=1), task("b"), task("stream", service=Service(), priority=-1), max_parallel=1)
    assert run.starts() == ["a", "stream"]
    later = Run(task("a", priority=1), task("b"), task("up", "a", service=Service(), priority=-1), max_parallel=2)
    later.decide()
    later.end("a")
    assert later.starts() == ["up"]


# What a task waits for


def test_a_plan_can_say_what_each_task_waits_for() -> None:
    run = Run(
        task("runs", pool=(("db", 2),), resources=Resources(cpu=1.5, memory_bytes=3, gpu=1), priority=1),
        task("pool", pool=(("db", 2),)),
        task("cpu", resources=Resources(cpu=1)),
        task("memory", resources=Resources(memory_bytes=2)),
        task("gpu", resources=Resources(gpu=1)),
        task("behind", "runs", "pool"),
        task("again", retry=THREE),
        max_parallel=9, pools={"db": 3}, cpu=2.0, memory_bytes=4, gpu=1,
    )  # fmt: skip
    assert run.starts(0) == ["runs", "again"]
    run.end("again", Exited(1), now=0)
    run.decide(0)
    assert run.plan.waiting() == {
        "pool": Reason("pool", "it takes 2 of the pool db, and 1 of 3 are free"),
        "cpu": Reason("host", "it takes 1 of the host's cpu, and 0.5 of 2 are free"),
        "memory": Reason("host", "it takes 2 bytes of the host's memory, and 1 of 4 are free"),
        "gpu": Reason("host", "it takes 1 of the host's gpu, and 0 of 1 are free"),
        "behind": Reason("dependencies", "it waits for runs, pool"),
        "again": Reason("retry_scheduled", "its next attempt is not due yet"),
    }


def test_a_plan_can_say_that_places_levels_and_services_hold_a_task_back() -> None:
    run = Run(
        task("broker", service=Service()),
        task("a"),
        task("b"),
        task("user", "broker", conditions=(("broker", "ready"),)),
        max_parallel=1, barriers=True,
    )  # fmt: skip
    run.decide()
    waiting = run.plan.waiting()
    assert waiting.pop("user") == Reason("dependencies", "it waits for broker")
    assert list(waiting.values()) == [Reason("places", "as many tasks run as may at the same time")]
    run.plan.ready("broker")
    assert run.plan.waiting()["user"] == Reason("barrier", "not all tasks of the levels before its own are over")


def test_before_the_first_decision_what_could_start_is_next() -> None:
    assert Plan([task("a")], Limits(1), {}).waiting() == {"a": Reason("next", "it starts next")}
