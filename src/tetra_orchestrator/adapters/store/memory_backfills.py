"""The backfills in memory, by the same rules as in the durable stores."""

from __future__ import annotations

from tetra_orchestrator.adapters.store import conflicts
from tetra_orchestrator.adapters.store.rows import plain
from tetra_orchestrator.core.backfill import (
    BACKFILL_OPEN,
    ENDED_EARLY,
    LEFT_OUT,
    PENDING,
    RUNNING,
    UNSUCCESSFUL,
    Backfill,
    PartitionState,
)
from tetra_orchestrator.core.states import RUN_TERMINAL, RunState, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.changes import RunMoved
    from tetra_orchestrator.core.history import Run, TaskRun


class MemoryBackfills:
    """The `Backfills` in dictionaries. `runs` gives every run with its pipelines, oldest first, `tasks` its tasks."""

    def __init__(
        self, runs: Callable[[], Iterator[tuple[Run, set[str]]]], tasks: Callable[[str], list[TaskRun]]
    ) -> None:
        #: By backfill id, start and end.
        self.rows: dict[tuple[str, str, str], PartitionState] = {}
        self._backfills: dict[str, Backfill] = {}
        self._configs: dict[str, str] = {}
        self._runs, self._tasks = runs, tasks

    def add(self, backfill: Backfill, partitions: Sequence[PartitionState], config: str) -> None:
        """Insert it with its partitions. `NotNow` where another backfill of that mode is open."""
        open_ = [one for one in self._backfills.values() if one.mode == backfill.mode and one.state in BACKFILL_OPEN]
        if open_ or backfill.backfill_id in self._backfills:
            raise conflicts.backfill_open(backfill, open_[0].backfill_id if open_ else None)
        self._backfills[backfill.backfill_id] = backfill
        self._configs[backfill.backfill_id] = config
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

    def next(self, backfill_id: str) -> PartitionState | None:
        """The pending partition whose turn it is, None where none is pending or the backfill is not running."""
        found = self._backfills.get(backfill_id)
        if found is None or found.state != RUNNING:
            return None
        waiting = [row for row in self.partitions(backfill_id) if row.state == PENDING]
        return waiting[-1 if found.newest_first else 0] if waiting else None

    def move(self, backfill_id: str, before: str, after: str, at: datetime) -> None:
        """Change its state; `StateConflict` where it is in another one than `before`."""
        found = self._backfills.get(backfill_id)
        if found is None or found.state != before:
            raise conflicts.backfill_moved(backfill_id, before)
        ended = None if after in BACKFILL_OPEN else at
        self._backfills[backfill_id] = found._replace(state=after, finished_at=ended)

    def reopen(self, backfill_id: str, before: str, at: datetime) -> None:
        """Have it run again with all of its partitions that have not succeeded. `NotNow` as `add`."""
        found = self._backfills.get(backfill_id)
        for one in self._backfills.values():
            if found and one is not found and one.mode == found.mode and one.state in BACKFILL_OPEN:
                raise conflicts.backfill_open(found, one.backfill_id)
        self.move(backfill_id, before, RUNNING, at)
        for key, row in self.rows.items():
            if key[0] == backfill_id and row.state in UNSUCCESSFUL:
                self.rows[key] = row._replace(state=PENDING)

    def config_text(self, backfill_id: str) -> str | None:
        """The configuration that it was added with, or None where there is no such backfill."""
        return self._configs.get(backfill_id)

    def settled(self, mode: str) -> dict[tuple[str, str], tuple[PartitionState, datetime]]:
        """The newest row of each partition of the mode whose run is over, with when its backfill was added."""
        found = {}
        for (owner, *dates), row in self.rows.items():
            backfill = self._backfills[owner]
            if backfill.mode == mode and row.state in RUN_TERMINAL:
                found[dates[0], dates[1]] = row, backfill.created_at
        return found

    def latest(self, mode: str) -> dict[tuple[str, str], Run]:
        """The newest run of the mode for each partition that one was for."""
        runs = (run for run, _ in self._runs() if run.mode == mode)
        return {(run.partition.start, run.partition.end): run for run in runs if run.partition}

    def latest_whole(self, mode: str, config_hash: str, pipelines: int) -> dict[tuple[str, str], Run]:
        """The same without runs that succeeded and left something out: see the port."""
        found = {}
        for run, names in self._runs():
            is_short = run.config_hash == config_hash and len(names) < pipelines
            is_part = run.state == RunState.SUCCEEDED and (is_short or self._leaves_out(run))
            if run.mode == mode and run.partition and not is_part:
                found[run.partition.start, run.partition.end] = run
        return found

    def _leaves_out(self, run: Run) -> bool:
        skipped = (row.reason for row in self._tasks(run.run_id) if row.state == TaskState.SKIPPED)
        return any(reason is not None and reason.code in LEFT_OUT for reason in skipped)

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
                return key, row._replace(state=_after(change))
        return None


def _after(change: RunMoved) -> str:
    """The state of the partition whose run has moved."""
    early = change.after is RunState.CANCELLED and change.reason is not None and change.reason.code in ENDED_EARLY
    return PENDING if early or change.after is RunState.LOST else change.after.value
