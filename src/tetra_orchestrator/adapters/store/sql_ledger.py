"""The slots of all schedules in an SQL store. Its triggers settle a slot with the run that is for it."""

from __future__ import annotations

from tetra_orchestrator.adapters.store import conflicts
from tetra_orchestrator.adapters.store.rows import instant, micros, plain, reason_of, reason_pair
from tetra_orchestrator.adapters.store.sql_changes import marks
from tetra_orchestrator.core.slots import FINAL, MADE_UP, ON_TIME, OPEN, Cursor, Slot, Span
from tetra_orchestrator.core.states import RUN_ACTIVE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.adapters.store.database import Database
    from tetra_orchestrator.adapters.store.rows import Row
    from tetra_orchestrator.core.history import Run

_COLUMNS = "schedule, slot, outcome, due_by, mode, reason_code, reason_text, run_id, lateness_s, settled_at, owner"
_CURSOR = "rule, since, judged, version, source"
#: Written as in the index of open slots, or it would not be used.
_OPEN = f"outcome IN {tuple(sorted(OPEN))}"
_FREE = "outcome IN ('expected', 'queued') AND run_id IS NULL"
_PUT = f"""
INSERT INTO slots ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (schedule, slot) DO UPDATE SET outcome = excluded.outcome, due_by = excluded.due_by, mode = excluded.mode,
    reason_code = excluded.reason_code, reason_text = excluded.reason_text, settled_at = excluded.settled_at,
    owner = excluded.owner
WHERE slots.run_id IS NULL AND (slots.outcome IN ('expected', 'queued') OR slots.settled_at > ?)
"""
_TAKE = f"""
UPDATE slots SET outcome = ?, run_id = ?, lateness_s = ?, owner = NULL
WHERE schedule = ? AND slot = ? AND outcome = 'queued' AND {_FREE}
"""
_OUTDATED = f"slot < ? AND outcome IN {tuple(sorted(FINAL))}"
_FORGET = f"""
DELETE FROM slots WHERE (schedule, slot) IN (SELECT schedule, slot FROM slots WHERE {_OUTDATED} ORDER BY slot LIMIT ?)
"""
_ACTIVE = tuple(sorted(RUN_ACTIVE))
#: So many of the latest runs, and all that are active, are looked through for those that were active at a time.
RECENT = 500
_SPANS = f"""
SELECT DISTINCT run_id, runs.started_at, runs.finished_at, schedule, runs.id FROM task_runs JOIN runs ON runs.id = run
WHERE (run > (SELECT coalesce(max(id), 0) - {RECENT} FROM runs) OR runs.state IN {_ACTIVE})
    AND runs.started_at IS NOT NULL AND (runs.finished_at IS NULL OR runs.finished_at > ?) AND pipeline IN ({{}})
ORDER BY runs.id
"""


