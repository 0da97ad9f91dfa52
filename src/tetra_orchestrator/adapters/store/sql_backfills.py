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
from tetra_orchestrator.core.backfill import BACKFILL_OPEN, PENDING, Backfill, PartitionState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.adapters.store.database import Database
    from tetra_orchestrator.adapters.store.rows import Row
    from tetra_orchestrator.core.history import Run

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
_LATEST = f"""
SELECT {RUN_COLUMNS} FROM runs WHERE id IN (
    SELECT max(id) FROM runs WHERE mode = ? AND partition_start IS NOT NULL GROUP BY partition_start, partition_end)
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
            open_ = self._db.rows(
                f"SELECT backfill_id FROM backfills WHERE mode = ? AND state IN {BACKFILL_OPEN}", backfill.mode
            )
            raise conflicts.backfill_open(backfill, open_[0][0] if open_ else None) from None

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

    def move(self, backfill_id: str, before: str, after: str, at: datetime) -> None:
        """Change its state; `StateConflict` where it is in another one than `before`."""
        ended = None if after in BACKFILL_OPEN else micros(at)
        query = "UPDATE backfills SET state = ?, finished_at = ? WHERE backfill_id = ? AND state = ?"

        def move() -> None:
            if self._db.change(query, (after, ended, backfill_id, before)) != 1:
                raise conflicts.backfill_moved(backfill_id, before)

        self._db.commit(move)

    def latest(self, mode: str) -> dict[tuple[str, str], Run]:
        """The newest run of the mode for each partition that one was for."""
        runs = map(run_of, self._db.rows(_LATEST, mode))
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
