"""How long a run would take with another number of tasks at the same time, and what bounds it then."""

from __future__ import annotations

from tetra_orchestrator.core.admission import CPU, GPU, MEMORY, PLACES, RUNNER, SESSION, TASKS, Room
from tetra_orchestrator.core.forecast import end_of, spans
from tetra_orchestrator.core.graph import remaining_s
from tetra_orchestrator.core.model import LOCAL, Reason
from tetra_orchestrator.core.nodes import within
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tetra_orchestrator.core.admission import Limits
    from tetra_orchestrator.core.model import Task


#: The name of the bound that is no thing to share.
PATH = "critical_path"


class Scenario(Record):
    """A run with so many tasks at a time: it takes `finish_s` seconds, uses `utilisation` (0 to 1) of its places, and
    is bound most by the `bottleneck`."""

    parallel: int
    finish_s: float
    utilisation: float
    bottleneck: Reason


def scenario(
    tasks: Sequence[Task],
    limits: Limits,
    seconds: Mapping[str, float],
    parallel: int,
    skipped: Collection[str] = (),
) -> Scenario:
    """What it would be with `parallel` tasks at the same time, given the seconds that each task takes."""
    tasks_at_most = limits.tasks and max(parallel, limits.tasks)
    of = limits._replace(max_parallel=parallel, places=max(parallel, limits.places), tasks=tasks_at_most)
    planned = spans(tasks, of, seconds, skipped)
    running, finish = [task for task in tasks if task.id in planned], end_of(planned)
    work = sum(seconds[task.id] for task in running if task.runner == LOCAL)
    bottleneck = highest(bounds(running, of, seconds), "host")
    return Scenario(parallel, finish, work / (parallel * finish) if finish else 0.0, bottleneck)


def bounds(tasks: Sequence[Task], limits: Limits, seconds: Mapping[str, float]) -> dict[str, float]:
    """The times in seconds that no order of the tasks can go below: the critical path, and what they share."""
    path = max(remaining_s(within(tasks), seconds).values(), default=0.0)
    return {PATH: path, **shared(tasks, limits, seconds)}


def highest(bounds: Mapping[str, float], owner: str) -> Reason:
    """What bounds most; `owner` is whose the CPUs are, the host's or the workers'."""
    name = max(bounds, key=lambda each: bounds[each])  # the first of equals: the path
    if name == PATH:
        return Reason(name, "the critical path")
    if name == PLACES:
        return Reason("places", "the places")
    if name in (CPU, MEMORY, GPU):
        return Reason(owner, f"the {owner}'{'' if owner.endswith('s') else 's'} {name.removeprefix('host.')}")
    if name == TASKS:
        return Reason("places", "the run's own `max_parallel`")
    return Reason("pool", f"the {name}" if name.startswith((RUNNER, SESSION)) else f"the pool {name}")


def shared(tasks: Sequence[Task], limits: Limits, seconds: Mapping[str, float]) -> dict[str, float]:
    """By what tasks share, the seconds that they need it for at least."""
    room = Room(limits)
    sizes = {**room.sizes, PLACES: limits.max_parallel}
    taken = dict.fromkeys(sizes, 0.0)
    for task in tasks:
        place = int(task.service is None and task.runner == LOCAL)
        for name, amount in ((PLACES, place), *room.share(task)):
            taken[name] += amount * seconds[task.id]
    return {name: amount / sizes[name] for name, amount in taken.items() if amount}
