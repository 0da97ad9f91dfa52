"""Each change as SQL on an open transaction. The compare-and-set is in the WHERE clause."""

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
from tetra_orchestrator.core.outcome import describe, kind_of
from tetra_orchestrator.core.states import TERMINAL, TaskState
from tetra_orchestrator.errors import StateConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    import apsw

    from tetra_orchestrator.core.changes import Change

_MOVE_TASK = """
UPDATE task_runs SET state = ?, version = version + 1, attempts = ?, reason_code = ?, reason_text = ?,
    started_at = coalesce(started_at, ?), finished_at = ?
WHERE run_id = ? AND task_id = ? AND state = ? AND version = ?
"""
_MOVE_RUN = """
UPDATE runs SET state = ?, finished_at = ?, duration_s = ?, exit_code = ?, reason_code = ?, reason_text = ?
WHERE run_id = ? AND state = ?
"""
_OPEN = f"INSERT INTO attempts ({rows.ATTEMPT_COLUMNS}) VALUES ({', '.join('?' * 16)})"
_RUNNING = "UPDATE attempts SET state = 'running', handle = ? WHERE run_id = ? AND task_id = ? AND number = ?"
_CLOSE = """
UPDATE attempts SET state = ?, kind = ?, exit_code = ?, signal = ?, text = ?, finished_at = ?, tail = ?
WHERE run_id = ? AND task_id = ? AND number = ? AND kind IS NULL
"""
_OUTPUT = "INSERT INTO outputs VALUES (?, ?, ?, ?)"
_EVENT = f"INSERT INTO events ({rows.EVENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def apply(db: apsw.Connection, change: Change) -> None:
    """Apply one change. Raises `StateConflict` where the row is not in the state the change starts from."""
    match change:
        case TaskMoved():
            _move_task(db, change)
        case RunMoved(run_id, before, after, at, duration_s, exit_code, reason):
            values = (after, rows.text(at), duration_s, exit_code, *(reason or (None, None)), run_id, before)
            db.execute(_MOVE_RUN, values)
            if not db.changes():
                _conflict(db, "runs", f"run {run_id}", (run_id,), before)
        case AttemptOpened(attempt):
            db.execute(_OPEN, rows.attempt_values(attempt))
        case AttemptRunning(run_id, task_id, number, handle):
            db.execute(_RUNNING, (handle, run_id, task_id, number))
        case AttemptClosed(run_id, task_id, number, outcome, at, tail):
            kind, code, signal = kind_of(outcome)
            values = (kind, kind, code, signal, describe(outcome), rows.text(at), tail, run_id, task_id, number)
            db.execute(_CLOSE, values)
            if not db.changes():
                raise StateConflict(f"attempt {number} of {task_id} in run {run_id} is not open")
        case OutputsSaved(run_id, task_id, outputs):
            from json import dumps

            db.executemany(_OUTPUT, [(run_id, task_id, k, dumps(v, ensure_ascii=False)) for k, v in outputs.items()])
        case EventLogged(event):
            db.execute(_EVENT, rows.event_values(event))


def _move_task(db: apsw.Connection, change: TaskMoved) -> None:
    at = rows.text(change.at)
    started = at if change.after is TaskState.SUBMITTED else None
    finished = at if change.after in TERMINAL else None
    reason = change.reason or (None, None)
    key = (change.run_id, change.task_id)
    db.execute(
        _MOVE_TASK,
        (change.after, change.attempts, *reason, started, finished, *key, change.before, change.version),
    )
    if not db.changes():
        _conflict(db, "task_runs", f"task {change.task_id} of run {change.run_id}", key, change.before)


def _conflict(db: apsw.Connection, table: str, subject: str, key: tuple[str, ...], expected: str) -> None:
    where = "run_id = ? AND task_id = ?" if len(key) > 1 else "run_id = ?"
    found = db.execute(f"SELECT state FROM {table} WHERE {where}", key).fetchall()
    state = found[0][0] if found else "absent"
    raise StateConflict(f"{subject} was expected to be {expected} and is {state}")
