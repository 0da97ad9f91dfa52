"""Runs that could never end: a task waits for the end of a service that is needed until the task itself is over."""

from __future__ import annotations

from tetra_orchestrator.core.condition import READY
from tetra_orchestrator.core.graph import find_cycle, levels
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.core.model import Task

#: What no task id holds: before the id of a service stands for its start, before a number for that level's.
START, LEVEL = "start ", "level "


class Standstill(Record):
    """`waiter` waits for the end of `service`, which is needed until `user` is over, and that waits for `waiter`.

    With `by_levels` it does so because its level is a later one. `user` may be `waiter`.
    """

    waiter: str
    service: str
    user: str
    by_levels: bool

    @property
    def text(self) -> str:
        """One clause for people."""
        why = f"is of a later level than '{self.waiter}'" if self.by_levels else f"waits for '{self.waiter}'"
        until = (
            f"'{self.user}' is over, and that {why}" if self.user != self.waiter else f"'{self.user}' itself is over"
        )
        return f"'{self.waiter}' waits for the end of the service '{self.service}', which is needed until {until}"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return f"let it wait for that to be `ready`{', or leave out `barriers`' if self.by_levels else ''}"


def standstill(tasks: Sequence[Task], *, barriers: bool) -> Standstill | None:
    """The first standstill among the tasks of a run, or None. Their dependencies must be sound."""
    services = {task.id for task in tasks if task.service is not None}
    if not services:
        return None
    cycle = find_cycle(_waits(tasks, services, barriers=barriers))
    return _told(cycle[:-1], services) if cycle else None


def _waits(tasks: Sequence[Task], services: set[str], *, barriers: bool) -> dict[str, list[str]]:
    """What each task waits for, a service with its end: that comes after its start and the ends of its users."""
    graph: dict[str, list[str]] = {task.id: [] for task in tasks}
    for task in tasks:
        begin = task.id
        if task.id in services:
            begin = START + task.id
            graph[task.id].append(begin)
            graph[begin] = []
        conditions = dict(task.conditions)
        for need in task.depends_on if task.enabled else ():
            used = need in services and conditions.get(need) == READY
            graph[begin].append(START + need if used else need)
            if used:
                graph[need].append(task.id)
    if barriers:
        _add_levels(graph, tasks, services)
    return graph


def _add_levels(graph: dict[str, list[str]], tasks: Sequence[Task], services: set[str]) -> None:
    """Every task waits for the start of its level, and that for the earlier levels but their services."""
    for number, level in enumerate(levels({task.id: task.depends_on for task in tasks})):
        for name in level:
            graph[START + name if name in services else name].append(f"{LEVEL}{number}")
        graph.setdefault(f"{LEVEL}{number}", [])
        graph[f"{LEVEL}{number + 1}"] = [f"{LEVEL}{number}", *[name for name in level if name not in services]]


def _told(cycle: list[str], services: set[str]) -> Standstill:
    """The standstill in a cycle: from what waits for the end of a service to the last for which that is needed."""
    ring = cycle * 3

    def needed(i: int) -> bool:
        """It is the end of a service, and waits for that of one of its users."""
        return ring[i] in services and ring[i + 1] != START + ring[i]

    first = next(i for i in range(1, len(cycle) + 1) if needed(i) and ring[i - 1] not in services)
    last = next(i for i in range(first, len(ring)) if not needed(i))
    by_levels = any(name.startswith(LEVEL) for name in cycle)
    return Standstill(ring[first - 1].removeprefix(START), ring[first], ring[last].removeprefix(START), by_levels)
