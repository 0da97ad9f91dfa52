"""What has to be there before a run starts: dates, dependencies outside of it, outputs that its tasks refer to."""

from __future__ import annotations

from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.outside import needs
from tetra_orchestrator.core.selection import policy
from tetra_orchestrator.core.states import SATISFIED
from tetra_orchestrator.engine.attempt import RESERVED, referenced
from tetra_orchestrator.engine.inputs import read_from, writers
from tetra_orchestrator.errors import NotNow, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

    from tetra_orchestrator.core.history import TaskRun
    from tetra_orchestrator.core.model import Json, Project, Task
    from tetra_orchestrator.core.selection import Selection
    from tetra_orchestrator.core.template import Reference
    from tetra_orchestrator.engine.start import Request
    from tetra_orchestrator.ports import Store

#: Why a task cannot start that refers to outputs which are not there.
NO_OUTPUTS = "no_outputs"


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


def check_gate(request: Request, store: Store, now: datetime, skipped: Collection[str] = ()) -> None:
    """Raises `NotNow` naming the first pipeline or task that lacks something outside the run; `skipped` ones do not."""
    for name, reason in gate(request, request.selection, store, now, skipped).items():
        raise NotNow(
            f"{name} cannot start: {reason.text}",
            hint="run that first, or run the mode that holds both, or go ahead regardless with --force",
            code=reason.code,
        )


def gate(
    request: Request, selection: Selection, store: Store, now: datetime, skipped: Collection[str] = ()
) -> dict[str, Reason]:
    """Selected pipelines, and tasks of pipelines that run in part, that lack something outside the run, with why."""
    wanted = needs(request.project, selection, skipped)
    if not wanted:
        return {}
    from tetra_orchestrator.engine.standing import all_lacking

    return all_lacking(request.project, wanted, store, now, request.partition)


def earlier_outputs(request: Request, store: Store) -> dict[str, Mapping[str, Json]]:
    """The latest outputs of tasks outside the selection that tasks in it refer to or read.

    Those of a task of the same pipelines count only if they were made for the same dates.

    Raises `NotNow` naming the reference where there are none.
    """
    found: dict[str, Mapping[str, Json]] = {}
    for task, reference in _sought(request.project, request.selection):
        owner = reference.owner
        row = None if owner in found else _last_success(owner, request, store)
        if row is None and owner not in found:
            raise NotNow(
                f"{task.id} needs {reference}, and {owner} has left no outputs yet",
                hint=f"run {owner} first, or with it",
                code=NO_OUTPUTS,
            )
        if row is not None:
            found[owner] = row.outputs or {}
    return found


def without_outputs(request: Request, store: Store) -> dict[str, Reason]:
    """The tasks for which `earlier_outputs` would be refused, with why."""
    return {
        task.id: Reason(NO_OUTPUTS, f"it needs {reference}, and {reference.owner} has left no outputs yet")
        for task, reference in _sought(request.project, request.selection)
        if _last_success(reference.owner, request, store) is None
    }


def _sought(project: Project, selection: Selection) -> Iterator[tuple[Task, Reference]]:
    """The references of selected tasks to what is left outside of the selection."""
    inside = {task.id for task in selection.tasks}
    written = writers(project)
    for task in selection.tasks:
        for reference in (*referenced(task), *read_from(task, written)):
            if reference.owner not in inside and reference.owner not in RESERVED:
                yield task, reference


def _last_success(task_id: str, request: Request, store: Store) -> TaskRun | None:
    pipeline = task_id.partition(".")[0]
    of = request.partition if pipeline in request.selection.pipelines else None
    return store.latest(pipeline, task_id, SATISFIED, of)
