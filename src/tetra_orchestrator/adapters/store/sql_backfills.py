"""The backfills in an SQL store. A trigger has a partition follow the run that is for it."""

from __future__ import annotations

from tetra_orchestrator.adapters.store import conflicts
from tetra_orchestrator.adapters.store.database import Refused
from tetra_orchestrator.adapters.store.rows import (
    RUN_COLUMNS,
    from_json,
    instant,
    micros,
    plain,
    reason_of,
    reason_pair,
    run_of,
    to_json,
)
from tetra_orchestrator.adapters.store.sql_changes import marks
from tetra_orchestrator.core.backfill import (
    BACKFILL_OPEN,
    LEFT_OUT,
    PENDING,
    RUNNING,
    UNSUCCESSFUL,
    Backfill,
    PartitionState,
)
from tetra_orchestrator.core.states import RUN_TERMINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.adapters.store.database import Database
    from tetra_orchestrator.adapters.store.rows import Row
    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.errors import NotNow

_COLUMNS = (
    "backfill_id, mode, partition_start, partition_end, slice, state, config_hash, created_at, newest_first, parallel,"
    " params, finished_at"
)
_PARTITION = "partition_start, partition_end, position, state, run_id, reason_code, reason_text"
_THIS = "(SELECT id FROM backfills WHERE backfill_id = ?)"
_INSERT = f"INSERT INTO backfills ({_COLUMNS}) VALUES ({marks(_COLUMNS)}) RETURNING id"
_INSERT_PARTITION = f"INSERT INTO partitions (backfill, {_PARTITION}) VALUES (?, {marks(_PARTITION)})"
_TAKE = f"""
UPDATE partitions SET run_id = ?, state = ? WHERE backfill = {_THIS} AND partition_start = ? AND partition_end = ?
    AND state = '{PENDING}'
"""
_OVER = ", ".join(f"'{state}'" for state in sorted(RUN_TERMINAL))
_PARTITIONS = ", ".join(f"partitions.{name.strip()}" for name in _PARTITION.split(","))
_NEXT = f"""
SELECT {_PARTITIONS} FROM partitions JOIN backfills ON backfills.id = backfill
WHERE backfill_id = ? AND backfills.state = '{RUNNING}' AND partitions.state = '{PENDING}'
ORDER BY CASE newest_first WHEN 1 THEN -position ELSE position END LIMIT 1
"""
_SETTLED = f"""
SELECT created_at, {_PARTITIONS}
FROM partitions JOIN backfills ON backfills.id = backfill
WHERE mode = ? AND partitions.state IN ({_OVER}) ORDER BY backfills.id
"""
_LATEST = f"""
SELECT {RUN_COLUMNS} FROM runs WHERE id IN (
    SELECT max(id) FROM runs WHERE mode = ? AND partition_start IS NOT NULL GROUP BY partition_start, partition_end)
"""
_LATEST_WHOLE = f"""
SELECT {RUN_COLUMNS} FROM runs WHERE id IN (
    SELECT max(id) FROM runs WHERE mode = ? AND partition_start IS NOT NULL AND (state <> 'succeeded' OR NOT (
        EXISTS (SELECT 1 FROM task_runs
            WHERE run = runs.id AND task_runs.state = 'skipped' AND task_runs.reason_code IN {LEFT_OUT})
        OR config_hash = ? AND (SELECT count(DISTINCT pipeline) FROM task_runs WHERE run = runs.id) < ?))
    GROUP BY partition_start, partition_end)
"""


