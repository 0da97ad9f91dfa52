"""One wake of a timer: what is due of a schedule is run, or its slots are settled with a reason."""

from __future__ import annotations

from binascii import crc32
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta

from tetra_orchestrator.core import slots as words
from tetra_orchestrator.core.history import SCHEDULE
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.reasons import STOP_REQUEST
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.engine import ledger
from tetra_orchestrator.engine.overlap import SKIP, Interrupted, pause
from tetra_orchestrator.errors import Exit, NotNow, StateConflict, TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.model import Project, Schedule
    from tetra_orchestrator.core.slots import Slot
    from tetra_orchestrator.engine.reconcile import Scene
    from tetra_orchestrator.engine.start import World

#: Seconds for which a run that is made up for waits for schedules that go first, in case nothing wakes those.
OTHERS_S = 60.0
SIGNALLED = (Exit.INTERRUPTED, Exit.TERMINATED)


def perform_due(
    schedule: Schedule, project: Project, mine: Sequence[Slot], world: World, run: Callable[[Slot], int]
) -> int:
    """Run the slots that are this process's own, and those that fall due meanwhile; returns the worst exit code."""
    code, slots = Exit.OK, list(mine)
    try:
        while slots:
            with in_turn(slots, schedule, project, world):
                for slot in slots:
                    code = max(code, _perform(slot, schedule, world, run))
                    if code in SIGNALLED or _stopped(slot, world):
                        return code  # those that are left are free again when this process is gone
            slots = ledger.claim(schedule, project, world.scene)
    except Interrupted as signal:
        return signal.code
    return code


def _stopped(slot: Slot, world: World) -> bool:
    """Whether somebody has ended the slot's run to have all runs end."""
    found = world.store.ledger.slots(slot.schedule, since=slot.at, until=slot.at)
    return any(row.run_id and STOP_REQUEST in world.store.requests(row.run_id) for row in found)


def await_jitter(schedule: Schedule, slot: Slot, world: World) -> None:
    """Wait until a time that the slot has for itself within the schedule's `jitter`, the same for every wake.

    For schedulers that do not spread their wakes. Raises `Interrupted` when a signal comes.
    """
    share = crc32(f"{slot.schedule} {instant(slot.at)} {world.environ.get('HOSTNAME', '')}".encode()) / 2**32
    start = slot.at + timedelta(seconds=schedule.jitter_s * share)
    while world.clock.now() < start:
        pause(world)


def _perform(slot: Slot, schedule: Schedule, world: World, run: Callable[[Slot], int]) -> int:
    now = world.clock.now()
    try:
        for pause in world.store.pauses():
            if (pause.kind, pause.name) == (SCHEDULE, schedule.name) and pause.holds(now):
                raise NotNow(f"it is paused since {instant(pause.since)}", code="paused")
        return run(slot)
    except NotNow as held:
        outcome = {"busy": words.SKIPPED_OVERLAP, "paused": words.PAUSED}.get(held.code, words.SKIPPED_POLICY)
        world.tell(f"{slot.schedule}: the slot {instant(slot.at)} is not run: {held.message}")
        ledger.close(slot, outcome, Reason(held.code, held.message), world.scene)
        return Exit.OK
    except StateConflict as conflict:
        if conflict.code != "slot_taken":
            raise
        return Exit.OK  # somebody else runs it
    except TetraError as error:
        ledger.close(slot, words.MISSED, Reason(error.code, error.message), world.scene)
        raise


def trigger(slot: Slot, now: datetime) -> str:
    """What a run for the slot that begins now was started by."""
    return words.ON_TIME if now <= slot.due_by else words.MADE_UP


@contextmanager
def in_turn(slots: Sequence[Slot], schedule: Schedule, project: Project, world: World) -> Iterator[None]:
    """Hold one of the places for runs that are made up for, so that not all of them start when a machine wakes.

    Those of a higher priority go first, and the starts are spread as `timers` says. Slots on time wait for nothing.
    """
    if all(world.clock.now() <= slot.due_by for slot in slots):
        yield
        return
    ledger.settle_all(project, world.scene)  # the slots of others, too, whose timers may be about to wake us
    _spread(schedule, project, world)
    with ExitStack() as place:
        _wait_for_place(schedule, project, world, place)
        yield


def _wait_for_place(schedule: Schedule, project: Project, world: World, place: ExitStack) -> None:
    until = world.clock.monotonic() + OTHERS_S
    names = [f"made-up-{number}" for number in range(project.timers.at_once or project.host.max_parallel)]
    while True:
        if world.clock.monotonic() >= until or not _before(schedule, project, world.scene):
            for name in names:
                with suppress(NotNow):
                    place.enter_context(world.locks.held([name], f"schedule {schedule.name}"))
                    return
        pause(world)


def _before(schedule: Schedule, project: Project, scene: Scene) -> list[str]:
    """The schedules of a higher priority that have slots which wait to be run."""
    first = {one.name for one in project.schedules if one.enabled and one.priority > schedule.priority}
    if not first:
        return []
    waiting = scene.store.ledger.slots(unsettled=True)
    return [slot.schedule for slot in waiting if slot.schedule in first and slot.run_id is None]


def _spread(schedule: Schedule, project: Project, world: World) -> None:
    """Wait for this schedule's part of the time over which starts are spread."""
    if not project.timers.spread_s:
        return
    waiting = {one.schedule for one in world.store.ledger.slots(unsettled=True) if one.run_id is None}
    order = sorted(project.schedules, key=lambda one: -one.priority)
    names = [one.name for one in order if one.name in waiting or one.name == schedule.name]
    share = project.timers.spread_s / len(names)
    until = world.clock.monotonic() + share * names.index(schedule.name)
    while world.clock.monotonic() < until:
        pause(world)


def overlap_of(schedule: Schedule) -> str:
    """What a run of the schedule does about others: several at once are beside each other."""
    return "allow" if (schedule.max_concurrent_runs or 1) > 1 and schedule.overlap == SKIP else schedule.overlap
