"""How far a run has come, and when it will be over: by what it has done, and by how long its tasks took before."""

from __future__ import annotations

from tetra_orchestrator.core.forecast import forecast
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.nodes import known_s
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import RUN_ACTIVE, SATISFIED, TERMINAL, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.admission import Limits
    from tetra_orchestrator.core.history import Run, TaskRun
    from tetra_orchestrator.core.model import Task

#: Nothing is left to be done of a task that was left out on purpose.
DONE = SATISFIED | {TaskState.SKIPPED}
_ENDED = Reason("ended", "it has ended in this run")


class Headway(Record):
    """`completed` of `total` tasks are done. Seconds are None where they are not known; a run that is over has no
    `eta_s`."""

    completed: int
    total: int
    elapsed_s: float | None
    eta_s: float | None

    @property
    def percent(self) -> float:
        """From 0 to 100; 100 where there is nothing to do."""
        return 100.0 * self.completed / self.total if self.total else 100.0


def headway(
    run: Run,
    rows: Sequence[TaskRun],
    tasks: Sequence[Task],
    limits: Limits,
    expected_s: Mapping[str, float],
    now: datetime,
) -> Headway:
    """How far the run with these rows has come. `tasks` are those of its configuration, as far as that is known.

    The time that is left is that of a simulation of what has not ended, with `expected_s` (seconds by task id), else
    what the tasks declare, less what the running ones have used of it.
    """
    completed = sum(row.state in DONE for row in rows)
    if run.state not in RUN_ACTIVE:
        return Headway(completed, len(rows), run.duration_s, None)
    elapsed = None if run.started_at is None else max(0.0, (now - run.started_at).total_seconds())
    return Headway(completed, len(rows), elapsed, _left_s(rows, tasks, limits, expected_s, now))


def _left_s(
    rows: Sequence[TaskRun], tasks: Sequence[Task], limits: Limits, expected_s: Mapping[str, float], now: datetime
) -> float | None:
    by_id = {row.task_id: row for row in rows}
    inside = [task for task in tasks if task.id in by_id]
    if len(inside) < len(rows):
        return None
    done = {row.task_id: _ENDED for row in rows if row.state in DONE}
    ended = {row.task_id: _ENDED for row in rows if row.state in TERMINAL and row.state not in DONE}
    seconds = {task.id: s for task in inside if (s := _task_left_s(task, by_id[task.id], expected_s, now)) is not None}
    return forecast(inside, limits, seconds, ended, done).finish_s


def _task_left_s(task: Task, row: TaskRun, expected_s: Mapping[str, float], now: datetime) -> float | None:
    """What is left of the task's own time, at least 0; all of it while it waits on another machine."""
    whole = known_s(task, expected_s)
    if whole is None or row.state != TaskState.RUNNING or row.started_at is None:
        return whole
    return max(0.0, whole - max(0.0, (now - row.started_at).total_seconds()))
