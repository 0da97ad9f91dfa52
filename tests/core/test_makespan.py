"""How short a run is: the plan's order against lower bounds and against other orders, and what planning costs."""

import json
import os
from collections.abc import Iterator
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from statistics import mean

import pytest

from support.builders import task
from support.simulation import simulate
from tetra_orchestrator.core.admission import Limits, Room
from tetra_orchestrator.core.graph import dependants, remaining_s, upstream_of
from tetra_orchestrator.core.model import Task
from tetra_orchestrator.core.plan import Plan

Graph = dict[str, tuple[str, ...]]
#: Graphs and run times of real workflows, which the project does not hold.
WORKFLOWS = Path(os.environ.get("WFINSTANCES") or Path(__file__).parents[3] / "shared" / "cases" / "wfinstances")


def tasks_of(graph: Graph) -> list[Task]:
    return [task(name, *upstream) for name, upstream in graph.items()]


def lower_bound(graph: Graph, seconds: dict[str, float], slots: int) -> float:
    """No run can be shorter than its longest path, or than all its work shared out evenly."""
    return max(*remaining_s(graph, seconds).values(), sum(seconds.values()) / slots)


def list_schedule(graph: Graph, seconds: dict[str, float], slots: int, key: dict[str, float]) -> float:
    """The makespan when of the tasks that could start the one with the greatest key always does."""
    missing = {name: len(upstream) for name, upstream in graph.items()}
    reverse = dependants(graph)
    now, free, running = 0.0, slots, list[tuple[float, str]]()
    ready = [(-key[name], name) for name in graph if not missing[name]]
    ready.sort()
    while ready or running:
        while ready and free:
            _, name = heappop(ready)
            heappush(running, (now + seconds[name], name))
            free -= 1
        now, name = heappop(running)
        free += 1
        for child in reverse[name]:
            missing[child] -= 1
            if not missing[child]:
                heappush(ready, (-key[child], child))
    return now


def priority_rules(graph: Graph, seconds: dict[str, float]) -> Iterator[dict[str, float]]:
    """The keys of the usual list schedules, and of some orders that are nobody's."""
    reverse = dependants(graph)
    yield {name: -float(place) for place, name in enumerate(graph)}  # as written
    yield seconds  # longest first
    yield {name: -taken for name, taken in seconds.items()}  # shortest first
    yield remaining_s(graph, seconds)  # critical path
    yield remaining_s(graph, dict.fromkeys(graph, 1.0))  # most levels
    yield {name: float(len(reverse[name])) for name in graph}  # most that wait for it
    behind = {name: upstream_of(reverse, name) for name in graph}
    yield {name: float(len(behind[name])) for name in graph}  # most behind it
    yield {name: seconds[name] + sum(seconds[other] for other in behind[name]) for name in graph}  # most work behind it
    for seed in range(20):
        chance = Random(seed)
        yield {name: chance.random() for name in graph}


# Real graphs


def workflows() -> list[str]:
    return [path.stem for path in sorted(WORKFLOWS.glob("*.json"))] or ["none"]


@pytest.mark.parametrize("slots", [2, 4, 8, 16])
@pytest.mark.parametrize("name", workflows())
def test_real_workflows_take_at_most_3_percent_more_than_the_best_list_schedule(name: str, slots: int) -> None:
    if name == "none":
        pytest.skip("the graphs of real workflows are not here: name their folder in WFINSTANCES")
    given = json.loads((WORKFLOWS / f"{name}.json").read_text(encoding="utf-8"))["tasks"]
    graph: Graph = {one: tuple(fields["after"]) for one, fields in given.items()}
    seconds = {one: fields["runtime_s"] for one, fields in given.items()}
    done = simulate(tasks_of(graph), Limits(slots), seconds, seconds)
    assert len(done.history) == len(graph)
    best = min(list_schedule(graph, seconds, slots, key) for key in priority_rules(graph, seconds))
    assert done.makespan <= 1.03 * best


# Random graphs


