"""Each change as one SQL statement; the compare-and-set is in its WHERE clause, so that it must touch one row."""

from __future__ import annotations

from tetra_orchestrator.adapters.store import rows
from tetra_orchestrator.core.changes import (
    AttemptClosed,
    AttemptOpened,
    AttemptRunning,
    EventLogged,
    OutputsSaved,
    RunMoved,
    TaskMoved,
)
from tetra_orchestrator.core.states import TERMINAL, RunState, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tetra_orchestrator.core.changes import Change

#: A run by its name. NULL where there is none, which no table takes.
RUN = "(SELECT id FROM runs WHERE run_id = ?)"


def marks(columns: str) -> str:
    """As many parameters as there are columns."""
    return ", ".join("?" for _ in columns.split(","))


def settings(columns: str) -> str:
    """Each of the columns as a parameter that it is set to."""
    return ", ".join(f"{name.strip()} = ?" for name in columns.split(","))


_TASK_MOVED = f"""
UPDATE task_runs SET state = ?, version = version + 1, attempts = ?, reason_code = ?, reason_text = ?,
    started_at = coalesce(started_at, ?), finished_at = ?
WHERE run = {RUN} AND task_id = ? AND state = ? AND version = ?
"""
_RUN_MOVED = """
UPDATE runs SET state = ?, started_at = coalesce(started_at, ?), finished_at = ?, duration_s = ?, exit_code = ?,
    reason_code = ?, reason_text = ?
WHERE run_id = ? AND state = ?
"""
_OPENED = f"INSERT INTO attempts (run, {rows.ATTEMPT_COLUMNS}) VALUES ({RUN}, {marks(rows.ATTEMPT_COLUMNS)})"
_RUNNING = f"""
UPDATE attempts SET state = 'running', handle = ? WHERE run = {RUN} AND task_id = ? AND number = ? AND kind IS NULL
"""
_CLOSED = f"""
UPDATE attempts SET state = ?, kind = ?, exit_code = ?, signal = ?, text = ?, finished_at = ?, tail = ?,
    {settings(rows.FACTS_COLUMNS)}, duration_s = ?
WHERE run = {RUN} AND task_id = ? AND number = ? AND kind IS NULL
"""
_OUTPUTS = f"""
INSERT INTO outputs (run, task_id, document) VALUES ({RUN}, ?, ?)
ON CONFLICT (run, task_id) DO UPDATE SET document = excluded.document
"""
_EVENT = f"INSERT INTO events (run, {rows.EVENT_COLUMNS}) VALUES ({RUN}, {marks(rows.EVENT_COLUMNS)})"


def _task_moved(change: TaskMoved) -> tuple[Any, ...]:
    at = rows.micros(change.at)
    started = at if change.after is TaskState.SUBMITTED else None
    finished = at if change.after in TERMINAL else None
    return (
        change.after, change.attempts, *rows.reason_pair(change.reason), started, finished,
        change.run_id, change.task_id, change.before, change.version,
    )  # fmt: skip


def _run_moved(change: RunMoved) -> tuple[Any, ...]:
    at = rows.micros(change.at)
    started, finished = (at, None) if change.after is RunState.RUNNING else (None, at)
    return (
        change.after, started, finished, change.duration_s, change.exit_code, *rows.reason_pair(change.reason),
        change.run_id, change.before,
    )  # fmt: skip


def _opened(change: AttemptOpened) -> tuple[Any, ...]:
    return (change.attempt.run_id, *rows.attempt_row(change.attempt))


def _running(change: AttemptRunning) -> tuple[Any, ...]:
    return (change.handle, change.run_id, change.task_id, change.number)


def _closed(change: AttemptClosed) -> tuple[Any, ...]:
    ended = (*rows.outcome_columns(change.outcome), rows.micros(change.at), rows.plain(change.tail))
    facts = rows.facts_columns(change.facts)
    return (*ended, *facts, change.duration_s, change.run_id, change.task_id, change.number)


def _outputs(change: OutputsSaved) -> tuple[Any, ...]:
    return (change.run_id, change.task_id, rows.to_json(change.values))


def _event(change: EventLogged) -> tuple[Any, ...]:
    return (change.event.run_id, *rows.event_row(change.event))


#: What executes each kind of change: its SQL and the values for it.
STATEMENTS: dict[type[Change], tuple[str, Callable[[Any], tuple[Any, ...]]]] = {
    TaskMoved: (_TASK_MOVED, _task_moved),
    RunMoved: (_RUN_MOVED, _run_moved),
    AttemptOpened: (_OPENED, _opened),
    AttemptRunning: (_RUNNING, _running),
    AttemptClosed: (_CLOSED, _closed),
    OutputsSaved: (_OUTPUTS, _outputs),
    EventLogged: (_EVENT, _event),
}
_FOUND_TASK = f"SELECT state, version FROM task_runs WHERE run = {RUN} AND task_id = ?"
_FOUND_RUN = "SELECT state, 0 FROM runs WHERE run_id = ?"
_FOUND_ATTEMPT = f"SELECT state, number FROM attempts WHERE run = {RUN} AND task_id = ? AND number = ?"
_FOUND_LAST = f"SELECT state, number FROM attempts WHERE run = {RUN} AND task_id = ? ORDER BY number DESC LIMIT 1"


def finder(change: Change) -> tuple[str, tuple[Any, ...]]:
    """The query for what is there (state, version or number) where `change` did not fit."""
    match change:
        case TaskMoved(run_id, task_id) | OutputsSaved(run_id, task_id):
            return _FOUND_TASK, (run_id, task_id)
        case RunMoved(run_id):
            return _FOUND_RUN, (run_id,)
        case AttemptOpened(attempt):
            return _FOUND_LAST, (attempt.run_id, attempt.task_id)
        case AttemptRunning(run_id, task_id, number) | AttemptClosed(run_id, task_id, number):
            return _FOUND_ATTEMPT, (run_id, task_id, number)
        case EventLogged(event):
            return _FOUND_RUN, (event.run_id,)
