"""The slots of all schedules in memory, by the same rules as in the durable stores."""

from __future__ import annotations

from tetra_orchestrator.adapters.store import conflicts
from tetra_orchestrator.core.slots import (
    EXPECTED,
    FINAL,
    LATE,
    MADE_UP,
    MISSED,
    ON_TIME,
    OPEN,
    QUEUED,
    RAN,
    RUNNING,
    Slot,
    Span,
)
from tetra_orchestrator.core.states import RUN_TERMINAL, RunState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.changes import RunMoved
    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.slots import Cursor

_FREE = (EXPECTED, QUEUED)


class MemoryLedger:
    """The `Ledger` in dictionaries. `runs` gives every run with its pipelines, oldest first."""

    def __init__(self, runs: Callable[[], Iterator[tuple[Run, set[str]]]]) -> None:
        self.rows: dict[tuple[str, datetime], Slot] = {}
        self.next_slots: dict[str, datetime] = {}
        self._cursors: dict[str, Cursor] = {}
        self._runs = runs

    def cursors(self) -> list[Cursor]:
        """How far each schedule's slots are in the ledger, by name."""
        return [cursor for _, cursor in sorted(self._cursors.items())]

    def cursor(self, name: str) -> Cursor | None:
        """How far the schedule's slots are in the ledger; None where that does not know of it."""
        return self._cursors.get(name)

    def slots(
        self,
        schedule: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        unsettled: bool = False,
    ) -> list[Slot]:
        """The slots of one schedule or all, between two instants that count, too; or only those that are open."""
        found = (
            slot
            for slot in self.rows.values()
            if schedule in (None, slot.schedule)
            and (since is None or since <= slot.at)
            and (until is None or slot.at <= until)
            and (not unsettled or slot.outcome in OPEN)
        )
        return sorted(found, key=lambda slot: (slot.at, slot.schedule))

    def settle(self, was: Cursor | None, cursor: Cursor, slots: Sequence[Slot]) -> None:
        """Move the cursor and write the slots, or raise `StateConflict` where somebody else was faster."""
        if (was.version if was else None) != self._version(cursor.name):
            raise conflicts.judged_already(cursor.name)
        for slot in slots:
            before = self.rows.get((slot.schedule, slot.at))
            if before is not None and not _is_open(before, cursor):
                raise conflicts.judged_already(cursor.name)
        self.rows.update({(slot.schedule, slot.at): slot for slot in slots})
        self._cursors[cursor.name] = cursor

    def spans(self, schedule: str, pipelines: Sequence[str], since: datetime) -> list[Span]:
        """The runs with a task of one of the pipelines that were active after `since`, oldest first."""
        return [
            Span(run.run_id, run.started_at, run.finished_at, run.schedule == schedule)
            for run, own in self._runs()
            if run.started_at and own & set(pipelines) and (run.finished_at is None or run.finished_at > since)
        ]

    def outdated(self, before: datetime) -> int:
        """How many settled slots were due before that instant."""
        return len(self._outdated(before))

    def forget(self, before: datetime, most: int) -> int:
        """Remove the oldest of them, at most so many; returns how many there were."""
        gone = self._outdated(before)[:most]
        for slot in gone:
            del self.rows[slot.schedule, slot.at]
        return len(gone)

    def announce(self, next_slots: Mapping[str, datetime]) -> None:
        """Note when the pipelines are due next."""
        self.next_slots = dict(next_slots)

    def take(self, run: Run) -> None:
        """Have the slot that the run is for be the run's, else `StateConflict`."""
        if run.schedule is None or run.slot is None or run.trigger not in (ON_TIME, MADE_UP):
            return
        slot = self.rows.get((run.schedule, run.slot))
        if slot is None or slot.outcome != QUEUED or slot.run_id is not None:
            raise conflicts.slot_taken(run.schedule, run.slot)
        begun = run.started_at if run.state == RunState.RUNNING else None
        taken = slot._replace(run_id=run.run_id, owner=None)
        self.rows[slot.schedule, slot.at] = taken if begun is None else _begun(taken, begun)

    def moved(self, run: Run, change: RunMoved) -> Slot | None:
        """The slot of the run as it is after the change; None where that changes nothing about it."""
        slot = self.rows.get((run.schedule or "", run.slot)) if run.slot else None
        if slot is None or slot.run_id != run.run_id or slot.outcome not in OPEN:
            return None
        if change.after is RunState.RUNNING:
            return _begun(slot, change.at)
        if change.after not in RUN_TERMINAL:
            return None
        if slot.outcome == QUEUED and change.after is RunState.LOST:
            return slot._replace(outcome=EXPECTED, run_id=None)
        if slot.outcome == QUEUED:
            return slot._replace(outcome=MISSED, reason=change.reason, settled_at=change.at)
        late = slot.at.timestamp() + (slot.lateness_s or 0) > slot.due_by.timestamp()
        return slot._replace(outcome=LATE if late else RAN, settled_at=change.at)

    def _outdated(self, before: datetime) -> list[Slot]:
        return [slot for slot in self.slots() if slot.at < before and slot.outcome in FINAL]

    def _version(self, name: str) -> int | None:
        cursor = self._cursors.get(name)
        return cursor.version if cursor else None


def _is_open(slot: Slot, cursor: Cursor) -> bool:
    """Whether a judge may write over it: nobody has begun to run it, or a clock that was ahead has settled it."""
    ahead = slot.settled_at is not None and slot.settled_at > cursor.judged
    return slot.run_id is None and (slot.outcome in _FREE or ahead)


def _begun(slot: Slot, at: datetime) -> Slot:
    return slot._replace(outcome=RUNNING, lateness_s=(at - slot.at).total_seconds())