def random_graph(chance: Random, count: int, edges: int, layers: int) -> Graph:
    """Each task beyond the first layer needs one of the layer before, and some need others before them too."""
    groups = [range(count * layer // layers, count * (layer + 1) // layers) for layer in range(layers)]
    needs: list[set[int]] = [set() for _ in range(count)]
    for before, group in zip(groups, groups[1:], strict=False):
        for number in group:
            needs[number].add(chance.choice(before))
    missing = edges - sum(map(len, needs))
    while missing:
        layer = chance.randrange(1, layers)
        number, need = chance.choice(groups[layer]), chance.choice(groups[chance.randrange(layer)])
        missing -= need not in needs[number]
        needs[number].add(need)
    return {f"t{number}": tuple(f"t{need}" for need in sorted(some)) for number, some in enumerate(needs)}


SHAPES = [
    # tasks, edges, layers, slots, spread of the durations
    (60, 90, 6, 4, 1.0),
    (200, 400, 10, 8, 1.5),
    (100, 110, 4, 8, 1.5),
    (200, 250, 20, 2, 1.0),
    (1000, 3000, 20, 8, 1.0),
]


@pytest.mark.parametrize(("count", "edges", "layers", "slots", "spread"), SHAPES)
def test_with_learned_durations_random_graphs_stay_within_1_percent_of_the_bound_on_average(
    count: int, edges: int, layers: int, slots: int, spread: float
) -> None:
    ratios = []
    for seed in range(50 if count < 1000 else 10):
        chance = Random(seed)
        graph = random_graph(chance, count, edges, layers)
        seconds = {name: chance.lognormvariate(0, spread) for name in graph}
        learned = {name: taken * chance.lognormvariate(0, 0.3) for name, taken in seconds.items()}
        done = simulate(tasks_of(graph), Limits(slots), seconds, learned)
        ratios.append(done.makespan / lower_bound(graph, seconds, slots))
    assert mean(ratios) <= 1.01


def test_without_any_durations_a_long_chain_that_is_written_last_starts_first() -> None:
    chain: Graph = {f"chain{n}": (f"chain{n - 1}",) if n else () for n in range(10)}
    graph: Graph = {f"short{n}": () for n in range(20)} | chain
    seconds = {name: 2.0 if name in chain else 1.0 for name in graph}
    written = {name: -float(place) for place, name in enumerate(graph)}
    assert list_schedule(graph, seconds, 2, written) == 30.0
    assert simulate(tasks_of(graph), Limits(2), seconds).makespan == 21.0  # who knew the durations would need 20


def test_a_long_task_that_is_written_last_starts_first_once_its_duration_is_known() -> None:
    chains = {f"{chain}{n}": (f"{chain}{n - 1}",) if n else () for chain in "ab" for n in range(10)}
    graph: Graph = {**chains, "long": ()}
    seconds = dict.fromkeys(chains, 0.1) | {"long": 2.0}
    assert simulate(tasks_of(graph), Limits(2), seconds).makespan == pytest.approx(3.0)
    assert simulate(tasks_of(graph), Limits(2), seconds, seconds).makespan == pytest.approx(2.0)


def test_a_barrier_costs_what_the_slowest_of_each_level_takes() -> None:
    graph: Graph = {f"{lane}{n}": (f"{lane}{n - 1}",) if n else () for lane in "abcd" for n in range(4)}
    seconds = {name: 8.0 if name in ("a0", "b1", "c2", "d3") else 1.0 for name in graph}
    assert simulate(tasks_of(graph), Limits(4), seconds).makespan == 11.0
    assert simulate(tasks_of(graph), Limits(4, barriers=True), seconds).makespan == 32.0


# What planning costs


def layered(width: int, depth: int) -> Graph:
    """Layers of `width` tasks; each task needs three of the layer before."""
    return {
        f"t{layer}.{i}": tuple(f"t{layer - 1}.{(i + step) % width}" for step in (0, 1, 7)) if layer else ()
        for layer in range(depth)
        for i in range(width)
    }


@pytest.mark.long
def test_100_000_tasks_with_300_000_edges_run_to_their_end_in_memory() -> None:
    graph = layered(width=100, depth=1000)
    assert (len(graph), sum(map(len, graph.values()))) == (100_000, 299_700)
    chance = Random(1)
    seconds = {name: chance.lognormvariate(0, 1) for name in graph}
    done = simulate(tasks_of(graph), Limits(8), seconds, seconds)
    assert done.makespan <= 1.001 * lower_bound(graph, seconds, 8)
    assert len(done.history) == len(graph)


def test_what_waits_for_a_full_pool_is_not_looked_at_again_every_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    fits = Room.fits
    monkeypatch.setattr(Room, "fits", lambda room, *share: looks.append(share) or fits(room, *share))
    names = [f"t{i}" for i in range(5000)]
    tasks = [task(name, pool=(("db", 1 + i % 3),)) for i, name in enumerate(names)]
    tasks += [task(f"free{i}") for i in range(5000)]
    seconds = dict.fromkeys([one.id for one in tasks], 1.0)
    done = simulate(tasks, Limits(20, pools=(("db", 4),)), seconds)
    assert len(done.history) == 10_000
    assert len(looks) < 10 * len(tasks)


def test_a_plan_of_a_chain_of_20_000_needs_no_recursion() -> None:
    names = [f"t{i}" for i in range(20_000)]
    plan = Plan([task(name, *names[i - 1 : i] if i else ()) for i, name in enumerate(names)], Limits(1), {})
    assert [start.task.id for start in plan.decide(0.0).starts] == ["t0"]
