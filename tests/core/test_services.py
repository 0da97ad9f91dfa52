"""Tasks that run until nothing needs them: when they are ready, and when they are stopped."""

import pytest

from support.builders import task
from support.plans import OK, Run
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.forecast import forecast
from tetra_orchestrator.core.model import Reason, Resources, RetryPolicy, Service, Task
from tetra_orchestrator.core.outcome import Cancelled, Exited, Lost, Signalled, Stopped, TimedOut
from tetra_orchestrator.core.queue import ROUNDS
from tetra_orchestrator.core.states import RunState

TWICE = RetryPolicy(max_attempts=2, delay_s=5)
NOT_NEEDED = Reason("not_needed", "nothing in this run needs it any more")
BY_HAND = Reason("interrupted", "interrupted by SIGINT")


def service(name: str, *depends_on: str, ready_when: str | None = None, **fields: object) -> Task:
    return task(name, *depends_on, service=Service(ready_when), **fields)


def using(name: str, *services: str, after: tuple[str, ...] = (), **fields: object) -> Task:
    return task(name, *services, *after, conditions=tuple((each, "ready") for each in services), **fields)


def served() -> Run:
    """A broker that is ready, and a consumer that has started."""
    run = Run(service("broker"), using("consumer", "broker"))
    run.decide()
    run.plan.ready("broker")
    assert run.starts() == ["consumer"]
    return run


# Ready


def test_what_needs_a_service_starts_when_it_is_ready() -> None:
    run = Run(service("broker"), using("consumer", "broker"))
    assert run.starts() == ["broker"]
    assert run.plan.starting() == ["broker"]
    assert run.starts() == []
    run.plan.ready("broker")
    assert run.states() == {"broker": "ready", "consumer": "pending"}
    assert run.reasons()["broker"] == Reason("ready", "it is ready for what depends on it")
    assert run.plan.starting() == []
    assert run.starts() == ["consumer"]


def test_it_matters_when_a_service_is_ready_only_to_its_users_or_where_it_says_how_to_tell() -> None:
    run = Run(service("quiet"), service("telling", ready_when="up"), service("broker"), using("consumer", "broker"))
    run.decide()
    assert run.plan.starting() == ["telling", "broker"]


def test_a_project_without_services_waits_for_none() -> None:
    run = Run(task("a"))
    run.decide()
    assert run.plan.starting() == []


def test_a_service_takes_no_place_and_so_does_not_keep_its_users_from_running() -> None:
    run = Run(service("broker"), using("one", "broker"), using("two", "broker"), max_parallel=1)
    run.decide()
    run.plan.ready("broker")
    assert run.starts() == ["one"]
    run.end("one")
    assert run.starts() == ["two"]


# Stopped


def test_a_service_is_stopped_when_all_that_use_it_are_over_and_has_then_succeeded() -> None:
    run = served()
    assert run.stops() == []
    run.end("consumer")
    (stop,) = run.decide().stops
    assert (stop.task.id, stop.reason) == ("broker", NOT_NEEDED)
    assert run.stops() == []
    assert run.end("broker", Signalled(15)) == Stopped()
    assert run.reasons()["broker"] == Reason("succeeded", "stopped, because nothing in the run needed it any more")
    assert run.plan.verdict() == (RunState.SUCCEEDED, Reason("succeeded", "every task succeeded or was skipped"))


def test_it_is_stopped_while_others_still_run() -> None:
    run = Run(service("broker"), using("consumer", "broker"), task("long"))
    run.decide()
    run.plan.ready("broker")
    run.decide()
    run.end("consumer", Exited(1))
    assert run.stops() == ["broker"]
    assert run.states()["long"] == "running"


def test_a_service_that_another_service_uses_is_needed_as_long_as_that_one() -> None:
    run = Run(service("broker"), using("proxy", "broker", service=Service()), using("consumer", "proxy"))
    run.decide()
    run.plan.ready("broker")
    run.decide()
    run.plan.ready("proxy")
    assert run.starts() == ["consumer"]
    run.end("consumer")
    assert run.stops() == ["proxy"]
    run.end("proxy", Signalled(15))
    assert run.stops() == ["broker"]


