"""What a store says when a compare-and-set finds another state than expected."""

from __future__ import annotations

from tetra_orchestrator.core.changes import (
    AttemptOpened,
    AttemptRunning,
    EventLogged,
    OutputsSaved,
    RunMoved,
    TaskMoved,
)
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.core.states import RUN_TERMINAL, TERMINAL
from tetra_orchestrator.errors import NotNow, StateConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from tetra_orchestrator.core.backfill import Backfill
    from tetra_orchestrator.core.changes import AttemptClosed, Change
    from tetra_orchestrator.core.history import Partition

HINT = "another process has recorded something else; see `tetra show {run}`"
_JUDGED = "nothing is lost; `tetra alerts list` shows how it stands"


def conflict(change: Change, found: tuple[str, int] | None) -> StateConflict:
    """The error for `change`, which does not fit the row's state and version as `found` (None: no such row)."""
    if isinstance(change, TaskMoved):
        return _task(change, found)
    if isinstance(change, RunMoved):
        return _run(change, found)
    if isinstance(change, EventLogged):
        run_id, seq = change.event.run_id, change.event.seq
        return unknown_run(run_id) if found is None else _conflict(run_id, f"event {seq} is recorded already")
    if isinstance(change, AttemptOpened):
        attempt = change.attempt
        return _attempt(attempt.run_id, attempt.task_id, attempt.number, "be opened", found)
    return _other(change, found)


def unknown_run(run_id: str) -> StateConflict:
    """The error for a run the store does not have."""
    return _conflict(run_id, "it is not in the store")


def opened_already(run_id: str) -> StateConflict:
    """The error for a run or task that the store has already."""
    return _conflict(run_id, "it is in the store already, or names a task twice")


def _conflict(run_id: str, text: str) -> StateConflict:
    return StateConflict(f"run {run_id}: {text}", hint=HINT.format(run=run_id))


def _task(change: TaskMoved, found: tuple[str, int] | None) -> StateConflict:
    name = f"task {change.task_id}"
    if found is None:
        return _conflict(change.run_id, f"{name} is not in the store")
    state, version = found
    if state in TERMINAL:
        return _conflict(change.run_id, f"{name} is {state}, which is final, and cannot become {change.after}")
    expected = f"{change.before} (version {change.version})"
    return _conflict(change.run_id, f"{name} is {state} (version {version}), not {expected}")


def _run(change: RunMoved, found: tuple[str, int] | None) -> StateConflict:
    if found is None:
        return unknown_run(change.run_id)
    state = found[0]
    if state in RUN_TERMINAL:
        return _conflict(change.run_id, f"it is {state}, which is final, and cannot become {change.after}")
    return _conflict(change.run_id, f"it is {state}, not {change.before}")


def _other(change: AttemptRunning | AttemptClosed | OutputsSaved, found: tuple[str, int] | None) -> StateConflict:
    if isinstance(change, OutputsSaved):
        return _conflict(change.run_id, f"task {change.task_id} is not in the store")
    verb = "start running" if isinstance(change, AttemptRunning) else "be closed"
    return _attempt(change.run_id, change.task_id, change.number, verb, found)


def _attempt(run_id: str, task_id: str, number: int, verb: str, found: tuple[str, int] | None) -> StateConflict:
    name = f"attempt {number} of task {task_id}"
    if verb == "be opened":
        why = "its task is not in the store" if found is None else f"attempt {found[1]} is {found[0]}"
    else:
        why = "it is not in the store" if found is None else f"it is {found[0]}"
    return _conflict(run_id, f"{name} cannot {verb}: {why}")


def judged_already(schedule: str) -> StateConflict:
    """The error for slots of a schedule that another process has settled at the same time."""
    return StateConflict(
        f"schedule {schedule}: another process has settled its slots at the same time",
        hint="nothing is lost; run the command again",
        code="slots_settled",
    )


def alert_open(key: str) -> StateConflict:
    """The error for a second alert of one cause that is not over."""
    text = f"alert {key}: another process has raised it at the same time"
    return StateConflict(text, hint=_JUDGED, code="alert_open")


def alert_changed(alert_id: int) -> StateConflict:
    """The error for a change to an alert that another process has changed, or that is gone."""
    text = f"alert {alert_id}: another process has changed it at the same time"
    return StateConflict(text, hint=_JUDGED, code="alert_changed")


def told_already(run_id: str) -> StateConflict:
    """The error for a run that is not waiting to be told of."""
    return _conflict(run_id, "somebody has been told of it already, or it is not over")


def slot_taken(schedule: str, slot: datetime) -> StateConflict:
    """The error for a run whose slot is not waiting to be run."""
    return StateConflict(
        f"schedule {schedule}: the slot {instant(slot)} is taken by another run, or settled",
        hint=f"`tetra schedule audit` tells what became of it; `tetra schedule run-now {schedule}` runs it again",
        code="slot_taken",
    )


def partition_taken(backfill_id: str, partition: Partition) -> StateConflict:
    """The error for a run whose partition is not waiting to be run."""
    return StateConflict(
        f"backfill {backfill_id}: the partition {partition.start} to {partition.end} is taken by another run, or done",
        hint=f"`tetra backfill status {backfill_id}` tells how each stands",
        code="partition_taken",
    )


def backfill_moved(backfill_id: str, before: str) -> StateConflict:
    """The error for a change to a backfill that another process has changed."""
    return StateConflict(
        f"backfill {backfill_id} is not {before} any more",
        hint=f"`tetra backfill status {backfill_id}` tells how it stands",
        code="backfill_moved",
    )


def backfill_open(backfill: Backfill, other: str | None) -> NotNow:
    """The error for a second backfill of a mode."""
    return NotNow(
        f"mode '{backfill.mode}' is being backfilled already, by {other or backfill.backfill_id}",
        hint=f"`tetra backfill continue {other}` goes on with it, `tetra backfill cancel {other}` ends it",
        code="backfill_open",
    )
