"""Several runs beside each other: each counts with what the others take, and none waits for ever."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.builders import task
from support.plans import Run
from tetra_orchestrator.core.admission import PATIENCE_S, PLACES, Limits
from tetra_orchestrator.core.model import Reason, Resources, Service, Task
from tetra_orchestrator.core.outcome import Exited, Signalled
from tetra_orchestrator.core.plan import LOOK_S, Plan

GB = 1024**3


def starts(run: Run, others: Mapping[str, int] | None, now: float = 0.0) -> list[str]:
    return [start.task.id for start in run.plan.decide(now, None, others).starts]


def pooled(*names: str, amount: int = 1, **fields: object) -> list[Task]:
    return [task(name, pool=(("db", amount),), **fields) for name in names]


# What is free over all runs together


def test_what_other_runs_take_of_a_pool_is_not_free() -> None:
    run = Run(*pooled("a", "b", "c"), pools={"db": 3})
    assert starts(run, {"db": 2}) == ["a"]
    assert run.plan.waiting()["b"] == Reason(
        "pool", "it takes 1 of the pool db, and 0 of 3 are free; other runs take 2"
    )
    assert starts(run, {"db": 1}) == ["b"]
    assert starts(run, {}) == ["c"]


def test_the_reason_counts_what_is_left_beside_them() -> None:
    run = Run(*pooled("a", amount=2), pools={"warehouse": 2, "db": 2})
    assert starts(run, {"db": 1}) == []
    text = "it takes 2 of the pool db, and 1 of 2 are free; other runs take 1"
    assert run.plan.waiting() == {"a": Reason("pool", text)}


def test_places_of_the_host_are_those_of_all_runs() -> None:
    run = Run(task("a"), task("b"), task("c"), max_parallel=3, places=4)
    assert starts(run, {PLACES: 2}) == ["a", "b"]
    text = "as many tasks run as may at the same time; other runs take 2"
    assert run.plan.waiting() == {"c": Reason("places", text)}
    assert starts(run, {PLACES: 1}) == ["c"]


def test_a_run_has_no_more_places_than_its_own_however_many_the_host_has() -> None:
    run = Run(task("a"), task("b"), max_parallel=1, places=8)
    decision = run.plan.decide(0, None, {PLACES: 3})
    assert [start.task.id for start in decision.starts] == ["a"]
    assert run.plan.waiting()["b"].code == "places"
    assert decision.wake_at is None, "it does not wait for other runs"


def test_more_taken_elsewhere_than_there_is_leaves_nothing_and_does_not_hold_up_a_service() -> None:
    tasks = (task("a"), task("stream", service=Service()))
    run = Run(*tasks, max_parallel=2, places=2)
    assert starts(run, {PLACES: 9}) == ["stream"]
    assert starts(run, {}) == ["a"]


def test_what_the_host_declares_is_shared_too() -> None:
    heavy = task("a", resources=Resources(cpu=1.5, memory_bytes=2 * GB))
    run = Run(heavy, cpu=2.0, memory_bytes=4 * GB)
    assert starts(run, {"host.cpu": 1000}) == []
    text = "it takes 1.5 of the host's cpu, and 1 of 2 are free; other runs take 1"
    assert run.plan.waiting() == {"a": Reason("host", text)}
    assert starts(run, {"host.memory": 3 * GB}) == []
    assert run.plan.waiting()["a"].text == (
        f"it takes {2 * GB} bytes of the host's memory, and {GB} of {4 * GB} are free; other runs take {3 * GB}"
    )
    assert starts(run, {"host.cpu": 500, "host.memory": 2 * GB}) == ["a"]


def test_pools_that_this_run_does_not_know_mean_nothing_to_it() -> None:
    assert starts(Run(*pooled("a"), pools={"db": 1}), {"elsewhere": 7}) == ["a"]


def test_what_a_run_takes_is_told_by_name_and_no_longer_when_it_is_over() -> None:
    cpu = Resources(cpu=0.5)
    tasks = (
        task("a", pool=(("db", 2), ("session etl", 1), ("tenant acme", 1)), resources=cpu),
        task("b", "a", service=Service()),
    )
    run = Run(*tasks, pools={"db": 2, "session etl": 1, "tenant acme": 1}, cpu=2.0)
    assert run.plan.in_use() == {}
    run.decide()
    assert run.plan.in_use() == {PLACES: 1, "db": 2, "tenant acme": 1, "host.cpu": 500}
    run.end("a")
    run.decide()
    assert run.plan.in_use() == {}, "a service takes no place"


def test_while_nobody_knows_what_others_take_nothing_starts() -> None:
    run = Run(task("free"), *pooled("a"), pools={"db": 1})
    decision = run.plan.decide(5.0, None, None)
    assert decision.starts == ()
    assert decision.wake_at == 5.0 + LOOK_S
    assert starts(run, {}) == ["free", "a"]


# When to look again


def test_it_looks_again_after_a_moment_while_something_waits_for_other_runs() -> None:
    run = Run(*pooled("a"), task("b", timeout_s=0.1), pools={"db": 1})
    decision = run.plan.decide(10.0, None, {"db": 1})
    assert [start.task.id for start in decision.starts] == ["b"]
    assert decision.wake_at == 10.1
    run.end("b", now=10.05)
    assert run.plan.decide(10.05, None, {"db": 1}).wake_at == 10.05 + LOOK_S


@pytest.mark.parametrize("others", [{}, {"api": 1}, {PLACES: 1}])
def test_it_does_not_look_again_for_what_its_own_tasks_take(others: Mapping[str, int]) -> None:
    run = Run(*pooled("a", "b"), pools={"db": 1, "api": 1}, places=9)
    assert run.plan.decide(0.0, None, others).wake_at is None
    assert run.plan.waiting()["b"].text == "it takes 1 of the pool db, and 0 of 1 are free"


# Services


def test_a_task_is_not_forced_in_upon_what_other_runs_hold() -> None:
    broker = task("broker", service=Service(), pool=(("db", 1),))
    user = task("user", "broker", conditions=(("broker", "ready"),), pool=(("db", 1),))
    run = Run(broker, user, pools={"db": 1})
    assert starts(run, {}) == ["broker"]
    run.plan.started("broker", 0.0, 0.0)
    run.plan.ready("broker")
    decision = run.plan.decide(1.0, None, {"db": 1})
    assert decision.starts == ()
    assert decision.wake_at == 1.0 + LOOK_S
    assert starts(run, {}) == ["user"]


def test_services_go_on_while_a_task_waits_for_other_runs() -> None:
    run = Run(task("stream", service=Service()), *pooled("a"), pools={"db": 1})
    assert starts(run, {"db": 1}) == ["stream"]
    run.plan.started("stream", 0.0, 0.0)
    assert run.plan.decide(9.0, None, {"db": 1}).stops == ()
    assert starts(run, {}) == ["a"]
    run.plan.started("a", 0.0, 0.0)
    run.end("a")
    assert [stop.task.id for stop in run.plan.decide(10.0).stops] == ["stream"]
    run.end("stream", Signalled(15))
    assert run.plan.finished


# Fairness


def test_a_run_that_has_waited_for_a_while_goes_before_one_that_has_not() -> None:
    busy, late = Run(*pooled("a1", "a2"), pools={"db": 1}), Run(*pooled("b"), pools={"db": 1})
    assert starts(busy, late.plan.in_use()) == ["a1"]
    assert starts(late, busy.plan.in_use(), now=0.0) == []
    assert "wanted db" not in late.plan.in_use()
    assert starts(late, busy.plan.in_use(), now=PATIENCE_S) == []
    assert late.plan.in_use() == {"wanted db": 1}
    busy.plan.started("a1", 0.0, 0.0)
    busy.end("a1")
    assert starts(busy, late.plan.in_use(), now=PATIENCE_S) == []
    assert busy.plan.waiting()["a2"].text == "it takes 1 of the pool db, and 0 of 1 are free; other runs take 1"
    assert starts(late, busy.plan.in_use(), now=1.1) == ["b"]
    assert late.plan.in_use() == {PLACES: 1, "db": 1}


def test_of_two_that_have_both_waited_neither_waits_for_the_other() -> None:
    runs = [Run(*pooled("a"), pools={"db": 1}), Run(*pooled("b"), pools={"db": 1})]
    for now in (0.0, PATIENCE_S):
        for run in runs:
            assert starts(run, {"db": 1}, now) == []
    assert starts(runs[0], {"wanted db": 1}, now=1.1) == ["a"]


def test_one_that_never_comes_for_what_it_wants_holds_up_others_for_so_long_only() -> None:
    run = Run(*pooled("a"), pools={"db": 1})
    assert starts(run, {"wanted db": 1}, now=0.0) == []
    assert starts(run, {"wanted db": 1}, now=PATIENCE_S) == []
    assert starts(run, {"wanted db": 1}, now=PATIENCE_S + LOOK_S) == ["a"]


def test_a_run_that_got_some_of_what_it_waited_for_waits_anew_for_the_rest() -> None:
    run = Run(*pooled("a", "b"), pools={"db": 2})
    for now in (0.0, PATIENCE_S):
        assert starts(run, {"db": 2}, now) == []
    assert run.plan.in_use() == {"wanted db": 1}
    assert starts(run, {"db": 1}, now=1.1) == ["a"]
    assert run.plan.in_use() == {PLACES: 1, "db": 1}
    assert starts(run, {"db": 1}, now=2.1) == []
    assert run.plan.in_use() == {PLACES: 1, "db": 1, "wanted db": 1}


def test_only_what_a_task_lacks_is_kept_for_it() -> None:
    run = Run(*pooled("a"), pools={"db": 1}, places=2)
    for now in (0.0, PATIENCE_S):
        starts(run, {"db": 1, PLACES: 1}, now)
    assert run.plan.in_use() == {"wanted db": 1}


# Any number of runs


SIZES = {PLACES: 3, "db": 3, "api": 1}


@st.composite
def runs(draw: st.DrawFn) -> list[Run]:
    """Two to four runs of a few tasks each; what they take is at most what there is."""
    found = []
    for r in range(draw(st.integers(2, 4))):
        tasks: list[Task] = []
        for i in range(draw(st.integers(1, 6))):
            upstream = draw(st.lists(st.sampled_from([one.id for one in tasks]), max_size=2)) if tasks else []
            pools = draw(st.dictionaries(st.sampled_from(["db", "api"]), st.integers(1, 3), max_size=2))
            pool = tuple((name, min(amount, SIZES[name])) for name, amount in pools.items())
            tasks.append(task(f"r{r}t{i}", *dict.fromkeys(upstream), pool=pool))
        most = draw(st.integers(1, SIZES[PLACES]))
        found.append(Run(*tasks, max_parallel=most, places=SIZES[PLACES], pools={"db": 3, "api": 1}))
    return found


class Machine:
    """The runs, what each of them has published, and which of their tasks run."""

    def __init__(self, found: list[Run], seed: int):
        self.runs = found
        self.published: list[dict[str, int]] = [{} for _ in found]
        self.live: list[list[str]] = [[] for _ in found]
        self.random = random.Random(seed)
        self.now = 0.0

    def look(self, number: int) -> None:
        """One turn of a run's loop."""
        run, others = self.runs[number], Counter[str]()
        for other, amounts in enumerate(self.published):
            others.update(amounts if other != number else {})
        decision = run.plan.decide(self.now, None, dict(others))
        for start in decision.starts:
            run.plan.started(start.task.id, self.now, self.now)
            self.live[number].append(start.task.id)
        self.published[number] = run.plan.in_use()
        if not run.plan.finished and not self.live[number]:
            assert decision.wake_at is not None, "nothing would wake it"
        self.check()

    def check(self) -> None:
        total = Counter[str]()
        for amounts in self.published:
            total.update(amounts)
        for name, size in SIZES.items():
            assert total[name] <= size, f"{total[name]} of {size} of {name} are taken"

    def end_one(self) -> bool:
        """Any task that runs ends, and its run looks later, as others may in between."""
        numbers = [number for number, live in enumerate(self.live) if live]
        if not numbers:
            return False
        number = self.random.choice(numbers)
        name = self.live[number].pop(self.random.randrange(len(self.live[number])))
        self.runs[number].plan.ended(name, Exited(0), self.now)
        return True


