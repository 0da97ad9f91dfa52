"""`start --foreground`: for machines without a scheduler, such as containers."""

from __future__ import annotations

import os

from tetra_orchestrator import wire, wire_timers
from tetra_orchestrator.core.reasons import STOP_REQUEST
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.core.units import BOOT_SWEEP, timer_specs
from tetra_orchestrator.engine.foreground import Watch, next_slot
from tetra_orchestrator.timer_port import FOREGROUND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tetra_orchestrator.core.model import Project

#: Seconds that runs which were left to processes of their own get for their end.
END_S = 60.0


def keep_watch(load: Callable[[], Project], tell: Callable[[str], None]) -> int:
    """Wake the guards of all schedules at their times until TERM or INT, then end what runs; returns the exit code.

    Raises `NotNow` where somebody else does so for this project already.
    """
    project = load()
    with wire.locks(project.root).held(["foreground"], f"process {os.getpid()}"), wire_timers.caught() as interrupts:
        for schedule in project.schedules:
            tell(f"schedule {schedule.name}: {_about(project, schedule.name)}")
        if (following := next_slot(project, wire.clock().now())) is not None:
            tell(f"the next slot is {instant(following[0].replace(microsecond=0))} ({following[1]})")
        guards = wire_timers.guards(lambda name: _argv(load(), name), project.root)
        code = Watch(load, guards, wire.clock(), interrupts, tell).keep()
    _end_the_rest(project)
    return code


def _about(project: Project, name: str) -> str:
    """What a schedule does, for the log of the start (D-063)."""
    schedule = next(one for one in project.schedules if one.name == name)
    times = [schedule.cron, schedule.every_s and f"every {schedule.every_s:g} s", schedule.at]
    due = [str(time) for time in times if time] + ["at startup"] * schedule.on_startup
    return f"{', '.join(due)} {schedule.timezone}, {'enabled' if schedule.enabled else 'switched off'}"


def _argv(project: Project, name: str | None) -> list[str]:
    specs = timer_specs(project, wire_timers.placement(project, FOREGROUND))
    sweep = next(spec for spec in specs if spec.name == BOOT_SWEEP)
    return [name if name and word == "--boot" else word for word in sweep.argv]


def _end_the_rest(project: Project) -> None:
    """End the runs that guards have left to processes of their own."""
    from tetra_orchestrator.engine.cancel import end_all

    with wire.settled(project.store_url, project.root, end_survivors=True) as scene:
        ours = [run for run in scene.store.runs(active=True, limit=1000) if run.schedule is not None]
        end_all(ours, STOP_REQUEST, scene, END_S)