def test_a_service_that_nobody_uses_accompanies_what_runs_beside_it() -> None:
    run = Run(service("metrics"), task("a", retry=TWICE), task("b", "a"))
    assert run.starts() == ["a", "metrics"]
    run.end("a", Exited(1))
    assert run.decide().stops == ()
    run.decide(5)
    run.end("a", now=6)
    assert run.decide(6).stops == ()
    run.end("b", now=7)
    assert run.stops(7) == ["metrics"]
    run.end("metrics", Signalled(15))
    assert run.plan.verdict()[0] is RunState.SUCCEEDED


def test_a_service_with_nothing_beside_it_is_what_the_run_is_for() -> None:
    run = Run(task("load"), service("stream", "load"), task("report", "stream"))
    run.decide()
    run.end("load")
    assert run.starts() == ["stream"]
    assert run.decide(1000).stops == ()
    run.end("stream")
    assert run.starts() == ["report"]


def test_a_run_of_services_alone_goes_on_until_somebody_ends_it() -> None:
    run = Run(service("one"), service("two"))
    assert run.starts() == ["one", "two"]
    assert run.decide(1000).stops == ()
    run.plan.cancel(BY_HAND)
    assert run.stops() == ["one", "two"]
    assert run.end("one", Signalled(15)) == Cancelled()
    assert run.states()["one"] == "cancelled"


def test_what_waits_for_the_end_of_a_service_starts_when_it_has_been_stopped() -> None:
    run = Run(service("metrics"), task("load"), task("summary", "metrics"))
    run.decide()
    run.end("load")
    assert run.stops() == ["metrics"]
    run.end("metrics", Signalled(15))
    assert run.starts() == ["summary"]


def test_a_service_whose_users_are_all_over_before_it_starts_is_skipped() -> None:
    run = Run(
        task("load"), service("broker", "load"), using("consumer", "broker", enabled=False), task("next", "broker")
    )
    assert run.starts() == ["load"]
    assert run.states() == {"load": "running", "broker": "skipped", "consumer": "skipped", "next": "skipped"}
    assert run.reasons()["broker"] == NOT_NEEDED
    run.end("load")
    assert run.plan.finished


def test_a_service_without_anything_left_to_accompany_is_not_started() -> None:
    run = Run(service("metrics"), task("off", enabled=False))
    assert run.starts() == []
    assert run.states() == {"metrics": "skipped", "off": "skipped"}


def test_a_service_that_waits_for_its_retry_when_it_is_no_longer_needed_is_given_up() -> None:
    run = Run(service("broker", retry=TWICE), using("consumer", "broker"))
    run.decide()
    run.plan.ready("broker")
    run.decide()
    run.end("broker", Exited(1))
    run.end("consumer")
    run.decide()
    assert run.states() == {"broker": "cancelled", "consumer": "succeeded"}
    assert run.plan.verdict()[0] is RunState.SUCCEEDED


# Ended alone


@pytest.mark.parametrize(("outcome", "state"), [(OK, "succeeded"), (Exited(3), "failed"), (Lost("x"), "lost")])
def test_of_a_service_that_ends_alone_the_outcome_counts(outcome: Exited, state: str) -> None:
    run = served()
    assert run.end("broker", outcome) == outcome
    assert run.states() == {"broker": state, "consumer": "running"}


def test_a_service_that_ends_well_before_it_was_ready_satisfies_what_needs_it() -> None:
    run = Run(service("broker"), using("consumer", "broker"))
    run.decide()
    run.end("broker")
    assert run.starts() == ["consumer"]


def test_a_service_that_fails_blocks_what_needs_it_and_has_not_started() -> None:
    run = Run(service("broker"), task("load"), using("consumer", "broker", after=("load",)))
    run.decide()
    run.plan.ready("broker")
    run.end("broker", Exited(1))
    assert run.states() == {"broker": "failed", "load": "running", "consumer": "upstream_failed"}


