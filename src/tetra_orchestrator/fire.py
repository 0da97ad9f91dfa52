"""What a timer starts: the guard. It recomputes what is due, runs that, and settles every other slot with a reason.

The system's scheduler may wake it too often, too late or twice: the slot ledger decides, not the wake. Nothing of
Typer, YAML or pydantic is on its way while the parsed project is in the cache.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta

from tetra_orchestrator import wire, wire_timers
from tetra_orchestrator.config.cache import last_good, load
from tetra_orchestrator.config.find import find_config, project_root
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.slots import dispatches
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.engine import ledger
from tetra_orchestrator.errors import ConfigError, Exit, TetraError, UsageError
from tetra_orchestrator.timer_port import FOREGROUND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.backfill import Backfill
    from tetra_orchestrator.core.model import Project, Schedule
    from tetra_orchestrator.core.slots import Slot
    from tetra_orchestrator.engine.reconcile import Scene
    from tetra_orchestrator.ports import Store


#: So long after the boot sweep has woken a guard, it is not taken to have been started by hand.
SWEPT = timedelta(minutes=5)


def swept(name: str) -> str:
    """What the mark of the boot sweep's wake of a schedule is called; no schedule can be."""
    return f"{name}.swept"


class Wake(Record):
    """Who was woken, and how: `by` is the kind of the scheduler, None by hand. With `slot` for that one alone."""

    name: str | None
    config: str | None = None
    by: str | None = None
    slot: datetime | None = None
    boot: bool = False


def fire(wake: Wake) -> int:
    """Run what is due of the schedule; returns 0 where nothing had to be run, else the run's exit code.

    Raises `ConfigError` where the file cannot be used; what was due then is settled by the last configuration that
    could be.
    """
    path = find_config(wake.config, os.environ, os.getcwd())
    try:
        loaded = load(path, environ=os.environ)
    except ConfigError as error:
        _settle_without(path, error)
        raise
    if wake.boot:
        return _sweep(loaded, wake.by)
    schedule = schedule_of(loaded.project, wake.name)
    marked = _mark(wake, loaded.project)
    code = _due(schedule, loaded, wake)
    if code is not None:
        return code
    if wake.by and not wake.slot and _started_by_hand(wake.by, loaded.project, schedule.name, marked):
        from tetra_orchestrator.scheduled import run_now

        code = run_now(schedule, loaded)
        _mark(wake, loaded.project)  # systemd starts nothing for what has elapsed meanwhile: that is seen to here
        return max(code, _due(schedule, loaded, wake) or Exit.OK)
    return Exit.OK


def _due(schedule: Schedule, loaded: Loaded, wake: Wake) -> int | None:
    """Run what is due; returns the exit code, None where nothing is."""
    project = loaded.project
    with wire.settled(project.store_url, project.root, project.name, end_survivors=True) as scene:
        mine = _mine(schedule, loaded, wake, scene)
        if not mine:
            _tell(loaded, scene.store)
            return None
        from tetra_orchestrator.scheduled import run_slots

        return run_slots(schedule, loaded, mine, wake.by, scene.store)


def _tell(loaded: Loaded, store: Store) -> None:
    """Tell who wants to know what has happened, such as a run whose owner has died."""
    if loaded.project.alerting is not None:
        from tetra_orchestrator.wire_watch import after_run

        after_run(loaded, store)


def _started_by_hand(by: str, project: Project, name: str, marked: datetime | None) -> bool:
    """Whether somebody has started the unit, and not its timer: then the schedule is run, whatever the time."""
    if not by.startswith("systemd"):
        return False  # no other tells
    from tetra_orchestrator import timers

    last = wire_timers.woken_at(project.root, swept(name))
    if last is not None and abs(wire.clock().now() - last) < SWEPT:
        return False  # the boot sweep has woken us, and somebody else was faster
    return timers.started_by_hand(by, project, name, marked)


