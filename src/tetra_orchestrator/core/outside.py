"""What a run needs of what is outside of it: the pipelines and tasks on which its own depend directly (T-143)."""

from __future__ import annotations

from tetra_orchestrator.core.condition import FINISHED, READY
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from tetra_orchestrator.core.model import Project, Task
    from tetra_orchestrator.core.selection import Selection


class Need(Record):
    """`waiter` cannot start unless `name` is as it has to be: a pipeline as a whole, or the `task` of one in the run.

    The waiter is a pipeline, or a task that waits for another of its own pipeline. A service has to be `ready`.
    """

    waiter: str
    name: str
    pipeline: str
    task: str | None = None
    ready: bool = False


def needs(project: Project, selection: Selection, skipped: Collection[str] = ()) -> list[Need]:
    """What the selected tasks need outside of the run, in file order; those `skipped` and the disabled need nothing.

    Whatever may have ended as it likes is not needed.
    """
    every = {task.id: task for task in project.tasks()}
    inside, present = {task.id for task in selection.tasks}, set(selection.pipelines)
    found: dict[Need, None] = {}
    for task in selection.tasks:
        if task.enabled and task.id not in skipped:
            conditions = dict(every[task.id].conditions)
            for name in every[task.id].depends_on:
                if name not in inside and conditions.get(name) != FINISHED:
                    found[_need(task, every[name], present, conditions.get(name))] = None
    return list(found)


def _need(task: Task, upstream: Task, present: Collection[str], condition: str | None) -> Need:
    waiter = task.id if upstream.pipeline == task.pipeline else task.pipeline
    if condition == READY and upstream.service is not None:
        return Need(waiter, upstream.id, upstream.pipeline, upstream.id, ready=True)
    if upstream.pipeline in present:
        return Need(waiter, upstream.id, upstream.pipeline, upstream.id)
    return Need(waiter, upstream.pipeline, upstream.pipeline)
