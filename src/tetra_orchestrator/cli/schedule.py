"""`schedule`: when the schedules of the file, or any cron rule, are due."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

import typer

from tetra_orchestrator.cli.output import instant, print_json, print_table
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.core.model import Schedule
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(help="When schedules are due.", rich_markup_mode=None, invoke_without_command=True)


@app.callback()
def default(context: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Show when every schedule of the file is due next."""
    if context.invoked_subcommand is None:
        return following(config=config, as_json=as_json)
    return 0


@app.command("next")
def following(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this schedule of the file.")] = None,
    cron: Annotated[str | None, typer.Option(metavar="EXPR", help="A cron rule instead of the file.")] = None,
    tz: Annotated[str, typer.Option(metavar="ZONE", help="Time zone for --cron.")] = "UTC",
    since: Annotated[str | None, typer.Option("--from", metavar="T", help="Start here instead of now.")] = None,
    number: Annotated[int, typer.Option("-n", min=1, metavar="N", help="How many slots of each.")] = 5,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """List the next slots."""
    after = _instant(since) if since else datetime.now(UTC)
    schedules = _of_file(config, name) if cron is None else [_of_rule(cron, tz)]
    try:
        rows = [row for one in schedules for row in _slots(one, after, number)]
    except OverflowError:
        raise UsageError(f"--from {since!r} is beyond the calendar", hint="the years are 1 to 9999") from None
    rows.sort(key=lambda row: str(row["slot"]))
    if as_json:
        print_json("schedule.next", {"slots": rows})
    else:
        print_table(
            ("schedule", "mode", "due", "zone"), [(r["schedule"], r["mode"], r["local"], r["zone"]) for r in rows]
        )
    return 0


def _of_rule(cron: str, tz: str) -> Schedule:
    from zoneinfo import ZoneInfo

    from tetra_orchestrator.core.schedule import check_rule

    check_rule(cron)
    try:
        ZoneInfo(tz)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"there is no time zone {tz!r}", hint="use an IANA name, such as Europe/Paris") from None
    return Schedule("--cron", "", cron, tz)


def _of_file(config: str | None, name: str | None) -> Sequence[Schedule]:
    project = load(Source(config)).project
    if name is None:
        return [schedule for schedule in project.schedules if schedule.enabled]
    found = [schedule for schedule in project.schedules if schedule.name == name]
    if not found:
        known = ", ".join(schedule.name for schedule in project.schedules)
        raise UsageError(f"Unknown schedule: {name}", hint=f"schedules: {known or 'none'}")
    return found


def _slots(schedule: Schedule, after: datetime, number: int) -> list[dict[str, str | None]]:
    from zoneinfo import ZoneInfo

    from tetra_orchestrator.core.schedule import slots_of

    zone = ZoneInfo(schedule.timezone)
    return [
        {
            "schedule": schedule.name,
            "mode": schedule.mode or None,
            "slot": instant(slot),
            "local": slot.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z"),
            "zone": schedule.timezone,
        }
        for slot in islice(slots_of(schedule, after), number)
    ]


def _instant(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--from {text!r} is not a time", hint="write it as 2026-03-01T20:00:00Z") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
