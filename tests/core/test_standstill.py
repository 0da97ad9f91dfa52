"""Runs that could never end are told before they start."""

from support.builders import task
from support.plans import Run
from tetra_orchestrator.core.model import Service, Task
from tetra_orchestrator.core.standstill import standstill


def service(name: str, *depends_on: str, **fields: object) -> Task:
    return task(name, *depends_on, service=Service(), **fields)


def wired(name: str, **needs: str) -> Task:
    """A task with the condition of each of its needs."""
    loose = tuple((need, how) for need, how in needs.items() if how != "succeeded")
    return task(name, *needs, conditions=loose)


def test_a_task_that_waits_for_the_end_of_a_service_and_is_waited_for_by_its_user() -> None:
    found = standstill([service("s"), wired("b", s="finished"), wired("u", s="ready", b="succeeded")], barriers=False)
    assert found is not None
    assert (
        found.text
        == "'b' waits for the end of the service 's', which is needed until 'u' is over, and that waits for 'b'"
    )
    assert found.remedy == "let it wait for that to be `ready`"


def test_a_plan_of_such_tasks_does_wait_for_ever() -> None:
    run = Run(service("s"), wired("b", s="finished"), wired("u", s="ready", b="succeeded"))
    run.decide()
    run.plan.ready("s")
    decision = run.decide()
    assert (decision.starts, decision.stops, decision.wake_at, run.plan.finished) == ((), (), None, False)


def test_it_matters_not_whether_the_service_has_to_have_succeeded() -> None:
    found = standstill([service("s"), task("b", "s"), wired("u", s="ready", b="succeeded")], barriers=False)
    assert found is not None
    assert (found.waiter, found.service, found.user) == ("b", "s", "u")


def test_a_user_that_waits_itself_through_another_service() -> None:
    tasks = [service("s"), service("p", "s", conditions=(("s", "ready"),)), wired("u", p="ready", s="finished")]
    found = standstill(tasks, barriers=False)
    assert found is not None
    assert found.text == "'u' waits for the end of the service 's', which is needed until 'u' itself is over"


def test_a_service_that_waits_for_the_end_of_another_and_has_to_be_ready_for_its_user() -> None:
    tasks = [service("s"), service("t", "s"), wired("u", s="ready", t="ready")]
    found = standstill(tasks, barriers=False)
    assert found is not None
    assert (found.waiter, found.service, found.user) == ("t", "s", "u")


def test_with_barriers_a_user_of_a_later_level_is_waited_for_in_vain() -> None:
    tasks = [service("s"), task("a"), wired("b", s="finished"), task("c", "a"), wired("u", s="ready", c="succeeded")]
    assert standstill(tasks, barriers=False) is None
    found = standstill(tasks, barriers=True)
    assert found is not None
    assert found.text == (
        "'b' waits for the end of the service 's', which is needed until 'u' is over, "
        "and that is of a later level than 'b'"
    )
    assert found.remedy == "let it wait for that to be `ready`, or leave out `barriers`"


def test_what_waits_for_the_end_of_a_service_behind_its_users_is_sound() -> None:
    tasks = [service("s"), wired("u", s="ready"), wired("b", s="finished", u="succeeded"), task("c", "b")]
    assert standstill(tasks, barriers=False) is None
    assert standstill(tasks, barriers=True) is None


def test_what_is_disabled_waits_for_nothing() -> None:
    user = wired("u", s="ready", b="succeeded")._replace(enabled=False)
    assert standstill([service("s"), wired("b", s="finished"), user], barriers=False) is None