def test_what_needs_a_service_waits_again_while_that_is_tried_again() -> None:
    run = Run(service("broker", retry=TWICE), task("load"), using("consumer", "broker", after=("load",)))
    run.decide()
    run.plan.ready("broker")
    run.end("load")
    run.end("broker", Exited(1), now=1)
    assert run.starts(1) == []
    assert run.starts(6) == ["broker"]
    run.plan.ready("broker")
    assert run.starts(7) == ["consumer"]
    run.end("consumer", now=8)
    assert run.stops(8) == ["broker"]


def failed_together(**fields: object) -> Run:
    """A broker and its consumer that are both to be tried again, the consumer first."""
    run = Run(service("broker", retry=RetryPolicy(3, 50)), using("consumer", "broker", retry=TWICE), **fields)
    run.decide(0)
    run.plan.ready("broker")
    run.decide(0)
    run.end("broker", Exited(1), now=1)
    run.end("consumer", Exited(1), now=2)
    return run


def test_the_next_attempt_of_what_needs_a_service_waits_until_that_is_ready_again() -> None:
    run = failed_together()
    assert run.starts(7) == []
    assert run.plan.waiting()["consumer"] == Reason("dependencies", "it waits for broker")
    assert run.starts(51) == ["broker"]
    run.plan.ready("broker")
    assert run.starts(52) == ["consumer"]


def test_it_waits_for_its_own_delay_too() -> None:
    run = Run(service("broker", retry=TWICE), using("consumer", "broker", retry=RetryPolicy(2, 50)))
    run.decide(0)
    run.plan.ready("broker")
    run.decide(0)
    run.end("consumer", Exited(1), now=1)
    run.end("broker", Exited(1), now=2)
    assert run.starts(7) == ["broker"]
    run.plan.ready("broker")
    assert run.starts(50) == []
    assert run.starts(51) == ["consumer"]


def test_it_has_failed_when_the_service_does_not_come_back() -> None:
    run = failed_together()
    for now in (51, 110):
        assert run.starts(now) == ["broker"]
        run.end("broker", Exited(1), now=now)
    assert run.states() == {"broker": "failed", "consumer": "failed"}
    assert run.reasons()["consumer"] == Reason("upstream_failed", "broker failed")
    assert run.plan.verdict() == (RunState.FAILED, Reason("task_failed", "broker, consumer failed"))


def test_that_failure_counts_towards_stop_after() -> None:
    run = Run(
        service("broker"), using("consumer", "broker", retry=TWICE), task("long"), task("next", "long"), stop_after=2
    )
    run.decide(0)
    run.plan.ready("broker")
    run.decide(0)
    run.end("consumer", Exited(1), now=1)
    run.end("broker", Exited(1), now=2)
    assert run.states() == {"broker": "failed", "consumer": "failed", "long": "running", "next": "cancelled"}


def test_what_fails_after_its_service_has_failed_is_not_tried_again() -> None:
    run = Run(service("broker"), using("consumer", "broker", retry=TWICE))
    run.decide()
    run.plan.ready("broker")
    run.decide()
    run.end("broker", Exited(1))
    run.end("consumer", Exited(3))
    text = "exited with code 3; it is not tried again: broker failed"
    assert run.reasons()["consumer"] == Reason("failed", text)


def test_the_time_limits_of_the_service_and_of_the_run_hold() -> None:
    run = Run(service("one", timeout_s=30.0), service("two"), timeout_s=60.0)
    run.decide(0)
    assert run.stops(30) == ["one"]
    assert run.end("one", Signalled(15), now=31) == TimedOut(30.0)
    assert run.stops(60) == ["two"]
    run.end("two", Signalled(15), now=61)
    assert run.plan.verdict()[0] is RunState.TIMED_OUT


def test_after_too_many_failures_services_are_stopped_too() -> None:
    run = Run(service("one"), service("two"), stop_after=1)
    run.decide()
    run.end("one", Exited(1))
    assert run.stops() == ["two"]
    assert run.end("two", Signalled(15)) == Stopped()
    assert run.plan.verdict() == (RunState.FAILED, Reason("task_failed", "one failed"))


# Room


