"""How the tenants of a project stand: what each may do at the same time, what it does, and what waits for that."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import ACTIVE, TERMINAL, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tetra_orchestrator.core.history import TaskRun
    from tetra_orchestrator.core.model import Project, Task

#: How the pool is called in which a tenant's tasks wait for each other; no user's pool can be called so.
POOL = "tenant "


class Standing(Record):
    """So many tasks of a tenant run, and so many could, were it not for its `limit`, for room or for other runs."""

    tenant: str
    limit: int
    running: int
    queued: int


def standings(project: Project, runs: Iterable[Sequence[TaskRun]]) -> list[Standing]:
    """How each tenant with a task in one of the active runs stands, by name; of each run its tasks are given."""
    tasks = {task.id: task for task in project.tasks()}
    pools = dict(project.pools)
    running: dict[str, int] = {}
    queued: dict[str, int] = {}
    for rows in runs:
        over = {row.task_id for row in rows if row.state in TERMINAL}
        here = {row.task_id for row in rows}
        for row in rows:
            task = tasks.get(row.task_id)
            if task is None or task.tenant is None:
                continue
            running.setdefault(task.tenant, 0)
            running[task.tenant] += row.state in ACTIVE
            queued[task.tenant] = queued.get(task.tenant, 0) + _is_queued(row, task, here - over)
    return [Standing(name, pools.get(f"{POOL}{name}", 1), running[name], queued[name]) for name in sorted(running)]


def _is_queued(row: TaskRun, task: Task, open_: set[str]) -> bool:
    """Whether nothing that it depends on keeps it from starting."""
    return row.state == TaskState.PENDING and open_.isdisjoint(task.depends_on)
