"""What has to be there before a run starts: dates, dependencies outside of it, outputs that its tasks refer to."""

from __future__ import annotations

from tetra_orchestrator.core.condition import FINISHED
from tetra_orchestrator.core.freshness import unmet
from tetra_orchestrator.core.selection import policy
from tetra_orchestrator.core.states import SATISFIED, RunState
from tetra_orchestrator.engine.attempt import RESERVED, referenced
from tetra_orchestrator.engine.inputs import read_from, writers
from tetra_orchestrator.errors import NotNow, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tetra_orchestrator.core.model import Json, Pipeline, Project, Reason
    from tetra_orchestrator.core.selection import Selection
    from tetra_orchestrator.engine.start import Request
    from tetra_orchestrator.ports import Store

#: Runs that are looked through for the latest outputs of a task.
HISTORY = 50


def check_partition(request: Request) -> None:
    """Raises `UsageError` where a task refers to the dates of a run that has none."""
    if request.partition is not None or not any(mode.partition for mode in request.project.modes):
        return  # without such a mode no task may refer to dates
    for task in request.selection.tasks:
        for reference in referenced(task):
            if reference.owner == "partition":
                raise UsageError(
                    f"{task.id} needs {reference}, and this run is for no range of dates",
                    hint="run a mode with `partition: range`, with --start-date and --end-date",
                )


def check_standstill(request: Request) -> None:
    """Raises `UsageError` for a selection that could never end; that of a mode is refused with its file."""
    selection = request.selection
    if any(task.service for task in selection.tasks):
        from tetra_orchestrator.core.standstill import standstill

        found = standstill(selection.tasks, barriers=bool(policy(request.project, selection.mode).barriers))
        if found is not None:
            raise UsageError(f"this run could not end: {found.text}", hint=found.remedy)


def check_gate(request: Request, store: Store, now: datetime) -> None:
    """Raises `NotNow` naming the first pipeline whose dependency outside the run is not there."""
    blocked = gate(request.project, request.selection, store, now)
    for name, reason in blocked.items():
        raise NotNow(
            f"{name} cannot start: {reason.text}",
            hint="run that first, or run the mode that holds both, or go ahead regardless with --force",
            code=reason.code,
        )


def gate(project: Project, selection: Selection, store: Store, now: datetime) -> dict[str, Reason]:
    """Selected pipelines that must wait for something outside the run, with why."""
    good = {s.pipeline.name: s.last_success_at for s in store.summaries() if s.last_state == RunState.SUCCEEDED}
    strict = project._replace(pipelines=tuple(_strict(pipeline) for pipeline in project.pipelines))
    return unmet(strict, selection, good, now)


def _strict(pipeline: Pipeline) -> Pipeline:
    """The pipeline without those before it that may have ended as they like."""
    needs = [need for task in pipeline.tasks for need in task.conditions]
    loose = {task_id.partition(".")[0] for task_id, condition in needs if condition == FINISHED}
    if not loose:
        return pipeline
    return pipeline._replace(depends_on=tuple(name for name in pipeline.depends_on if name not in loose))


def earlier_outputs(project: Project, selection: Selection, store: Store) -> dict[str, Mapping[str, Json]]:
    """The latest outputs of tasks outside the selection that tasks in it refer to or read.

    Raises `NotNow` naming the reference where there are none.
    """
    inside = {task.id for task in selection.tasks}
    written = writers(project)
    found: dict[str, Mapping[str, Json]] = {}
    for task in selection.tasks:
        for reference in (*referenced(task), *read_from(task, written)):
            owner = reference.owner
            if owner in inside or owner in found or owner in RESERVED:
                continue
            outputs = _last_outputs(owner, store)
            if outputs is None:
                raise NotNow(
                    f"{task.id} needs {reference}, and {owner} has left no outputs yet",
                    hint=f"run {owner} first, or with it",
                    code="no_outputs",
                )
            found[owner] = outputs
    return found


def _last_outputs(task_id: str, store: Store) -> Mapping[str, Json] | None:
    for run in store.runs(limit=HISTORY, pipeline=task_id.partition(".")[0]):
        for row in store.task_runs(run.run_id):
            if row.task_id == task_id and (row.state in SATISFIED or row.outputs is not None):
                return row.outputs or {}
    return None
