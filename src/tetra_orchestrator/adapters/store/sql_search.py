"""Looking for runs in an SQL store."""

from __future__ import annotations

from tetra_orchestrator.adapters.store.rows import RUN_COLUMNS, micros, tags_text
from tetra_orchestrator.adapters.store.sql_changes import RUN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tetra_orchestrator.core.history import RunFilter


def search(wanted: RunFilter, limit: int) -> tuple[str, list[Any]]:
    """The query for the runs that fit, newest first, and its values."""
    given: list[tuple[str, Any]] = [
        ("id IN (SELECT run FROM task_runs WHERE pipeline = ?)", wanted.pipeline),
        ("mode = ?", wanted.mode),
        ("started_at >= ?", micros(wanted.since)),
        ("started_at < ?", micros(wanted.until)),
        (f"id < {RUN}", wanted.before),
        ("backfill = ?", wanted.backfill),
        *(("tags LIKE ? ESCAPE '!'", _quoted(tag)) for tag in wanted.tags),
    ]
    where = [condition for condition, value in given if value is not None]
    values = [value for _, value in given if value is not None]
    if wanted.states:
        where.append(f"state IN ({', '.join('?' for _ in wanted.states)})")
        values += wanted.states
    conditions = " AND ".join(where) or "TRUE"
    return f"SELECT {RUN_COLUMNS} FROM runs WHERE {conditions} ORDER BY id DESC LIMIT ?", [*values, limit]


def named(beginning: str, limit: int) -> tuple[str, list[Any]]:
    """The query for the runs whose ids begin so, newest first, and its values."""
    query = f"SELECT {RUN_COLUMNS} FROM runs WHERE substr(run_id, 1, ?) = ? ORDER BY id DESC LIMIT ?"
    return query, [len(beginning), beginning, limit]


def _quoted(tag: str) -> str:
    """A pattern for the tag with its quotes within the stored list."""
    text = (tags_text((tag,)) or "")[1:-1]
    for sign in "!%_":
        text = text.replace(sign, f"!{sign}")
    return f"%{text}%"
