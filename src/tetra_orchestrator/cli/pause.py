"""`pause`: hold pipelines or schedules back."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator import failpoints
from tetra_orchestrator.cli.known import glance, settled, whole
from tetra_orchestrator.cli.output import local, print_json
from tetra_orchestrator.cli.pauses import chosen, pause_row, told
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.times import DATE, INSTANT, Reader
from tetra_orchestrator.errors import Exit, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Pipelines or schedules of the file.")]
ScheduleOption = Annotated[bool, typer.Option("--schedule", help="Schedules only: a pipeline may have the same name.")]


def command(
    names: Names,
    schedule: ScheduleOption = False,
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="When it ends: 2026-03-01T20:00:00Z, 2026-03-01, or in 2h, 3d.")
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for whoever meets it.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Hold pipelines or schedules back until `unpause`.

    What runs is not ended, and a mode runs without them.

    Examples: `pause data_pipeline`, `pause weekly --schedule --until 2d --reason "the source moves"`.
    """
    from tetra_orchestrator import wire

    seen = glance(config)
    wanted = chosen(names, seen, schedules_only=schedule)
    now = wire.clock().now().replace(microsecond=0)
    end = None if until is None else _end(until, now)
    why = " ".join((reason or "").split()) or None
    with settled(seen, project=whole(seen, config)) as scene:
        for kind, name in wanted:
            failpoints.hit("pause.write")
            scene.store.pause(kind, name, now, end, why)
            failpoints.hit("pause.write.commit")
        paused = [one for one in scene.store.pauses() if (one.kind, one.name) in wanted]
    if as_json:
        print_json("pause", {"paused": [pause_row(one) for one in paused]})
    else:
        print("\n".join(told(one) for one in paused))
    return Exit.OK


def _end(text: str, now: datetime) -> datetime:
    """The instant that `--until` means (UTC). Raises `UsageError` for one that cannot be read or is not to come."""
    hint = f"write an instant ({INSTANT}), a date ({DATE}) or a duration (2h, 3d)"
    end = Reader("--until", hint, times=False, now=now).read(text)
    if end <= now:
        raise UsageError(f"--until {text!r} has passed", hint=f"it is {local(now)}; choose a time to come")
    return end
