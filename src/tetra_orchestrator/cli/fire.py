"""`fire`: what timers start. Every option of it, with its help; what it does is in `tetra_orchestrator.fire`."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator.cli.project import ConfigOption
from tetra_orchestrator.errors import UsageError


def command(
    schedule: Annotated[str | None, typer.Argument(metavar="[SCHEDULE]", help="A schedule of the file.")] = None,
    by: Annotated[
        str | None, typer.Option(metavar="KIND", help="The scheduler that woke us, such as systemd-user.")
    ] = None,
    slot: Annotated[str | None, typer.Option(metavar="T", help="Only this slot, which was left to us.")] = None,
    boot: Annotated[bool, typer.Option("--boot", help="Settle all schedules after a start of the machine.")] = False,
    config: ConfigOption = None,
) -> int:
    """Run what is due of a schedule. Timers start this; it decides, not they.

    Every other slot is settled. To run a schedule now: `schedule run-now`.

    Examples: `fire weekly`, `fire --boot`.
    """
    from tetra_orchestrator.cli.firing import instant_of
    from tetra_orchestrator.fire import Wake, fire

    if (schedule is None) == (not boot):
        raise UsageError("fire takes a schedule or --boot", hint="`tetra schedule list` names the schedules")
    return fire(Wake(schedule, config, by, instant_of(slot) if slot else None, boot))