class SqlBackfills:
    """The `Backfills` of a store in that database."""

    def __init__(self, db: Database):
        self._db = db

    def add(self, backfill: Backfill, partitions: Sequence[PartitionState], config: str) -> None:
        """Insert it with its partitions, in one commit. `NotNow` where another backfill of that mode is open."""

        def insert() -> None:
            values = (backfill.config_hash, config)
            self._db.change("INSERT INTO configs VALUES (?, ?) ON CONFLICT DO NOTHING", values)
            [(key,)] = self._db.rows(_INSERT, *_row(backfill))
            self._db.change_all(_INSERT_PARTITION, [(key, *_partition_row(each)) for each in partitions])

        try:
            self._db.commit(insert)
        except Refused:
            raise self._open_already(backfill) from None

    def get(self, backfill_id: str) -> Backfill | None:
        """The backfill called `backfill_id`, or None."""
        found = self._db.rows(f"SELECT {_COLUMNS} FROM backfills WHERE backfill_id = ?", backfill_id)
        return _backfill(found[0]) if found else None

    def all(self, limit: int = 50) -> list[Backfill]:
        """The latest backfills, newest first."""
        return [
            _backfill(row) for row in self._db.rows(f"SELECT {_COLUMNS} FROM backfills ORDER BY id DESC LIMIT ?", limit)
        ]

    def partitions(self, backfill_id: str) -> list[PartitionState]:
        """The partitions of the backfill by their places in time."""
        query = f"SELECT {_PARTITION} FROM partitions WHERE backfill = {_THIS} ORDER BY position"
        return [_partition(row) for row in self._db.rows(query, backfill_id)]

    def next(self, backfill_id: str) -> PartitionState | None:
        """The pending partition whose turn it is, None where none is pending or the backfill is not running."""
        found = self._db.rows(_NEXT, backfill_id)
        return _partition(found[0]) if found else None

    def move(self, backfill_id: str, before: str, after: str, at: datetime) -> None:
        """Change its state; `StateConflict` where it is in another one than `before`."""
        self._db.commit(lambda: self._move(backfill_id, before, after, at))

    def reopen(self, backfill_id: str, before: str, at: datetime) -> None:
        """Have it run again with all of its partitions that have not succeeded. `NotNow` as `add`."""
        query = f"UPDATE partitions SET state = '{PENDING}' WHERE backfill = {_THIS} AND state IN {UNSUCCESSFUL}"

        def reopen() -> None:
            self._move(backfill_id, before, RUNNING, at)
            self._db.change(query, (backfill_id,))

        try:
            self._db.commit(reopen)
        except Refused:
            found = self.get(backfill_id)
            assert found is not None
            raise self._open_already(found) from None

    def _move(self, backfill_id: str, before: str, after: str, at: datetime) -> None:
        ended = None if after in BACKFILL_OPEN else micros(at)
        query = "UPDATE backfills SET state = ?, finished_at = ? WHERE backfill_id = ? AND state = ?"
        if self._db.change(query, (after, ended, backfill_id, before)) != 1:
            raise conflicts.backfill_moved(backfill_id, before)

    def _open_already(self, backfill: Backfill) -> NotNow:
        query = f"SELECT backfill_id FROM backfills WHERE mode = ? AND state IN {BACKFILL_OPEN}"
        found = self._db.rows(query, backfill.mode)
        return conflicts.backfill_open(backfill, found[0][0] if found else None)

    def config_text(self, backfill_id: str) -> str | None:
        """The configuration that it was added with, or None where there is no such backfill."""
        query = "SELECT document FROM configs JOIN backfills ON config_hash = hash WHERE backfill_id = ?"
        found = self._db.rows(query, backfill_id)
        return found[0][0] if found else None

    def settled(self, mode: str) -> dict[tuple[str, str], tuple[PartitionState, datetime]]:
        """The newest row of each partition of the mode whose run is over, with when its backfill was added."""
        newest = {(row[1], row[2]): row for row in self._db.rows(_SETTLED, mode)}
        found = {}
        for dates, (created, *row) in newest.items():
            since = instant(created)
            assert since is not None
            found[dates] = _partition(tuple(row)), since
        return found

    def latest(self, mode: str) -> dict[tuple[str, str], Run]:
        """The newest run of the mode for each partition that one was for."""
        return self._by_dates(_LATEST, mode)

    def latest_whole(self, mode: str, config_hash: str, pipelines: int) -> dict[tuple[str, str], Run]:
        """The same without runs that succeeded and left something out: see the port."""
        return self._by_dates(_LATEST_WHOLE, mode, config_hash, pipelines)

    def _by_dates(self, query: str, *values: str | int) -> dict[tuple[str, str], Run]:
        runs = map(run_of, self._db.rows(query, *values))
        return {(run.partition.start, run.partition.end): run for run in runs if run.partition}


def take(db: Database, run: Run) -> None:
    """Have the partition be the run's; inside the transaction that opens it. Else `StateConflict`."""
    if run.backfill is None or run.partition is None:
        return
    if db.change(_TAKE, (run.run_id, run.state, run.backfill, *run.partition)) != 1:
        raise conflicts.partition_taken(run.backfill, run.partition)


def _row(backfill: Backfill) -> tuple[Any, ...]:
    return (
        *backfill[:7], micros(backfill.created_at), int(backfill.newest_first), backfill.parallel,
        to_json(backfill.params), micros(backfill.finished_at),
    )  # fmt: skip


def _backfill(row: Row) -> Backfill:
    created = instant(row[7])
    return Backfill._make((*row[:7], created, bool(row[8]), row[9], from_json(row[10]), instant(row[11])))


def _partition_row(partition: PartitionState) -> tuple[Any, ...]:
    code, text = reason_pair(partition.reason)
    return (*partition[:5], code, plain(text))


def _partition(row: Row) -> PartitionState:
    return PartitionState._make((*row[:5], reason_of(row[5], row[6])))
