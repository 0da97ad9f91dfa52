"""A plan of which some tasks are looked at before they start: they keep their room, and are skipped or run."""

from hypothesis import given
from hypothesis import strategies as st

from support.builders import task
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.model import Cache, Reason, RetryPolicy, Service
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.plan import Plan
from tetra_orchestrator.core.states import RunState, TaskState

KEPT, MADE = Reason("unchanged", "it is as it was"), Reason("changed", "it is not")


def cached(name, *depends_on, **fields):
    return task(name, *depends_on, cache=Cache(), **fields)


def plan_of(*tasks, places=2, pools=(), **fields):
    return Plan(tasks, Limits(places, pools), {}, **fields)


def looks(plan, now=0.0):
    return [one.id for one in plan.decide(now).looks]


def starts(plan, now=0.0):
    return [(one.task.id, one.reason) for one in plan.decide(now).starts]


def test_a_task_is_looked_at_before_it_starts_and_starts_for_the_reason_that_was_found():
    plan = plan_of(cached("a"))
    decision = plan.decide(0.0)
    assert ([one.id for one in decision.looks], decision.starts) == (["a"], ())
    assert plan.state("a") is TaskState.PENDING
    plan.changed("a", MADE)
    assert starts(plan) == [("a", MADE)]
    assert looks(plan) == []


def test_an_unchanged_task_is_skipped_and_lets_in_what_depends_on_it():
    plan = plan_of(cached("a"), task("b", "a"))
    plan.decide(0.0)
    plan.unchanged("a", KEPT)
    assert [(move.after, move.attempts, move.reason) for move in plan.take_moves()] == [(TaskState.SKIPPED, 0, KEPT)]
    assert [name for name, _ in starts(plan)] == ["b"]
    plan.ended("b", Exited(0), 1.0)
    assert plan.verdict()[0] is RunState.SUCCEEDED


def test_what_is_looked_at_keeps_its_room_so_that_nothing_less_urgent_takes_it():
    plan = plan_of(cached("a", pool=(("api", 1),)), task("b", pool=(("api", 1),)), pools=(("api", 1),))
    decision = plan.decide(0.0)
    assert ([one.id for one in decision.looks], decision.starts) == (["a"], ())
    plan.changed("a", MADE)
    assert [name for name, _ in starts(plan)] == ["a"]
    plan.ended("a", Exited(0), 1.0)
    assert [name for name, _ in starts(plan)] == ["b"]


def test_a_task_is_looked_at_once_whatever_becomes_of_its_attempts():
    plan = plan_of(cached("a", retry=RetryPolicy(max_attempts=2)))
    plan.decide(0.0)
    plan.changed("a", MADE)
    plan.decide(0.0)
    plan.ended("a", Exited(1), 1.0)
    decision = plan.decide(2.0)
    assert decision.looks == ()
    assert [(one.attempt, one.reason.text) for one in decision.starts] == [(2, "attempt 2 of 2")]


def test_an_answer_that_comes_after_the_run_was_cancelled_changes_nothing():
    plan = plan_of(cached("a"), cached("b"))
    plan.decide(0.0)
    plan.cancel(Reason("cancel_requested", "cancelled"))
    plan.unchanged("a", KEPT)
    plan.changed("b", MADE)
    assert (plan.state("a"), plan.state("b")) == (TaskState.CANCELLED, TaskState.CANCELLED)
    assert plan.finished
    assert plan.in_use() == {}


def test_what_is_done_disabled_or_paused_is_not_looked_at():
    plan = plan_of(cached("a"), cached("b", enabled=False), cached("c"), done={"a": KEPT}, paused={"c": MADE})
    assert (looks(plan), plan.finished) == ([], True)


def test_a_task_whose_service_starts_anew_while_it_is_looked_at_starts_once_when_both_are_there():
    flaky = task("s", service=Service(), retry=RetryPolicy(max_attempts=2))
    plan = plan_of(flaky, cached("a", "s", conditions=(("s", "ready"),)))
    plan.decide(0.0)
    plan.started("s", 0.0, 0.0)
    plan.ready("s")
    assert looks(plan) == ["a"]
    plan.ended("s", Exited(1), 1.0)
    assert [name for name, _ in starts(plan, 1.0)] == ["s"]
    plan.started("s", 0.0, 0.0)
    plan.ready("s")
    assert plan.decide(2.0).starts == ()
    plan.changed("a", MADE)
    assert starts(plan, 3.0) == [("a", MADE)]
    plan.ended("a", Exited(0), 4.0)
    [stop] = plan.decide(4.0).stops
    plan.ended(stop.task.id, Exited(0), 5.0)
    assert (plan.finished, plan.in_use()) == (True, {})


@given(st.data())
def test_whatever_is_found_every_task_is_skipped_or_runs_once_and_all_room_is_free_at_the_end(data):
    count = data.draw(st.integers(1, 8))
    edges = [
        data.draw(st.sets(st.sampled_from([f"t{j}" for j in range(i)]) if i else st.nothing())) for i in range(count)
    ]
    kinds = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    tasks = [(cached if kinds[i] else task)(f"t{i}", *sorted(edges[i])) for i in range(count)]
    plan = plan_of(*tasks, places=data.draw(st.integers(1, 3)))
    asked, started, running, pending = [], [], [], []
    while not plan.finished:
        decision = plan.decide(0.0)
        pending += [one.id for one in decision.looks]
        asked += [one.id for one in decision.looks]
        started += [one.task.id for one in decision.starts]
        running += [one.task.id for one in decision.starts]
        assert pending or running
        if pending and (not running or data.draw(st.booleans())):
            name = pending.pop(data.draw(st.integers(0, len(pending) - 1)))
            plan.unchanged(name, KEPT) if data.draw(st.booleans()) else plan.changed(name, MADE)
        elif running:
            plan.ended(running.pop(data.draw(st.integers(0, len(running) - 1))), Exited(0), 0.0)
    assert sorted(asked) == [one.id for one in tasks if one.cache]
    skipped = [one.id for one in tasks if plan.state(one.id) is TaskState.SKIPPED]
    assert sorted(started + skipped) == [one.id for one in tasks]
    assert plan.in_use() == {}
