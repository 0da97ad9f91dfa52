"""Waiting for the times of schedules ourselves, where there is no scheduler: it wakes the same guards as any other.

Nothing is decided here: whoever is woken too often finds nothing due.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from tetra_orchestrator.core.model import Schedule
from tetra_orchestrator.core.schedule import slots_of
from tetra_orchestrator.core.slots import EXPECTED, dispatches
from tetra_orchestrator.core.units import MONITOR, is_monitored, look_every_s
from tetra_orchestrator.engine.ledger import DISPATCHED
from tetra_orchestrator.errors import Exit, StateConflict, TetraError
from tetra_orchestrator.signals import SIGINT, SIGTERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Protocol

    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.slots import Slot
    from tetra_orchestrator.engine.reconcile import Scene
    from tetra_orchestrator.ports import Clock, Interrupts

    class Guards(Protocol):
        """Processes that were started for schedules; the one for None settles all of them after a start."""

        # Raises `TetraError` where it cannot be started.
        def start(self, name: str | None) -> None: ...

        # The schedules of those that have ended since the last call.
        def ended(self) -> list[str | None]: ...

        # Whether any is left, or that of a schedule.
        def running(self, name: str | None = None) -> bool: ...

        # Asks all of them to end.
        def stop(self) -> None: ...


#: Seconds between two looks at whether a process that was told to end has done so.
POLL_S = 0.1
#: So often the time and the file are looked at: a sleeping machine's timers sleep, too.
LOOK_S = 30.0


class Watch:
    """One loop. `load` gives the project as its file is now, and raises `TetraError` where that cannot be used.

    `waiting` gives the schedules with slots that nobody is about to run.
    """

    def __init__(
        self,
        load: Callable[[], Project],
        guards: Guards,
        clock: Clock,
        interrupts: Interrupts,
        tell: Callable[[str], None],
        waiting: Callable[[], set[str]],
    ):
        self._waiting = waiting
        self._load, self._guards, self._clock, self._interrupts, self._tell = load, guards, clock, interrupts, tell
        self._project = load()
        self._looked_at = clock.now()
        self._owed: set[str] = set()
        self._complaint: str | None = None

    def keep(self) -> int:
        """Wake guards until a signal comes, then end them; returns the exit code."""
        self._start(None)
        while True:
            self._wake_due()
            self._clock.wait([self._interrupts.fileno()], self._pause_s())
            if None in self._guards.ended():  # all is settled: what that has left waits to be run
                self._owed |= self._waiting()
            for number in self._interrupts.take():
                return self._end(number)

    def _wake_due(self) -> None:
        """Start a guard for each schedule with a slot since the last look; one that runs is followed by another."""
        self._refresh()
        now = self._clock.now()
        since = min(self._looked_at, now)
        for schedule in self._enabled():
            if (slot := next(slots_of(schedule, since), None)) is not None and slot <= now:
                self._owed.add(schedule.name)
            if schedule.name in self._owed and (dispatches(schedule) or not self._guards.running(schedule.name)):
                self._start(schedule.name)
        self._looked_at = now

    def _start(self, name: str | None) -> None:
        """Start a guard; where that fails, it is tried again at the next look."""
        try:
            self._guards.start(name)
        except TetraError as error:
            self._tell(f"warning: {error}")
        else:
            self._owed.discard(name or "")

    def _refresh(self) -> None:
        try:
            self._project = self._load()
            self._complaint = None
        except TetraError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                self._tell(f"warning: {error}; going by how the file was before")

    def _enabled(self) -> list[Schedule]:
        """Those of a higher priority first; the monitor is one more, and the last."""
        enabled = [schedule for schedule in self._project.schedules if schedule.enabled]
        looks = [_monitor(self._project)] if is_monitored(self._project) else []
        return [*sorted(enabled, key=lambda schedule: -schedule.priority), *looks]

    def _pause_s(self) -> float:
        """Seconds until a slot falls due, but not for long."""
        now = self._looked_at
        following = (next(slots_of(schedule, now), None) for schedule in self._enabled())
        soonest = min((slot for slot in following if slot is not None), default=now + timedelta(seconds=LOOK_S))
        return min(max((soonest - self._clock.now()).total_seconds(), 0.0), LOOK_S)

    def _end(self, number: int) -> int:
        self._tell("stopping: the runs that are active are ended")
        self._guards.stop()
        while self._guards.running():
            self._clock.wait([self._interrupts.fileno()], POLL_S)
            self._interrupts.take()
            self._guards.ended()
        return Exit.INTERRUPTED if number == SIGINT else Exit.OK


def _monitor(project: Project) -> Schedule:
    """The looks of the monitor as a schedule; no other can be called so."""
    return Schedule(MONITOR, None, None, "UTC", every_s=look_every_s(project))


def next_slot(project: Project, now: datetime) -> tuple[datetime, str] | None:
    """The first slot after now, with its schedule."""
    found = ((next(slots_of(one, now), None), one.name) for one in project.schedules if one.enabled)
    return min(((at, name) for at, name in found if at is not None), default=None)


def recall(scene: Scene, wait_s: float) -> None:
    """Have nobody begin the slots that were left to processes of their own and have no run yet.

    Who has taken such a slot over is told to end, and given `wait_s` seconds to do so.
    """
    until = scene.clock.monotonic() + wait_s
    while (left := _left(scene)) and scene.clock.monotonic() < until:
        for slot in left:
            if slot.owner and slot.owner.startswith(DISPATCHED):
                _take_back(slot, scene)
            elif slot.owner:
                scene.processes.signal(slot.owner, SIGTERM)
        scene.clock.wait((), POLL_S)


def _left(scene: Scene) -> list[Slot]:
    """The slots that processes which live, or are yet to start, are about to run."""
    waiting = [slot for slot in scene.store.ledger.slots(unsettled=True) if slot.run_id is None and slot.owner]
    return [
        slot
        for slot in waiting
        if slot.owner and (slot.owner.startswith(DISPATCHED) or scene.processes.is_alive(slot.owner))
    ]


def _take_back(slot: Slot, scene: Scene) -> None:
    """Have it be expected again; whoever was to take it over finds it is not theirs."""
    ledger = scene.store.ledger
    cursor = ledger.cursor(slot.schedule)
    if cursor is None:
        return
    with suppress(StateConflict):  # somebody is faster, and it is looked at again
        ledger.settle(
            cursor, cursor._replace(version=cursor.version + 1), [slot._replace(outcome=EXPECTED, owner=None)]
        )
