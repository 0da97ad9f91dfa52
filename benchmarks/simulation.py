"""W6 without processes: our plan over many graphs, against the bound and the best list schedule. Nothing is timed."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from pathlib import Path
from statistics import mean, quantiles
from typing import NamedTuple

from benchmarks.graphs import Graph, bound_s, layered, name
from benchmarks.results import Options, Part, part
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.model import Command, Task
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.plan import Plan

#: What an earlier run took is off by so much: sigma of a normal distribution of logarithms.
NOISE = 0.3
SEEDS = 100
TRIES = 200
SLOTS = (2, 8)


class Family(NamedTuple):
    """Random graphs, and the sigma of their tasks' log-normal durations."""

    tasks: int
    edges: int
    layers: int
    slots: int
    sigma: float


FAMILIES = (
    Family(60, 90, 6, 4, 1.0),
    Family(200, 400, 10, 8, 1.5),
    Family(100, 110, 4, 8, 1.5),
    Family(1000, 3000, 20, 8, 1.0),
)


def simulate(root: Path, options: Options) -> Part:
    """Ratios for every family, and for each workflow of the folder named by `--workflows`."""
    seeds = options.most(SEEDS)
    facts = {"families": [_family(family, seeds) for family in FAMILIES], "seeds": seeds, "workflows": []}
    if options.workflows is None:
        return part([], {}, facts, {}, {"workflows": "no folder of workflows was named with --workflows"})
    files = sorted(options.workflows.glob("*.json"))
    facts["workflows"] = [_workflow(file, slots) for file in files for slots in SLOTS]
    missing = {} if files else {"workflows": f"there is none in {options.workflows}"}
    return part([], {}, facts, {}, missing)


def makespan_s(graph: Graph, seconds: Sequence[float], slots: int, expected_s: Mapping[str, float]) -> float:
    """Seconds that our plan takes for the graph, with what it has learned of durations."""
    tasks = [
        Task(name(number), "work", Command(("true",)), depends_on=tuple(map(name, upstream)))
        for number, upstream in enumerate(graph)
    ]
    plan = Plan(tasks, Limits(slots), expected_s)
    lasts = {name(number): length for number, length in enumerate(seconds)}
    now = 0.0
    running: list[tuple[float, str]] = []
    while not plan.finished:
        for start in plan.decide(now).starts:
            plan.started(start.task.id, now, now)
            heappush(running, (now + lasts[start.task.id], start.task.id))
        now, ended = heappop(running)
        plan.ended(ended, Exited(0), now)
    return now


def list_schedule_s(graph: Graph, seconds: Sequence[float], slots: int, rank: Callable[[int], float]) -> float:
    """Seconds that take who always starts the ready task of the highest rank."""
    unmet = [len(upstream) for upstream in graph]
    behind: list[list[int]] = [[] for _ in graph]
    for number, upstream in enumerate(graph):
        for before in upstream:
            behind[before].append(number)
    ready: list[tuple[float, int]] = []
    for number, waits in enumerate(unmet):
        if not waits:
            heappush(ready, (-rank(number), number))
    now = 0.0
    running: list[tuple[float, int]] = []
    while ready or running:
        while ready and len(running) < slots:
            number = heappop(ready)[1]
            heappush(running, (now + seconds[number], number))
        now, ended = heappop(running)
        for number in behind[ended]:
            unmet[number] -= 1
            if not unmet[number]:
                heappush(ready, (-rank(number), number))
    return now


def best_s(graph: Graph, seconds: Sequence[float], slots: int) -> float:
    """The shortest of many list schedules: as written, the longest task first, and by the path behind, often shaken."""
    behind = _remaining_s(graph, seconds)
    ranks = [lambda number: -number, lambda number: seconds[number], lambda number: behind[number]]
    found = [list_schedule_s(graph, seconds, slots, rank) for rank in ranks]
    for seed in range(TRIES):
        shaken = _noisy(behind, random.Random(seed))
        found.append(list_schedule_s(graph, seconds, slots, shaken.__getitem__))
    return min(found)


def _family(family: Family, seeds: int) -> dict[str, float]:
    learned, unlearned = [], []
    for seed in range(seeds):
        chance = random.Random(seed)
        graph = layered(family.tasks, family.edges, family.layers, seed)
        seconds = [math.exp(chance.gauss(0, family.sigma)) for _ in graph]
        bound = bound_s(graph, seconds, family.slots)
        learned.append(makespan_s(graph, seconds, family.slots, _learned(seconds, chance)) / bound)
        unlearned.append(makespan_s(graph, seconds, family.slots, {}) / bound)
    p95 = quantiles(learned, n=20)[-1] if len(learned) > 1 else learned[0]
    return {**family._asdict(), "mean": mean(learned), "p95": p95, "unlearned_mean": mean(unlearned)}


def _workflow(file: Path, slots: int) -> dict[str, float | str]:
    tasks = json.loads(file.read_text(encoding="utf-8"))["tasks"]
    order = _ordered({task: found["after"] for task, found in tasks.items()})
    at = {task: number for number, task in enumerate(order)}
    graph = tuple(tuple(sorted(at[before] for before in tasks[task]["after"])) for task in order)
    seconds = [float(tasks[task]["runtime_s"]) for task in order]
    taken = mean(makespan_s(graph, seconds, slots, _learned(seconds, random.Random(seed))) for seed in range(10))
    ratios = {"of_best": taken / best_s(graph, seconds, slots), "of_bound": taken / bound_s(graph, seconds, slots)}
    return {"name": file.stem, "tasks": len(order), "slots": slots, **ratios}


def _ordered(after: Mapping[str, Sequence[str]]) -> list[str]:
    """The tasks in the order of the file, but each behind those that it is after."""
    order: dict[str, None] = {}
    waiting = [*reversed(list(after))]
    while waiting:
        task = waiting[-1]
        missing = [before for before in after[task] if before not in order]
        if missing:
            waiting += missing
        else:
            order[waiting.pop()] = None
    return list(order)


def _learned(seconds: Sequence[float], chance: random.Random) -> dict[str, float]:
    return {name(number): length for number, length in enumerate(_noisy(seconds, chance))}


def _noisy(seconds: Sequence[float], chance: random.Random) -> list[float]:
    return [length * math.exp(chance.gauss(0, NOISE)) for length in seconds]


def _remaining_s(graph: Graph, seconds: Sequence[float]) -> list[float]:
    """Seconds of the longest path from the start of each task to the end."""
    found = list(seconds)
    for number in reversed(range(len(graph))):
        for before in graph[number]:
            found[before] = max(found[before], seconds[before] + found[number])
    return found
