"""The graphs that every tool is given: shapes, what their tasks do, and how short a run of them can be."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import NamedTuple

#: For each task the numbers of those it depends on, all of them smaller.
Graph = tuple[tuple[int, ...], ...]

NO_OP = "/bin/true" if os.path.exists("/bin/true") else "/usr/bin/true"
SLEEP = "/bin/sleep"
SEED = 7


class Work(NamedTuple):
    """A graph, how many of its tasks may run at the same time, and for how many seconds each sleeps (None: no-ops)."""

    graph: Graph
    slots: int = 2
    seconds: tuple[float, ...] | None = None

    def argv(self, number: int) -> tuple[str, ...]:
        """The command of a task."""
        return (NO_OP,) if self.seconds is None else (SLEEP, f"{self.seconds[number]:g}")


def chain(tasks: int) -> Graph:
    """Each task after the one before."""
    return tuple((number - 1,) if number else () for number in range(tasks))


def independent(tasks: int) -> Graph:
    """None after any other."""
    return ((),) * tasks


def layered(tasks: int, edges: int, layers: int, seed: int = SEED) -> Graph:
    """A random graph: every task but those of the first layer depends on some of the layer before, others on any."""
    chance = random.Random(seed)
    width = tasks // layers
    upstream: list[set[int]] = [set() for _ in range(tasks)]
    for number in range(width, tasks):
        upstream[number].add(chance.randrange(_first(number, width) - width, _first(number, width)))
    missing = edges - (tasks - width)
    while missing:
        number = chance.randrange(width, tasks)
        before = chance.randrange(_first(number, width))
        missing -= before not in upstream[number]
        upstream[number].add(before)
    return tuple(tuple(sorted(some)) for some in upstream)


def lanes(wide: int = 8, long_s: float = 0.8, short_s: float = 0.1) -> Work:
    """Chains side by side; in each layer another lane is slow, so that a barrier behind every layer would cost."""
    graph = tuple((number - wide,) if number >= wide else () for number in range(wide * wide))
    seconds = tuple(long_s if number // wide == number % wide else short_s for number in range(wide * wide))
    return Work(graph, wide, seconds)


def chain_last() -> Work:
    """Twenty short tasks are written first, and the long chain last: who starts in that order loses a half."""
    graph = (*independent(20), *((19 + number,) if number else () for number in range(10)))
    return Work(graph, 2, (0.1,) * 20 + (0.2,) * 10)


def long_last() -> Work:
    """Two chains first, and one single long task last, whose length only an earlier run can tell."""
    second = tuple((9 + number,) if number else () for number in range(10))
    return Work((*chain(10), *second, ()), 2, (0.1,) * 20 + (2.0,))


def edges(graph: Graph) -> int:
    """How many dependencies there are."""
    return sum(map(len, graph))


def bound_s(graph: Graph, seconds: Sequence[float], slots: int) -> float:
    """Seconds below which no run can be: the longest path, or all the work shared out evenly."""
    ends: list[float] = []
    for number, upstream in enumerate(graph):
        ends.append(seconds[number] + max((ends[before] for before in upstream), default=0.0))
    return max(*ends, sum(seconds) / slots)


def name(number: int) -> str:
    """What a task is called in every tool."""
    return f"task_{number:05}"


def _first(number: int, width: int) -> int:
    """The first task of the layer that a task is in."""
    return number // width * width
