"""The parts of a store that have a port of their own. Every store has all of them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Protocol

    from tetra_orchestrator.core.alerts import Alert, Delivery, Filed
    from tetra_orchestrator.core.backfill import Backfill, PartitionState
    from tetra_orchestrator.core.history import Result, Run
    from tetra_orchestrator.core.slots import Cursor, Slot, Span

    class Ledger(Protocol):
        """The slots of all schedules, each at most once. What a run is for becomes final with the run's own end."""

        # By name; those of schedules that the configuration no longer has included.
        def cursors(self) -> list[Cursor]: ...

        def cursor(self, name: str) -> Cursor | None: ...

        # Of one schedule or all, in the order of their instants; `since` and `until` are inclusive.
        def slots(
            self,
            schedule: str | None = None,
            *,
            since: datetime | None = None,
            until: datetime | None = None,
            unsettled: bool = False,
        ) -> list[Slot]: ...

        # Moves the cursor from `was` (None: a schedule that is not known yet) and writes the slots, in one commit: each
        # is new, or replaces one without a run that is open, or was settled after `cursor.judged`: by a clock that was
        # ahead.
        # `StateConflict` when somebody else was faster.
        def settle(self, was: Cursor | None, cursor: Cursor, slots: Sequence[Slot]) -> None: ...

        # The runs with a task of one of the pipelines that were active after `since`, of the latest 500 runs of all.
        def spans(self, schedule: str, pipelines: Sequence[str], since: datetime) -> list[Span]: ...

        # How many settled slots were due before that instant.
        def outdated(self, before: datetime) -> int: ...

        # Removes the oldest of them, at most so many, in one commit; returns how many there were.
        def forget(self, before: datetime, most: int) -> int: ...

        # When the pipelines are due next, for whoever reads the tables.
        def announce(self, next_slots: Mapping[str, datetime]) -> None: ...

    class Backfills(Protocol):
        """The backfills and their partitions. A partition's state follows its run's, in the same commit.

        A run of a backfill takes its partition when it is opened (`Store.open_run`), which has to be pending there:
        else `StateConflict`. The partition of a run that was lost, or ended for one of `ENDED_EARLY`, is pending again.
        """

        # In one commit. `NotNow` where another backfill of that mode is open.
        def add(self, backfill: Backfill, partitions: Sequence[PartitionState], config: str) -> None: ...

        def get(self, backfill_id: str) -> Backfill | None: ...

        # Newest first.
        def all(self, limit: int = 50) -> list[Backfill]: ...

        # By their places in time.
        def partitions(self, backfill_id: str) -> list[PartitionState]: ...

        # The pending partition whose turn it is, None where none is pending or the backfill is not running.
        def next(self, backfill_id: str) -> PartitionState | None: ...

        # `StateConflict` where it is in another state than `before`.
        def move(self, backfill_id: str, before: str, after: str, at: datetime) -> None: ...

        # In one commit: it is running, and its partitions that ended without success are pending. `StateConflict` as
        # `move`, `NotNow` as `add`.
        def reopen(self, backfill_id: str, before: str, at: datetime) -> None: ...

        # The configuration that it was added with.
        def config_text(self, backfill_id: str) -> str | None: ...

        # The newest row of each partition of the mode whose run is over, with when its backfill was added: also of
        # runs that are forgotten. By (start, end).
        def settled(self, mode: str) -> Mapping[tuple[str, str], tuple[PartitionState, datetime]]: ...

        # The newest run of the mode for each partition that one was for, by (start, end).
        def latest(self, mode: str) -> Mapping[tuple[str, str], Run]: ...

        # The same without runs that succeeded and left out some of what the mode runs: tasks for one of `LEFT_OUT`, or
        # pipelines, where that configuration has so many of them.
        def latest_whole(self, mode: str, config_hash: str, pipelines: int) -> Mapping[tuple[str, str], Run]: ...

    class Results(Protocol):
        """What tasks have made of what they were given, so that they need not do it again. Keys are the caller's."""

        def get(self, task_id: str, key: str) -> Result | None: ...

        # Newest first, of one task or all.
        def all(self, task_id: str | None = None) -> list[Result]: ...

        # Replaces what there is under that key; of each task the newest `most` stay.
        def put(self, result: Result, most: int) -> None: ...

        # Of one task or all, with `key` only that one of the task; returns how many there were.
        def clear(self, task_id: str | None = None, key: str | None = None) -> int: ...

    class Alerts(Protocol):
        """The alerts, the letters that have to go out, and what is known of data that is watched.

        A run of a project that tells somebody is `untold` from its end on, in the same commit: nothing is lost when
        its owner dies there.
        """

        # The runs that are over and of which nobody has been told, oldest first by their end.
        def untold(self, limit: int = 100) -> list[Run]: ...

        # All in one commit: an alert with the id 0 is added; any other replaces the one with its id, if that has its
        # version, and the version is one higher then. Letters are added. The runs are told. `StateConflict` where an
        # alert with that key is open already, one has another version, or a run is told already.
        def file(self, filed: Sequence[Filed], told: Sequence[str] = ()) -> None: ...

        # Those that are not over, oldest first; also those that have not lasted long enough for anybody to be told.
        def open(self) -> list[Alert]: ...

        # Newest first, those that are over included.
        def all(self, limit: int = 50) -> list[Alert]: ...

        def get(self, alert_id: int) -> Alert | None: ...

        # The newest alert with that key that is over, None where there is none.
        def last(self, key: str) -> Alert | None: ...

        # Of one alert or all; with `unsent` only those that have still to go out (`UNSENT`). Oldest first.
        def deliveries(self, alert_id: int | None = None, *, unsent: bool = False) -> list[Delivery]: ...

        # Those that may be tried now, each with `tries` one higher, `sending` and due again at `until`: nobody else
        # gets them before. Oldest first.
        def claim(self, now: datetime, until: datetime, limit: int = 100) -> list[Delivery]: ...

        # What became of claimed ones: replaces those with their ids that are still `sending` with these `tries`.
        def settle(self, deliveries: Sequence[Delivery]) -> None: ...

        # How many letters the channel has been sent since then.
        def sent_since(self, channel: str, since: datetime) -> int: ...

        # How many alerts were over before that and have no letter that has still to go out.
        def outdated(self, before: datetime) -> int: ...

        # Removes the oldest of them, at most so many, with their letters; returns how many there were.
        def forget(self, before: datetime, most: int) -> int: ...

        # What was last seen of something that is watched, as JSON text, by name.
        def marks(self) -> Mapping[str, str]: ...

        # In one commit; None removes.
        def mark(self, marks: Mapping[str, str | None]) -> None: ...
