"""Runs of schedules: for slots that the guard has claimed, or now and for none."""

from __future__ import annotations

import os

from tetra_orchestrator import wire
from tetra_orchestrator.core.selection import declared, select
from tetra_orchestrator.engine.fire import await_jitter, overlap_of, perform_due, trigger
from tetra_orchestrator.engine.start import Request
from tetra_orchestrator.launch import live_long, performer, refuse_unregistered, start, tell
from tetra_orchestrator.timer_port import SYSTEMD_SYSTEM, SYSTEMD_USER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.model import Json, Mode, Project, Schedule
    from tetra_orchestrator.core.slots import Slot
    from tetra_orchestrator.ports import Reporter, Store, Subject

#: The schedulers that spread the wakes of a timer by themselves; by hand nobody waits.
SPREADING = (SYSTEMD_USER, SYSTEMD_SYSTEM, None)


def run_now(schedule: Schedule, loaded: Loaded, style: str = "plain") -> int:
    """Run what the schedule runs, whatever the time; no slot is settled by that."""
    return start(request(schedule, loaded), loaded, style)


def request(schedule: Schedule, loaded: Loaded, slot: Slot | None = None, now: datetime | None = None) -> Request:
    """What a run of the schedule is asked for, for the slot that it is about to run."""
    project = loaded.project
    selection = select(project, schedule.mode, schedule.pipelines)
    asked = Request(
        project,
        selection,
        loaded.document,
        _params(project, selection.mode),
        secrets=loaded.secrets,
        given={},
        overlap=overlap_of(schedule),
    )
    if slot is None or now is None:
        return asked
    return asked._replace(trigger=trigger(slot, now), schedule=schedule.name, slot=slot.at)


def _params(project: Project, mode: Mode | None) -> dict[str, Json]:
    """The defaults of the parameters; most projects have none. Raises `UsageError` where one must be given."""
    wanted = declared(project, mode)
    if not wanted:
        return {}
    from tetra_orchestrator.core.params import resolve

    return resolve(wanted, {})


def run_slots(schedule: Schedule, loaded: Loaded, mine: list[Slot], by: str | None, store: Store) -> int:
    """Run the slots that are ours, and those that fall due meanwhile; returns the worst exit code.

    `by` is the kind of the scheduler that has woken us, `store` the project's, which stays open.
    """
    live_long()
    refuse_unregistered(loaded, request(schedule, loaded))
    project, spread = loaded.project, bool(schedule.jitter_s) and by not in SPREADING
    with wire.screen() as screen, wire.world(project, os.environ, store) as world:

        def run(slot: Slot) -> int:
            if spread:
                await_jitter(schedule, slot, world)
            asked = request(schedule, loaded, slot, world.clock.now())
            own = world._replace(runner=wire.runner(project, os.environ))
            report = wire.reporters("plain", screen)
            return _heard(schedule, lambda heard: performer(project)(asked, own, heard), report)

        code = perform_due(schedule, project, mine, world, run)
        screen.settled = True
        wire.prune(project, world)
        tell(loaded, world.store)
    return code


def _heard(
    schedule: Schedule,
    work: Callable[[Callable[[Subject], Reporter]], int],
    report: Callable[[Subject], Reporter],
) -> int:
    """Do the work, which reports so, and have the schedule's dead man's switch hear of that if it has one."""
    if schedule.heartbeat is None:
        return work(report)
    from tetra_orchestrator.wire_watch import heartbeat

    with heartbeat(schedule.heartbeat) as heart:

        def begun(subject: Subject) -> Reporter:
            heart.begin()
            return report(subject)

        heart.code = work(begun)
        return heart.code
