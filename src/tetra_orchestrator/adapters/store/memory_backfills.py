"""The backfills in memory, by the same rules as in the durable stores."""

from __future__ import annotations

from tetra_orchestrator.adapters.store import conflicts
from tetra_orchestrator.adapters.store.rows import plain
from tetra_orchestrator.core.backfill import BACKFILL_OPEN, PENDING, Backfill, PartitionState
from tetra_orchestrator.core.states import RunState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.changes import RunMoved
    from tetra_orchestrator.core.history import Run


class MemoryBackfills:
    """The `Backfills` in dictionaries. `runs` gives every run with its pipelines, oldest first."""

    def __init__(self, runs: Callable[[], Iterator[tuple[Run, set[str]]]]) -> None:
        #: By backfill id, start and end.
        self.rows: dict[tuple[str, str, str], PartitionState] = {}
        self._backfills: dict[str, Backfill] = {}
        self._runs = runs

    def add(self, backfill: Backfill, partitions: Sequence[PartitionState], config: str) -> None:
        """Insert it with its partitions. `NotNow` where another backfill of that mode is open."""
        open_ = [one for one in self._backfills.values() if one.mode == backfill.mode and one.state in BACKFILL_OPEN]
        if open_ or backfill.backfill_id in self._backfills:
            raise conflicts.backfill_open(backfill, open_[0].backfill_id if open_ else None)
        self._backfills[backfill.backfill_id] = backfill
        for each in partitions:
            reason = each.reason and each.reason._replace(text=plain(each.reason.text) or "")
            self.rows[backfill.backfill_id, each.start, each.end] = each._replace(reason=reason)

    def get(self, backfill_id: str) -> Backfill | None:
        """The backfill called `backfill_id`, or None."""
        return self._backfills.get(backfill_id)

    def all(self, limit: int = 50) -> list[Backfill]:
        """The latest backfills, newest first."""
        return list(reversed(self._backfills.values()))[:limit]

    def partitions(self, backfill_id: str) -> list[PartitionState]:
        """The partitions of the backfill by their places in time."""
        found = (row for (owner, _, _), row in self.rows.items() if owner == backfill_id)
        return sorted(found, key=lambda row: row.position)

    def move(self, backfill_id: str, before: str, after: str, at: datetime) -> None:
        """Change its state; `StateConflict` where it is in another one than `before`."""
        found = self._backfills.get(backfill_id)
        if found is None or found.state != before:
            raise conflicts.backfill_moved(backfill_id, before)
        ended = None if after in BACKFILL_OPEN else at
        self._backfills[backfill_id] = found._replace(state=after, finished_at=ended)

    def latest(self, mode: str) -> dict[tuple[str, str], Run]:
        """The newest run of the mode for each partition that one was for."""
        runs = (run for run, _ in self._runs() if run.mode == mode)
        return {(run.partition.start, run.partition.end): run for run in runs if run.partition}

    def take(self, run: Run) -> None:
        """Have the partition be the run's. Else `StateConflict`."""
        if run.backfill is None or run.partition is None:
            return
        key = (run.backfill, *run.partition)
        row = self.rows.get(key)
        if row is None or row.state != PENDING:
            raise conflicts.partition_taken(run.backfill, run.partition)
        self.rows[key] = row._replace(state=run.state, run_id=run.run_id)

    def moved(self, run: Run, change: RunMoved) -> tuple[tuple[str, str, str], PartitionState] | None:
        """The partition that follows the run, as it is after the change."""
        for key, row in self.rows.items():
            if run.backfill == key[0] and row.run_id == run.run_id:
                return key, row._replace(state=PENDING if change.after is RunState.LOST else change.after.value)
        return None
