"""Looking for runs in an SQL store."""

from __future__ import annotations

from tetra_orchestrator.adapters.store.rows import RUN_COLUMNS, micros, tags_text
from tetra_orchestrator.adapters.store.sql_changes import RUN
from tetra_orchestrator.core.history import RunFilter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any


_OF_PIPELINE = "SELECT DISTINCT run FROM task_runs WHERE pipeline = ?"


def of_pipeline(pipeline: str, before: str | None, limit: int) -> tuple[str, list[Any]]:
    """The query for the latest runs of the pipeline, newest first, and its values.

    It reads no others, however long the history is.
    """
    earlier, values = (f" AND run < {RUN}", [pipeline, before]) if before is not None else ("", [pipeline])
    latest = f"{_OF_PIPELINE}{earlier} ORDER BY run DESC LIMIT ?"
    return f"SELECT {RUN_COLUMNS} FROM runs WHERE id IN ({latest}) ORDER BY id DESC", [*values, limit]


def search(wanted: RunFilter, limit: int) -> tuple[str, list[Any]]:
    """The query for the runs that fit, newest first, and its values."""
    if wanted.pipeline is not None and wanted == RunFilter(wanted.pipeline, before=wanted.before):
        return of_pipeline(wanted.pipeline, wanted.before, limit)
    given: list[tuple[str, Any]] = [
        (f"id IN ({_OF_PIPELINE})", wanted.pipeline),
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


def used(run_ids: Collection[str]) -> tuple[str, list[Any]]:
    """The query for what the attempts of these runs took: run id and the fields of `Usage`; and its values."""
    sums = "SUM(cpu_s), MAX(peak_rss_bytes), MAX(peak_pss_bytes), SUM(read_bytes), SUM(write_bytes)"
    names = ", ".join("?" for _ in run_ids)
    where = f"WHERE run_id IN ({names}) GROUP BY run_id"
    return f"SELECT run_id, {sums} FROM attempts JOIN runs ON attempts.run = runs.id {where}", list(run_ids)


def _quoted(tag: str) -> str:
    """A pattern for the tag with its quotes within the stored list."""
    text = (tags_text((tag,)) or "")[1:-1]
    for sign in "!%_":
        text = text.replace(sign, f"!{sign}")
    return f"%{text}%"
