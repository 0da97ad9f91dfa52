"""Waiting for the times of schedules ourselves, where there is no scheduler: it wakes the same guards as any other.

Nothing is decided here: whoever is woken too often finds nothing due.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from tetra_orchestrator.core.model import Schedule
from tetra_orchestrator.core.schedule import slots_of
from tetra_orchestrator.core.slots import EXPECTED, dispatches
from tetra_orchestrator.core.spoken import duration
from tetra_orchestrator.core.units import MONITOR, is_monitored, look_every_s
from tetra_orchestrator.engine.ledger import DISPATCHED
from tetra_orchestrator.errors import ConfigError, Exit, StateConflict, TetraError
from tetra_orchestrator.signals import SIGHUP, SIGINT, SIGTERM

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

        # Each becomes readable when one of them has said what is told in another form.
        def descriptors(self) -> list[int]: ...

        # What they have said since the last call.
        def said(self) -> list[str]: ...


#: Seconds between two looks at whether a process that was told to end has done so.
POLL_S = 0.1
#: So often the time and the file are looked at: a sleeping machine's timers sleep, too.
LOOK_S = 30.0
LOOK = timedelta(seconds=LOOK_S)


class Watch:
    """One loop. `load` gives the project as its file is then, and raises `TetraError` where that cannot be used.

    `waiting` gives the schedules with slots that nobody is about to run. HUP has the file be read again, or ends the
    loop as TERM does where it is `on_terminal`, which says by it that it is gone.
    """

    def __init__(
        self,
        project: Project,
        load: Callable[[], Project],
        guards: Guards,
        clock: Clock,
        interrupts: Interrupts,
        tell: Callable[[str], None],
        waiting: Callable[[], set[str]],
        *,
        on_terminal: bool = False,
    ):
        self._waiting = waiting
        self._on_terminal = on_terminal
        self._load, self._guards, self._clock, self._interrupts, self._tell = load, guards, clock, interrupts, tell
        self._project = project
        self._looked_at = clock.now()
        self._read_at: datetime | None = self._looked_at
        self._owed: set[str] = set()
        self._complaint: str | None = None
        self._in_vain: set[str] = set()  # woken with a file that cannot be used: once more when it can

    def keep(self) -> int:
        """Wake guards until a signal comes, then end them; returns the exit code."""
        self._start(None)
        while True:
            self._wake_due()
            self._wait(self._pause_s())
            if None in self._ended():  # all is settled: what that has left waits to be run
                self._owed |= self._waiting()
            for number in self._interrupts.take():
                if number != SIGHUP or self._on_terminal:
                    return self._end(number)
                self._read_at = None

    def _wait(self, seconds: float) -> None:
        self._clock.wait([self._interrupts.fileno(), *self._guards.descriptors()], seconds)

    def _ended(self) -> list[str | None]:
        """The guards that have ended, after telling what they have said."""
        ended = self._guards.ended()
        for text in self._guards.said():
            self._tell(text if text.startswith(("error: ", "warning: ")) else f"error: {text}")
        return ended

    def _wake_due(self) -> None:
        """Start a guard for each schedule with a slot since the last look; one that runs is followed by another."""
        now = self._clock.now()
        since = min(self._looked_at, now)
        if self._is_to_be_read(now) or any(_is_due(schedule, since, now) for schedule in self._enabled()):
            self._refresh(now)
        for schedule in self._enabled():
            if _is_due(schedule, since, now):
                self._owed.add(schedule.name)
            if schedule.name in self._owed and (dispatches(schedule) or not self._guards.running(schedule.name)):
                self._start(schedule.name)
        self._looked_at = now

    def _is_to_be_read(self, now: datetime) -> bool:
        """Whether the file is read again. Not at every wake: reading it may start processes, whose end is a wake."""
        return self._read_at is None or not self._read_at <= now < self._read_at + LOOK

    def _start(self, name: str | None) -> None:
        """Start a guard; where that fails, it is tried again at the next look."""
        try:
            self._guards.start(name)
        except TetraError as error:
            self._tell(f"warning: {error}")
        else:
            self._owed.discard(name or "")
            if self._complaint is not None and name is not None:
                self._in_vain.add(name)

    def _refresh(self, now: datetime) -> None:
        self._read_at = now
        try:
            before, self._project = self._project, self._load()
            self._complaint = None
            self._owed |= self._in_vain
            self._in_vain = set()
            for text in _changes(before, self._project):
                self._tell(text)
        except TetraError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                what = error.first if isinstance(error, ConfigError) else error
                self._tell(f"warning: {what}; going by how the file was before")

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
            self._wait(POLL_S)
            self._interrupts.take()
            self._ended()
        return Exit.INTERRUPTED if number == SIGINT else Exit.OK


def _is_due(schedule: Schedule, since: datetime, until: datetime) -> bool:
    slot = next(slots_of(schedule, since), None)
    return slot is not None and slot <= until


def about(schedule: Schedule) -> str:
    """What a schedule does, for the log (D-063)."""
    times = [schedule.cron, schedule.every_s and f"every {duration(schedule.every_s)}", schedule.at]
    due = [str(time) for time in times if time] + ["at startup"] * schedule.on_startup
    state = "enabled" if schedule.enabled else "switched off"
    return f"schedule {schedule.name}: {', '.join(due)} {schedule.timezone}, {state}"


def _changes(before: Project, after: Project) -> list[str]:
    """What schedules do that are new or other than before, and which are gone."""
    known = {schedule.name: about(schedule) for schedule in before.schedules}
    now = {schedule.name: about(schedule) for schedule in after.schedules}
    gone = [f"schedule {name}: gone from the file" for name in known if name not in now]
    return [text for name, text in now.items() if text != known.get(name)] + gone


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
