"""Tasks that go on where an earlier run has left them: by the checkpoint folder of the run in which they failed."""

from __future__ import annotations

from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.reasons import CARRIED_OVER, FROM_CHECKPOINT
from tetra_orchestrator.core.states import RUN_ACTIVE, RunState, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from tetra_orchestrator.core.history import Run, TaskRun
    from tetra_orchestrator.core.model import Task
    from tetra_orchestrator.engine.start import Request, World

#: How many of a pipeline's latest runs are looked through.
RECENT = 50


def carry_checkpoints(run: Run, request: Request, world: World, skipped: Collection[str]) -> dict[str, Reason]:
    """Give the new run what tasks of pipelines with `checkpoint` have left where they failed; returns whose it is.

    Only runs for the same purpose count, back to the one in which the task succeeded. A run that resumes another has
    the checkpoints of that; tasks that are to be done `anew` begin without.
    """
    wanted = {one.name for one in request.project.pipelines if one.on_failure and one.on_failure.checkpoint}
    left_out = {*skipped, *request.anew}
    tasks = [task for task in request.selection.tasks if task.pipeline in wanted and task.id not in left_out]
    found: dict[str, Reason] = {}
    for pipeline in dict.fromkeys(task.pipeline for task in tasks):
        open_ = [task for task in tasks if task.pipeline == pipeline]
        found.update(_of_pipeline(open_, run, world))
    return found


def _of_pipeline(tasks: list[Task], run: Run, world: World) -> dict[str, Reason]:
    found: dict[str, Reason] = {}
    for old in world.store.runs(limit=RECENT, pipeline=tasks[0].pipeline):
        if old.run_id == run.run_id or old.state == RunState.QUEUED or _purpose(old) != _purpose(run):
            continue
        if old.state in RUN_ACTIVE or not tasks:
            break  # it may be at work in that folder
        rows = {row.task_id: row for row in world.store.task_runs(old.run_id)}
        tasks = [task for task in tasks if not _has_succeeded(rows.get(task.id))]
        for task in list(tasks):
            if world.workspace.carry_over([old.run_id], run.run_id, task.id) is not None:
                found[task.id] = Reason(FROM_CHECKPOINT, f"it goes on from the checkpoint of run {old.run_id}")
                tasks.remove(task)
    return found


def _purpose(run: Run) -> tuple[object, ...]:
    return run.mode, run.partition, dict(run.params or {})


def _has_succeeded(row: TaskRun | None) -> bool:
    if row is None:
        return False
    return row.state == TaskState.SUCCEEDED or bool(row.reason and row.reason.code in CARRIED_OVER)
