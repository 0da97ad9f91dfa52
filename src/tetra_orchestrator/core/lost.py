"""Which runs that were lost with their owner may go on without anybody being asked."""

from __future__ import annotations

from tetra_orchestrator.core.model import FAIL, RESUME, RETRY
from tetra_orchestrator.core.states import RunState, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.history import Run, TaskRun
    from tetra_orchestrator.core.model import Task

#: So often in a row a run goes on by itself; what brings its owner down each time needs somebody to look at it.
MOST_RESUMES = 3


def candidates(runs: Sequence[Run]) -> list[Run]:
    """Those of the latest runs, newest first, that were lost and that no other has resumed; oldest first."""
    resumed = {run.resumes for run in runs}
    by_id = {run.run_id: run for run in runs}
    lost = [run for run in runs if run.state == RunState.LOST and run.run_id not in resumed]
    return [run for run in reversed(lost) if _lost_in_a_row(run, by_id) <= MOST_RESUMES]


def _lost_in_a_row(run: Run, by_id: Mapping[str, Run]) -> int:
    """How many of the runs that led to this one, itself included, were lost one after the other."""
    count = 1
    before = by_id.get(run.resumes or "")
    while before is not None and before.state == RunState.LOST:
        count += 1
        before = by_id.get(before.resumes or "")
    return count


def may_go_on(rows: Sequence[TaskRun], tasks: Mapping[str, Task]) -> bool:
    """Whether every lost task of the run may be done again, and something of what is left asks for that."""
    lost = [row for row in rows if row.state == TaskState.LOST]
    left = [row for row in rows if row.state in (TaskState.LOST, TaskState.CANCELLED) and row.task_id in tasks]
    allowed = all(row.task_id in tasks and _may_repeat(tasks[row.task_id], row) for row in lost)
    return allowed and any(tasks[row.task_id].on_lost != FAIL for row in left)


def _may_repeat(task: Task, row: TaskRun) -> bool:
    return task.on_lost == RESUME or (task.on_lost == RETRY and row.attempts < task.retry.max_attempts)
