"""What a unit may use as a whole, so that a run that goes astray harms nobody else on the machine."""

from __future__ import annotations

from tetra_orchestrator.core.admission import grown
from tetra_orchestrator.core.model import Resources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tetra_orchestrator.core.model import Host, Task

#: What we need ourselves, beside the tasks.
OWN_MEMORY_BYTES, OWN_PROCESSES = 128 * 1024 * 1024, 64
#: A memory limit that no machine reaches.
NO_END = 2**62


def bounds(tasks: Sequence[Task], places: int, host: Host) -> tuple[int, float, int]:
    """Bytes of memory, CPUs and processes for a run of the tasks, so many at the same time; 0 is no limit.

    Each is limited where every task says what it takes of it: the most that `places` of them, and all that stay beside
    them, can come to, within what the host gives. Else only what the host gives counts.
    """
    memory = _most(tasks, places, lambda task: _memory_bytes(task, host), host.memory_bytes)
    processes = _most(tasks, places, lambda task: _declared(task).processes, 0)
    return (
        int(memory) + OWN_MEMORY_BYTES if memory else 0,
        _most(tasks, places, lambda task: _declared(task).cpu, host.cpu),
        int(processes) + OWN_PROCESSES if processes else 0,
    )


def _most(tasks: Sequence[Task], places: int, taken_by: Callable[[Task], float], given: float) -> float:
    amounts = {task.id: taken_by(task) for task in tasks}
    if not amounts or not all(amounts.values()):
        return given
    staying = [amounts.pop(task.id) for task in tasks if task.service or task.background]
    most = sum(staying) + sum(sorted(amounts.values(), reverse=True)[:places])
    return min(most, given) if given else most


def _memory_bytes(task: Task, host: Host) -> int:
    """What the last attempt may use, which gets the most."""
    declared = _declared(task)
    return grown(declared.memory_bytes, declared.grow, task.retry.max_attempts, host.memory_bytes or NO_END)


def _declared(task: Task) -> Resources:
    return task.resources or Resources()