class SqlLedger:
    """The `Ledger` of a store in that database."""

    def __init__(self, db: Database):
        self._db = db

    def cursors(self) -> list[Cursor]:
        """How far each schedule's slots are in the ledger, by name."""
        return [_cursor(row) for row in self._db.rows("SELECT * FROM schedules ORDER BY name")]

    def cursor(self, name: str) -> Cursor | None:
        """How far the schedule's slots are in the ledger; None where that does not know of it."""
        found = self._db.rows("SELECT * FROM schedules WHERE name = ?", name)
        return _cursor(found[0]) if found else None

    def slots(
        self,
        schedule: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        unsettled: bool = False,
    ) -> list[Slot]:
        """The slots of one schedule or all, between two instants that count, too; or only those that are open."""
        where: list[str] = [_OPEN] if unsettled else ["TRUE"]
        given = {"schedule = ?": schedule, "slot >= ?": micros(since), "slot <= ?": micros(until)}
        where += [condition for condition, value in given.items() if value is not None]
        index = "INDEXED BY unsettled_slots" if unsettled else ""  # it would rather walk the whole history
        query = f"SELECT {_COLUMNS} FROM slots {index} WHERE {' AND '.join(where)} ORDER BY slot, schedule"
        return [_slot(row) for row in self._db.rows(query, *(value for value in given.values() if value is not None))]

    def settle(self, was: Cursor | None, cursor: Cursor, slots: Sequence[Slot]) -> None:
        """Move the cursor and write the slots, or raise `StateConflict` where somebody else was faster."""
        self._db.commit(lambda: self._settle(was, cursor, slots))

    def spans(self, schedule: str, pipelines: Sequence[str], since: datetime) -> list[Span]:
        """The runs with a task of one of the pipelines that were active after `since`, oldest first."""
        names = ", ".join("?" for _ in pipelines)
        found = self._db.rows(_SPANS.format(names), micros(since), *pipelines)
        return [Span(run_id, _at(began), instant(ended), own == schedule) for run_id, began, ended, own, _ in found]

    def outdated(self, before: datetime) -> int:
        """How many settled slots were due before that instant."""
        [(count,)] = self._db.rows(f"SELECT count(*) FROM slots WHERE {_OUTDATED}", micros(before))
        return int(count)

    def forget(self, before: datetime, most: int) -> int:
        """Remove the oldest of them, at most so many, in one commit; returns how many there were."""
        gone: list[int] = []
        self._db.commit(lambda: gone.append(self._db.change(_FORGET, (micros(before), most))))
        return gone[0]

    def announce(self, next_slots: Mapping[str, datetime]) -> None:
        """Note when the pipelines are due next, for the view `pipeline_state`."""
        found = dict(self._db.rows("SELECT name, next_slot FROM pipelines"))
        wanted = {name: micros(next_slots.get(name)) for name in found}
        values = [(at, name) for name, at in wanted.items() if at != found[name]]
        if values:
            query = "UPDATE pipelines SET next_slot = ? WHERE name = ?"
            self._db.commit(lambda: self._db.change_all(query, values))

    def _settle(self, was: Cursor | None, cursor: Cursor, slots: Sequence[Slot]) -> None:
        row = (cursor.rule, micros(cursor.since), micros(cursor.judged), cursor.version, cursor.source)
        if was is None:
            query = f"INSERT INTO schedules VALUES (?, {marks(_CURSOR)}) ON CONFLICT DO NOTHING"
            moved = self._db.change(query, (cursor.name, *row))
        else:
            query = f"UPDATE schedules SET ({_CURSOR}) = ({marks(_CURSOR)}) WHERE name = ? AND version = ?"
            moved = self._db.change(query, (*row, cursor.name, was.version))
        if moved != 1:
            raise conflicts.judged_already(cursor.name)
        for slot in slots:
            if self._db.change(_PUT, (*_row(slot), micros(cursor.judged))) != 1:
                raise conflicts.judged_already(cursor.name)


def take(db: Database, run: Run) -> None:
    """Have the slot that the run is for be the run's; inside the transaction that opens it. Else `StateConflict`."""
    if run.schedule is None or run.slot is None or run.trigger not in (ON_TIME, MADE_UP):
        return
    begun = run.started_at if run.state == "running" else None
    late = None if begun is None else (begun - run.slot).total_seconds()
    outcome = "queued" if begun is None else "running"
    if db.change(_TAKE, (outcome, run.run_id, late, run.schedule, micros(run.slot))) != 1:
        raise conflicts.slot_taken(run.schedule, run.slot)


def _row(slot: Slot) -> tuple[Any, ...]:
    code, text = reason_pair(slot.reason)
    return (
        slot.schedule, micros(slot.at), slot.outcome, micros(slot.due_by), slot.mode or "", code, plain(text),
        slot.run_id, slot.lateness_s, micros(slot.settled_at), slot.owner,
    )  # fmt: skip


def _slot(row: Row) -> Slot:
    schedule, at, outcome, due_by, mode, code, text, run_id, late, settled, owner = row
    why = reason_of(code, text)
    return Slot(schedule, _at(at), outcome, _at(due_by), mode or None, why, run_id, late, instant(settled), owner)


def _cursor(row: Row) -> Cursor:
    name, rule, since, judged, version, source = row
    return Cursor(name, rule, _at(since), _at(judged), version, source)


def _at(stored: int) -> datetime:
    at = instant(stored)
    assert at is not None
    return at
