"""The op behind a task that others wait for however it ends: it fails where the task has failed.

A task's own op cannot do so, as Dagster runs nothing behind an op that has failed.
"""

from __future__ import annotations

import dagster as dg

from tetra_orchestrator import wire
from tetra_orchestrator.core.history import RunFilter
from tetra_orchestrator.dagster.ops import DONE, SKIPPED
from tetra_orchestrator.dagster.settings import SETTINGS
from tetra_orchestrator.engine.apart import BLOCKED, TASK, apart_from_all, is_satisfied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.history import TaskRun
    from tetra_orchestrator.core.model import Project, Task


def verdict(task: Task, name: str, project: Project) -> dg.OpDefinition:
    """The op that says whether the task has succeeded."""

    @dg.op(
        name=name,
        description=f"Whether {task.id} has succeeded",
        ins={"after": dg.In(dg.Nothing)},
        out={DONE: dg.Out(dg.Nothing, is_required=False)},
        required_resource_keys={SETTINGS},
    )
    def judge(context):  # type: ignore[no-untyped-def]
        folder = getattr(context.resources, SETTINGS).state
        row = _row(task, context.run_id, project if folder is None else apart_from_all(project, folder))
        if row is not None and is_satisfied(row):
            yield dg.Output(None, DONE)
        elif row is None or row.state != SKIPPED or (row.reason and row.reason.code == BLOCKED):
            raise dg.Failure(_why(task, row), allow_retries=False)

    return judge


def _why(task: Task, row: TaskRun | None) -> str:
    if row is None:
        return f"{task.id} was not run"
    text = row.reason.text if row.reason else "it ended so"
    return f"{task.id} is {row.state}: {text}; run {row.run_id}"


def _row(task: Task, run_id: str, project: Project) -> TaskRun | None:
    store = wire.store(project.store_url, project.name)
    try:
        for run in store.search(RunFilter(tags=(f"dagster_run={run_id}", f"{TASK}={task.id}")), 1):
            return next(row for row in store.task_runs(run.run_id) if row.task_id == task.id)
        return None
    finally:
        store.close()
