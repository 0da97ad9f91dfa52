"""What the guard asks of the system's scheduler: who woke it, and to start what outlives it."""

from __future__ import annotations

import os

from tetra_orchestrator import wire, wire_timers
from tetra_orchestrator.core.units import BOOT_SWEEP, continuation, timer_specs
from tetra_orchestrator.timer_port import FOREGROUND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.units import TimerSpec


def started_by_hand(by: str, project: Project, name: str, marked: datetime | None) -> bool:
    """Whether somebody has started the timer's unit, and not the timer, given when that last woke us or was armed.

    For systemd, which tells when a timer has elapsed: one that has not since the last wake has not woken us now. A mark
    of a clock that was ahead says nothing.
    """
    last = wire_timers.timers(by).states(project.name, [name])[name].last_at
    return last is None or (marked is not None and last <= marked <= wire.clock().now())


def wake(by: str, project: Project, name: str) -> None:
    """Have the guard of a schedule started now, by its own unit where it has one."""
    spec = _spec(by, project, name)
    if by == FOREGROUND or spec.name != name:
        return leave(by, project, name, [])
    return wire_timers.timers(by).wake(spec)


def leave(by: str, project: Project, name: str, options: Sequence[str]) -> None:
    """Start the guard of a schedule with further options in a process that outlives us.

    One for a slot, woken without a scheduler, writes where we do: to the output of who waits for the times.
    """
    spec = _spec(by, project, name)
    own = [name if word == "--boot" else word for word in spec.argv]
    argv = [*own, *options]
    if by == FOREGROUND:
        return wire_timers.detach(argv, os.environ, spec.cwd, None if options else spec.log)
    unit = "-".join([project.name, name, *(word.strip("-").replace(":", "") for word in options)])
    return wire_timers.timers(by).dispatch(unit, argv, dict(spec.env), spec.cwd, spec.log)


def go_on(by: str, project: Project, backfill_id: str) -> None:
    """Start a process that outlives us and goes on with the backfill."""
    spec = continuation(backfill_id, project, wire_timers.placement(project, by))
    if by == FOREGROUND:
        return wire_timers.detach(spec.argv, os.environ, spec.cwd, spec.log)
    unit = f"{project.name}-{backfill_id}"
    return wire_timers.timers(by).dispatch(unit, spec.argv, dict(spec.env), spec.cwd, spec.log)


def _spec(by: str, project: Project, name: str) -> TimerSpec:
    """The timer of the schedule; that of the boot sweep for one that only a start of the machine makes due."""
    specs = {spec.name: spec for spec in timer_specs(project, wire_timers.placement(project, by))}
    return specs.get(name) or specs[BOOT_SWEEP]
