"""A run on several workers: no task on two of them, none beyond what a worker has, and never quicker than can be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.builders import task
from tetra_orchestrator.core import scaling
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.forecast import Span, end_of, spans
from tetra_orchestrator.core.model import Reason, Resources, RunIf, Service, Task
from tetra_orchestrator.core.scaling import Enough, Fleet
from tetra_orchestrator.core.workers import Worker, Workers

GB = 1024**3
LARGEST = Resources(cpu=4.0, memory_bytes=8 * GB, gpu=1)
NEEDS = st.one_of(
    st.none(),
    st.builds(
        Resources,
        cpu=st.sampled_from([0.0, 0.1, 0.5, 1.0, 4.0]),
        memory_bytes=st.sampled_from([0, GB, 3 * GB, 8 * GB]),
        gpu=st.sampled_from([0, 0, 0, 1]),
    ),
)
WORKERS = st.builds(
    Worker,
    places=st.integers(1, 4),
    cpu=st.sampled_from([None, 4.0, 6.5]),
    memory_bytes=st.sampled_from([None, 8 * GB, 12 * GB]),
    gpu=st.sampled_from([None, 1, 2]),
)
#: Time for rounding.
HAIR = 1 + 1e-9


@st.composite
def works(draw: st.DrawFn) -> tuple[list[Task], dict[str, float]]:
    """Up to 14 tasks without a cycle, and the seconds that each takes."""
    tasks: list[Task] = []
    for i in range(draw(st.integers(1, 14))):
        upstream = draw(st.lists(st.sampled_from([one.id for one in tasks]), max_size=2, unique=True)) if tasks else []
        pool = draw(st.sampled_from([(), (), (("db", 1),)]))
        tasks.append(task(f"t{i}", *upstream, resources=draw(NEEDS), pool=pool, priority=draw(st.integers(0, 1))))
    seconds = draw(st.lists(st.sampled_from([0.0, 1.0, 2.5, 7.0]), min_size=len(tasks), max_size=len(tasks)))
    return tasks, dict(zip([one.id for one in tasks], seconds, strict=True))


def placed(
    tasks: Sequence[Task], limits: Limits, seconds: dict[str, float], worker: Worker, count: int
) -> tuple[dict[str, Span], dict[str, int]]:
    """When each task runs, and on which worker."""
    room = Workers(limits, worker, count)
    found = spans(tasks, worker.times(count, limits), seconds, (), room)
    return found, dict(zip(found, room.placed, strict=True))


def needs(one: Task) -> tuple[float, ...]:
    own = one.resources or Resources()
    return 1.0, own.cpu, float(own.memory_bytes), float(own.gpu)


def path_s(tasks: Sequence[Task], seconds: dict[str, float]) -> float:
    """The longest chain, by the definition; the tasks come after what they depend on."""
    ends: dict[str, float] = {}
    for one in tasks:
        ends[one.id] = seconds[one.id] + max([ends[name] for name in one.depends_on], default=0.0)
    return max(ends.values())


@settings(max_examples=40, deadline=None)
@given(works(), WORKERS, st.integers(1, 4))
def test_no_worker_is_ever_given_more_than_it_has_and_every_task_runs_after_what_it_waits_for(
    work: tuple[list[Task], dict[str, float]], worker: Worker, count: int
) -> None:
    tasks, seconds = work
    found, where = placed(tasks, Limits(2, (("db", 2),)), seconds, worker, count)
    assert set(found) == {one.id for one in tasks}
    assert set(where.values()) <= set(range(count))
    by_id = {one.id: one for one in tasks}
    has = (worker.places, *(float("inf") if one is None else one for one in worker[1:]))
    for name, span in found.items():
        beside = [
            other
            for other, its in found.items()
            if where[other] == where[name] and its.start_s <= span.start_s < its.finish_s
        ]
        for which, most in enumerate(has):
            assert sum(needs(by_id[other])[which] for other in beside) <= most * HAIR
        assert all(found[before].finish_s <= span.start_s for before in by_id[name].depends_on)
        assert span.finish_s - span.start_s == pytest.approx(seconds[name])


@settings(max_examples=40, deadline=None)
@given(works(), WORKERS, st.integers(1, 4))
def test_the_run_is_never_shorter_than_its_critical_path_or_than_its_work_shared_out(
    work: tuple[list[Task], dict[str, float]], worker: Worker, count: int
) -> None:
    tasks, seconds = work
    found = Fleet(tasks, Limits(2, (("db", 2),)), seconds, worker).on(count)
    has = [worker.places, *worker[1:]]
    bounds = [path_s(tasks, seconds)]
    for which, each in enumerate(has):
        if each is not None:
            bounds.append(sum(needs(one)[which] * seconds[one.id] for one in tasks) / (count * each))
    assert found.finish_s * HAIR >= found.least_s
    assert found.least_s * HAIR >= max(bounds)
    assert all(share <= HAIR for share in found.used.values())
    assert found.worker_s == count * found.finish_s


@settings(max_examples=40, deadline=None)
@given(works(), WORKERS)
def test_one_worker_like_the_host_runs_everything_at_the_times_of_the_host(
    work: tuple[list[Task], dict[str, float]], worker: Worker
) -> None:
    tasks, seconds = work
    host = Limits(
        worker.places, (("db", 1),), worker.cpu or 0.0, worker.memory_bytes or 0, worker.gpu or 0, places=worker.places
    )
    assert placed(tasks, host, seconds, worker, 1)[0] == spans(tasks, host, seconds)


@settings(max_examples=20, deadline=None)
@given(works(), WORKERS)
def test_so_many_workers_as_are_enough_make_it_nearly_as_short_as_any_number(
    work: tuple[list[Task], dict[str, float]], worker: Worker
) -> None:
    tasks, seconds = work
    fleet = Fleet(tasks, Limits(2, (("db", 2),)), seconds, worker)
    found = fleet.enough()
    assert fleet.on(found.workers).finish_s == found.finish_s <= found.best_s * 1.05 * HAIR
    assert found.best_s == fleet.on(len(tasks)).finish_s


def test_services_stand_on_workers_without_a_place_and_end_when_nothing_needs_them() -> None:
    served = (
        task("db", service=Service("up"), resources=Resources(cpu=1.0)),
        task("a", "db", conditions=(("db", "ready"),)),
        task("b", "db", conditions=(("db", "ready"),)),
    )
    seconds = {"db": 0.0, "a": 3.0, "b": 4.0}
    assert placed(served, Limits(1), seconds, Worker(1, 1.0), 1)[0]["db"] == Span(0.0, 7.0)
    assert placed(served, Limits(1), seconds, Worker(1, 1.0), 2)[0]["db"] == Span(0.0, 4.0)


def test_what_only_a_service_leaves_no_room_for_starts_all_the_same_as_on_the_host() -> None:
    tasks = (
        task("db", service=Service("up"), resources=Resources(cpu=1.0)),
        task("a", "db", conditions=(("db", "ready"),), resources=Resources(cpu=1.0)),
    )
    found, _ = placed(tasks, Limits(1), {"db": 0.0, "a": 3.0}, Worker(1, 1.0), 1)
    assert (
        found == spans(tasks, Limits(1, cpu=1.0), {"db": 0.0, "a": 3.0}) == dict.fromkeys(("db", "a"), Span(0.0, 3.0))
    )


# Which worker it is


def test_a_small_task_goes_where_least_is_left_so_that_a_large_one_finds_a_worker_of_its_own() -> None:
    tasks = [
        task("half", resources=Resources(cpu=2.0), priority=3),
        task("small", resources=Resources(cpu=1.0), priority=2),
        task("large", resources=Resources(cpu=4.0), priority=1),
    ]
    found, where = placed(tasks, Limits(1), dict.fromkeys(["half", "small", "large"], 5.0), Worker(4, 4.0), 2)
    assert (where["half"], end_of(found)) == (where["small"], 5.0)
    assert where["large"] != where["half"]


def test_a_task_without_a_gpu_leaves_those_that_are_free_alone_though_its_worker_has_more_cpus_left() -> None:
    tasks = [
        task("all", resources=Resources(cpu=1.0, gpu=2), priority=4),
        task("one", resources=Resources(cpu=2.0, gpu=1), priority=3),
        task("plain", resources=Resources(cpu=1.0), priority=2),
        task("other", resources=Resources(cpu=2.0, gpu=1), priority=1),
    ]
    seconds = {one.id: 5.0 for one in tasks}
    found, where = placed(tasks, Limits(1), seconds, Worker(4, 4.0, gpu=2), 2)
    assert (where["all"], where["one"], end_of(found)) == (where["plain"], where["other"], 5.0)


def test_no_task_is_spread_over_two_workers_though_they_have_enough_together() -> None:
    tasks = [task(name, resources=Resources(cpu=3.0)) for name in "abc"]
    found = Fleet(tasks, Limits(1), dict.fromkeys("abc", 10.0), Worker(4, 4.0)).on(2)
    assert (found.finish_s, found.least_s) == (20.0, 11.25)


# What bounds a run


FOUR = [task(name) for name in "abcd"]
TEN = dict.fromkeys("abcd", 10.0)


@pytest.mark.parametrize(
    ("count", "finish", "used", "bottleneck"),
    [
        (1, 40.0, 1.0, Reason("places", "the places")),
        (2, 20.0, 1.0, Reason("places", "the places")),
        (8, 10.0, 0.5, Reason("critical_path", "the critical path")),
    ],
)
def test_more_workers_help_until_the_longest_chain_bounds_the_run(
    count: int, finish: float, used: float, bottleneck: Reason
) -> None:
    found = Fleet(FOUR, Limits(4), TEN, Worker(1)).on(count)
    assert (found.finish_s, found.used, found.bottleneck) == (finish, {"host.places": used}, bottleneck)


def test_the_workers_cpus_bound_it() -> None:
    tasks = [one._replace(resources=Resources(cpu=2.0)) for one in FOUR]
    found = Fleet(tasks, Limits(1), TEN, Worker(8, 2.0)).on(2)
    assert (found.finish_s, found.bottleneck) == (20.0, Reason("workers", "the workers' cpu"))


def test_a_pool_stays_one_pool_for_all_workers() -> None:
    tasks = [one._replace(pool=(("db", 1),)) for one in FOUR]
    found = Fleet(tasks, Limits(1, (("db", 1),)), TEN, Worker(4)).on(8)
    assert (found.finish_s, found.bottleneck) == (40.0, Reason("pool", "the pool db"))


def test_what_a_run_says_of_itself_holds_on_any_number_of_workers() -> None:
    found = Fleet(FOUR, Limits(1, tasks=2), TEN, Worker(1)).on(8)
    assert (found.finish_s, found.used) == (20.0, {"host.places": 0.25})


def test_the_runner_that_a_task_names_does_not_matter_and_its_own_limit_neither() -> None:
    tasks = [one._replace(runner="slurm", pool=(("runner slurm", 1),)) for one in FOUR]
    found = Fleet(tasks, Limits(1, (("runner slurm", 1),)), TEN, Worker(2)).on(2)
    assert (found.finish_s, found.used) == (10.0, {"host.places": 1.0})


def test_what_is_skipped_and_what_only_an_output_would_start_counts_for_nothing() -> None:
    tasks = [*FOUR, task("alarm", "a", run_if=(RunIf("a", output="late"),))]
    found = Fleet(tasks, Limits(1), {**TEN, "alarm": 99.0}, Worker(1), {"c", "d"}).on(2)
    assert (found.finish_s, found.used) == (10.0, {"host.places": 1.0})


def test_enough_are_the_fewest_that_make_it_nearly_as_short_as_can_be() -> None:
    tasks = [task("long"), *(task(f"t{i}") for i in range(99))]
    seconds = {one.id: 100.0 if one.id == "long" else 1.0 for one in tasks}
    assert Fleet(tasks, Limits(1), seconds, Worker(1)).enough() == Enough(2, 100.0, 100.0)
    assert Fleet(FOUR, Limits(1), TEN, Worker(1)).enough() == Enough(4, 10.0, 10.0)


def test_a_run_of_nothing_needs_one_worker() -> None:
    assert Fleet((), Limits(1), {}, Worker(1)).enough() == Enough(1, 0.0, 0.0)


# What fits nowhere


def test_what_a_task_asks_for_beyond_a_worker_is_told() -> None:
    worker = Worker(8, 8.0, 16 * GB, 0)
    tasks = [
        task("fits", resources=Resources(cpu=8.0, memory_bytes=16 * GB)),
        task("cpu", resources=Resources(cpu=8.5, memory_bytes=GB)),
        task("gpu", resources=Resources(cpu=16.0, memory_bytes=32 * GB, gpu=1)),
        task("off", resources=Resources(cpu=99.0)),
    ]
    fleet = Fleet(tasks, Limits(1), {}, worker, {"off"})
    assert fleet.too_large() == {"cpu": ["8.5 CPUs"], "gpu": ["16 CPUs", "32 GB of memory", "1 GPU"]}
    assert worker.text == "8 CPUs, 16 GB of memory, no GPU and 8 places"
    assert Worker(1).lacks(tasks[2]) == []


# What it costs


def test_what_a_simulation_does_for_each_task_depends_neither_on_their_number_nor_on_that_of_the_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[int] = []

    class Watched(Workers):
        def fits(self, share: tuple[tuple[str, int], ...], place: int = 1) -> bool:
            looks.append(len(self._free))
            return super().fits(share, place)

    monkeypatch.setattr(scaling, "Workers", Watched)
    per_task = []
    for tasks, count in ((300, 10), (1200, 10), (1200, 1000)):
        looks.clear()
        many = [
            task(f"t{i}", *([f"t{i - 40}"] if i >= 40 else []), resources=Resources(cpu=(0.5, 1.0, 2.0)[i % 3]))
            for i in range(tasks)
        ]
        Fleet(many, Limits(1), {one.id: 1.0 + i % 7 for i, one in enumerate(many)}, Worker(4, 4.0)).on(count)
        per_task.append(sum(looks) / tasks)
    first, more_tasks, more_workers = per_task
    assert first < 60
    assert all(later < 1.5 * before for before, later in pairwise((first, more_tasks, more_workers)))
