"""What an attempt may use at most."""

from __future__ import annotations

from tetra_orchestrator.core.admission import grown
from tetra_orchestrator.core.facts import Bounds
from tetra_orchestrator.core.model import Resources
from tetra_orchestrator.engine.environment import resolve
from tetra_orchestrator.ports import Wants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.model import Task
    from tetra_orchestrator.ports import AttemptFiles

#: An attempt on another machine is ended by ourselves; what its engine allows is so much longer.
SPARE_S = 120.0
#: More than any kernel lets a limit be.
_MOST = 1 << 62


def bounds(task: Task, number: int, root: str, files: AttemptFiles) -> Bounds | None:
    """The limits of the task's attempt `number`; None where it has none.

    Its work folder, of which `disk` speaks, is its `cwd`, else its checkpoint folder.
    """
    if task.resources is None and not task.log_limit_bytes:
        return None
    wanted = task.resources or Resources()
    made = Bounds(
        memory_bytes=grown(wanted.memory_bytes, wanted.grow, number, _MOST),
        cpu=wanted.cpu,
        processes=wanted.processes,
        open_files=wanted.open_files,
        disk_bytes=grown(wanted.disk_bytes, wanted.grow, number, _MOST),
        log_bytes=task.log_limit_bytes,
        folder=resolve(root, task.cwd) if task.cwd else files.checkpoint,
    )
    return made if any(made[:6]) else None


def wants(task: Task, number: int) -> Wants:
    """What an engine on other machines is asked for, for the task's attempt `number`."""
    said = task.resources or Resources()
    memory_bytes = grown(said.memory_bytes, said.grow, number, _MOST)
    limits = [each for each in (task.timeout_s, task.wall_timeout_s) if each is not None]
    longest = min(limits) + task.kill_grace_s + SPARE_S if limits else None
    return Wants(said.cpu or None, memory_bytes or None, said.gpu or None, longest, task.id)