@settings(max_examples=300, deadline=None)
@given(runs(), st.integers(0, 2**16))
def test_no_more_is_taken_than_there_is_and_every_run_ends(found: list[Run], seed: int) -> None:
    machine = Machine(found, seed)
    for _ in range(400):
        for number in machine.random.sample(range(len(found)), len(found)):
            machine.look(number)
        machine.now += machine.random.choice([0.0, 0.1, LOOK_S])
        if machine.random.random() < 0.7:
            machine.end_one()
        if all(run.plan.finished for run in found):
            return
    raise AssertionError([run.plan.waiting() for run in found])


def test_a_run_that_keeps_everything_busy_lets_another_in() -> None:
    busy = Run(*(task(f"a{n}") for n in range(500)), max_parallel=2, places=2)
    machine = Machine([busy, Run(task("b"), places=2)], seed=1)
    for _ in range(100):
        machine.look(0)
        machine.look(1)
        if machine.live[1]:
            return
        machine.now += LOOK_S
        name = machine.live[0].pop(0)
        busy.plan.ended(name, Exited(0), machine.now)
    raise AssertionError("it was never let in")


def test_limits_that_say_nothing_of_the_host_are_those_of_the_run() -> None:
    plan = Plan([task("a"), task("b")], Limits(2), {})
    assert len(plan.decide(0.0, None, {PLACES: 1}).starts) == 1