def _mark(wake: Wake, project: Project) -> datetime | None:
    """Note that a timer has woken us; returns when that was last so."""
    if not wake.by or not wake.name or wake.slot:
        return None
    marked = wire_timers.woken_at(project.root, wake.name)
    wire_timers.mark_wake(project.root, wake.name)
    return marked


def schedule_of(project: Project, name: str | None) -> Schedule:
    """The schedule called so; raises `UsageError` where there is none."""
    known = project.schedules
    found = next((schedule for schedule in known if schedule.name == name), None)
    if found is None:
        from tetra_orchestrator.core.selection import suggest

        listed = suggest(str(name), [schedule.name for schedule in known], "schedules")
        hint = f"{listed}; `tetra schedule prune` removes timers of schedules that are gone"
        raise UsageError(f"Unknown schedule: {name}", hint=hint)
    return found


def _mine(schedule: Schedule, loaded: Loaded, wake: Wake, scene: Scene) -> list[Slot]:
    """The slots that this process is to run; those of processes of their own are left to these."""
    if wake.slot is not None:
        slot = ledger.adopt(schedule, wake.slot, scene)
        return [slot] if slot else []
    if wake.by is None or not dispatches(schedule):
        return ledger.claim(schedule, loaded.project, scene)
    _leave(ledger.claim(schedule, loaded.project, scene, dispatched=True), wake.by, loaded.project)
    return []


def _leave(slots: Sequence[Slot], by: str, project: Project) -> None:
    """Start a process for each of the slots. Raises the first error after all were tried."""
    if not slots:
        return
    from tetra_orchestrator import timers

    failed = []
    for slot in slots:
        try:
            timers.leave(by, project, slot.schedule, ["--slot", instant(slot.at)])
        except TetraError as error:
            failed.append(error)
    if failed:
        raise failed[0]


def _sweep(loaded: Loaded, by: str | None) -> int:
    """After a start of the machine: settle every schedule, and wake those that have something to run."""
    project = loaded.project
    with wire.settled(project.store_url, project.root, project.name, end_survivors=True) as scene:
        ledger.settle_all(project, scene)
        if by == FOREGROUND or wire_timers.is_first_since_boot(project.root):
            for schedule in project.schedules:
                if schedule.enabled and schedule.on_startup:
                    ledger.expect_startup(schedule, scene)
            wire_timers.note_boot(project.root)
        waiting = ledger.waiting(scene)
        left = [one.backfill_id for one in scene.store.backfills.all() if _is_left(one, scene)]
        _tell(loaded, scene.store)
    _go_on(left, by or FOREGROUND, project)
    if by == FOREGROUND:
        return Exit.OK  # whoever started us looks after all of them when we have ended
    from tetra_orchestrator import timers

    for schedule in sorted(project.schedules, key=lambda one: -one.priority):
        if schedule.enabled and schedule.name in waiting:
            wire_timers.mark_wake(project.root, swept(schedule.name))
            timers.wake(by or FOREGROUND, project, schedule.name)
    return Exit.OK


def _is_left(backfill: Backfill, scene: Scene) -> bool:
    """Whether a backfill that nobody has paused is worked on by nobody."""
    from tetra_orchestrator.core.backfill import RUNNING, lock_of

    return backfill.state == RUNNING and not scene.locks.is_held(lock_of(backfill.backfill_id))


def _go_on(backfills: Sequence[str], by: str, project: Project) -> None:
    """Start a process for each of them."""
    if not backfills:
        return
    from tetra_orchestrator import timers

    for backfill_id in backfills:
        timers.go_on(by, project, backfill_id)


def _settle_without(path: str, mistake: ConfigError) -> None:
    """Have the slots that are due be `missed`, by the configuration as it last could be used."""
    known = last_good(path, os.environ)
    if known is None:
        return
    root = project_root(path)
    try:
        with wire.settled(known.project.store_url, root, known.project.name) as scene:
            ledger.miss_all(known.project, mistake.first, scene)
    except Exception as error:  # the reason to tell is the configuration's
        sys.stderr.write(f"warning: the slots that are due stay open: {error}\n")
