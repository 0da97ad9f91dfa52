"""`schedule enable` and `schedule disable`: whether schedules run at their times."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from tetra_orchestrator import wire
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.cli.timers import ByOption, SystemOption, any_backend, disabled, site_of
from tetra_orchestrator.core.history import DISABLED, SCHEDULE
from tetra_orchestrator.core.selection import suggest
from tetra_orchestrator.engine import timers
from tetra_orchestrator.errors import Exit, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.core.model import Project

Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Schedules of the file.")]


def disable(
    names: Names,
    system: SystemOption = False,
    by: ByOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Have schedules not run at their times until `enable`.

    Their timers are disarmed. What runs is not ended.

    Example: `schedule disable weekly`.
    """
    project = _project_with(names, config)
    now = wire.clock().now().replace(microsecond=0)
    with closing(wire.store(project.store_url)) as store:
        for name in dict.fromkeys(names):
            store.pause(SCHEDULE, name, now, None, DISABLED)
    backend, disarmed = any_backend(by, system), []
    if backend:
        site = site_of(project, backend)
        disarmed = timers.disarm(names, timers.survey(site), site)
    _tell("disable", names, "disarmed", disarmed, as_json=as_json)
    return Exit.OK


def enable(
    names: Names,
    system: SystemOption = False,
    by: ByOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Have schedules run at their times again.

    Their timers are armed.

    Example: `schedule enable weekly`.
    """
    project = _project_with(names, config)
    for schedule in project.schedules:
        if schedule.name in names and not schedule.enabled:
            raise UsageError(f"the schedule {schedule.name} is off in the file", hint="set `enabled: true` there")
    off = disabled(project)
    with closing(wire.store(project.store_url)) as store:
        for name in off.intersection(names):
            store.unpause(SCHEDULE, name)
    backend, armed = any_backend(by, system), []
    if backend:
        site = site_of(project, backend)
        armed = timers.arm(names, timers.survey(site), site)
    _tell("enable", names, "armed", armed, as_json=as_json)
    return Exit.OK


def _project_with(names: Sequence[str], config: str | None) -> Project:
    project = load(Source(config)).project
    known = [schedule.name for schedule in project.schedules]
    for name in names:
        if name not in known:
            raise UsageError(f"Unknown schedule: {name}", hint=suggest(name, known, "schedules"))
    return project


def _tell(command: str, names: Sequence[str], done: str, timers: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json(f"schedule.{command}", {f"{command}d": list(dict.fromkeys(names)), done: list(timers)})
        return
    for name in dict.fromkeys(names):
        its = f"its timer is {done}" if name in timers else _without(command)
        print(f"{name}: the schedule is {command}d, {its}")


def _without(command: str) -> str:
    if command == "disable":
        return "and no timer waits for it"
    return "but no timer of ours is installed: see `tetra schedule apply`"
