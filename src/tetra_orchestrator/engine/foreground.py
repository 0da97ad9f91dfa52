"""Waiting for the times of schedules ourselves, where there is no scheduler: it wakes the same guards as any other.

Nothing is decided here: whoever is woken too often finds nothing due.
"""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator.core.schedule import slots_of
from tetra_orchestrator.core.slots import dispatches
from tetra_orchestrator.errors import Exit, TetraError
from tetra_orchestrator.signals import SIGINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Protocol

    from tetra_orchestrator.core.model import Project, Schedule
    from tetra_orchestrator.ports import Clock, Interrupts

    class Guards(Protocol):
        """Processes that were started for schedules; the one for None settles all of them after a start."""

        def start(self, name: str | None) -> None: ...

        # The schedules of those that have ended since the last call.
        def ended(self) -> list[str | None]: ...

        # Whether any is left, or that of a schedule.
        def running(self, name: str | None = None) -> bool: ...

        # Asks all of them to end.
        def stop(self) -> None: ...


#: So often the time and the file are looked at: a sleeping machine's timers sleep, too.
LOOK_S = 30.0


class Watch:
    """One loop. `load` gives the project as its file is now, and raises `TetraError` where that cannot be used."""

    def __init__(
        self,
        load: Callable[[], Project],
        guards: Guards,
        clock: Clock,
        interrupts: Interrupts,
        tell: Callable[[str], None],
    ):
        self._load, self._guards, self._clock, self._interrupts, self._tell = load, guards, clock, interrupts, tell
        self._project = load()
        self._looked_at = clock.now()
        self._owed: set[str] = set()
        self._complaint: str | None = None

    def keep(self) -> int:
        """Wake guards until a signal comes, then end them; returns the exit code."""
        self._guards.start(None)
        while True:
            self._wake_due()
            self._clock.wait([self._interrupts.fileno()], self._pause_s())
            for name in self._guards.ended():
                if name in self._owed:
                    self._owed.discard(name)
                    self._guards.start(name)
            for number in self._interrupts.take():
                return self._end(number)

    def _wake_due(self) -> None:
        """Start a guard for each schedule with a slot since the last look; one that runs looks again by itself."""
        self._refresh()
        now = self._clock.now()
        since = min(self._looked_at, now)
        for schedule in self._enabled():
            if (slot := next(slots_of(schedule, since), None)) is not None and slot <= now:
                self._wake(schedule)
        self._looked_at = now

    def _wake(self, schedule: Schedule) -> None:
        if self._guards.running(schedule.name) and not dispatches(schedule):
            self._owed.add(schedule.name)  # its last look may have been a moment too early
        else:
            self._guards.start(schedule.name)

    def _refresh(self) -> None:
        try:
            self._project = self._load()
            self._complaint = None
        except TetraError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                self._tell(f"warning: {error}; going by how the file was before")

    def _enabled(self) -> list[Schedule]:
        return [schedule for schedule in self._project.schedules if schedule.enabled]

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
            self._clock.wait([self._interrupts.fileno()], 0.1)
            self._interrupts.take()
            self._guards.ended()
        return Exit.INTERRUPTED if number == SIGINT else Exit.OK


def next_slot(project: Project, now: datetime) -> tuple[datetime, str] | None:
    """The first slot after now, with its schedule."""
    found = ((next(slots_of(one, now), None), one.name) for one in project.schedules if one.enabled)
    return min(((at, name) for at, name in found if at is not None), default=None)