def test_a_task_does_not_wait_for_room_that_only_a_service_has_which_waits_for_it() -> None:
    run = Run(
        service("broker", pool=(("db", 1),), resources=Resources(cpu=2.0)),
        using("consumer", "broker", pool=(("db", 1),), resources=Resources(cpu=1.0)),
        task("other", pool=(("db", 1),)),
        pools={"db": 1},
        cpu=2.0,
    )
    assert run.starts() == ["broker"]
    run.plan.ready("broker")
    assert run.starts() == ["consumer"]
    assert run.starts() == []
    run.end("consumer")
    decision = run.decide()
    assert [stop.task.id for stop in decision.stops] == ["broker"]
    assert decision.starts == ()
    run.end("broker", Signalled(15))
    assert run.starts() == ["other"]


def test_a_service_that_others_use_does_not_wait_for_room_that_only_another_service_has() -> None:
    run = Run(
        service("metrics", pool=(("db", 1),), priority=1),
        service("broker", pool=(("db", 1),)),
        using("consumer", "broker"),
        pools={"db": 1},
    )
    assert run.starts() == ["metrics", "broker"]
    run.plan.ready("broker")
    assert run.starts() == ["consumer"]
    run.end("consumer")
    assert run.stops() == ["broker"]
    run.end("broker", Signalled(15))
    assert run.stops() == ["metrics"]


def test_nor_does_it_when_it_is_tried_again() -> None:
    run = Run(
        service("broker", pool=(("db", 1),), retry=TWICE),
        using("consumer", "broker"),
        service("metrics", pool=(("db", 1),), priority=-1),
        pools={"db": 1},
    )
    assert run.starts() == ["broker"]
    run.end("broker", Exited(1))
    assert run.starts() == ["metrics"]
    assert run.starts(5.0) == ["broker"]


def test_a_service_that_is_given_up_with_its_retry_to_come_keeps_no_other_from_its_end() -> None:
    run = Run(
        service("broker", retry=TWICE),
        service("proxy", "broker", conditions=(("broker", "ready"),), retry=TWICE),
        using("client", "proxy", service=Service()),
        task("beside"),
    )
    run.decide()
    for name in ("broker", "proxy"):
        run.plan.ready(name)
        run.decide()
    run.end("proxy", Exited(1))
    run.end("broker", Lost("x"))
    assert run.states()["proxy"] == "failed"
    run.end("beside")
    assert run.stops(1.0) == ["client"]


def test_room_that_a_service_will_give_back_is_waited_for() -> None:
    run = Run(
        service("broker", pool=(("db", 1),)),
        using("consumer", "broker"),
        task("db", pool=(("db", 1),)),
        pools={"db": 1},
    )
    assert run.starts() == ["broker"]
    assert run.starts() == []


def test_what_a_service_holds_is_not_taken_twice_while_its_users_can_go_on() -> None:
    users = [using(f"user{i}", "broker", pool=(("db", 1),)) for i in range(2 * ROUNDS)]
    run = Run(
        service("broker", pool=(("db", 1),), priority=2),
        task("heavy", pool=(("db", 2),), priority=1),
        *users,
        max_parallel=1,
        pools={"db": 2},
    )
    assert run.starts() == ["broker"]
    run.plan.ready("broker")
    for user in users:
        assert run.starts() == [user.id]
        run.end(user.id)
    decision = run.decide()
    assert [stop.task.id for stop in decision.stops] == ["broker"]
    assert decision.starts == ()
    run.end("broker", Signalled(15))
    assert run.starts() == ["heavy"]


# The forecast


def test_a_forecast_takes_services_as_ready_at_once() -> None:
    tasks = (service("broker"), using("one", "broker"), using("two", "broker"), task("after", "two"))
    found = forecast(tasks, Limits(1, timeout_s=1.0), {"one": 5.0, "two": 3.0, "after": 2.0})
    assert found.finish_s == 10.0
    assert found.critical_path == ("broker", "one")


def test_a_forecast_of_services_alone_has_no_end_to_wait_for() -> None:
    assert forecast((service("stream"),), Limits(1), {}).finish_s == 0.0
