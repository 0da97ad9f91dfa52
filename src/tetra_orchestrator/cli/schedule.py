"""`schedule`: when the schedules of the file, or any cron rule, are due, and the timers that wake us then."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

import typer

from tetra_orchestrator import wire
from tetra_orchestrator.cli import (
    schedule_golden,
    schedule_lint,
    schedule_list,
    schedule_slots,
    schedule_switch,
    schedule_units,
)
from tetra_orchestrator.cli.output import instant, print_json, print_table
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.cli.times import INSTANT, Reader
from tetra_orchestrator.core.history import SCHEDULE
from tetra_orchestrator.core.model import Schedule
from tetra_orchestrator.core.selection import suggest
from tetra_orchestrator.errors import ConfigError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.core.history import Pause

app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)


@app.callback()
def default(context: typer.Context, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """When schedules are due, and their timers.

    Without a command it shows when every schedule of the file is due next.

    Examples: `schedule`, `schedule list`, `schedule apply`.
    """
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
    """List the next slots.

    Examples: `schedule next`, `schedule next weekly -n 3`, `schedule next --cron "0 20 * * 0" --tz America/New_York`.
    """
    reader = Reader("--from", f"write it as {INSTANT}", UTC)
    after = reader.read(since) if since else datetime.now(UTC)
    schedules, pauses = _of_file(config, name) if cron is None else ([_of_rule(cron, tz)], ())
    try:
        rows = [row for one in schedules for row in _slots(one, after, number, pauses)]
    except OverflowError:
        raise UsageError(f"--from {since!r} is beyond the calendar", hint="the years are 1 to 9999") from None
    rows.sort(key=lambda row: str(row["slot"]))
    if as_json:
        print_json("schedule.next", {"slots": rows})
    else:
        print_table(
            ("schedule", "mode", "due", "zone"),
            [(_marked(r), r["mode"], r["local"], r["zone"]) for r in rows],
            spare=("mode",),
        )
    return 0


def _of_rule(cron: str, tz: str) -> Schedule:
    from tetra_orchestrator.core.schedule import check_rule, zone

    check_rule(cron)
    try:
        zone(tz)
    except ConfigError as error:
        raise UsageError(error.message, hint=error.hint) from None
    return Schedule("--cron", "", cron, tz)


def _of_file(config: str | None, name: str | None) -> tuple[Sequence[Schedule], Sequence[Pause]]:
    """The schedules, and the pauses of any."""
    project = load(Source(config)).project
    if name is None:
        found = [schedule for schedule in project.schedules if schedule.enabled]
    else:
        found = [schedule for schedule in project.schedules if schedule.name == name]
        if not found:
            known = [schedule.name for schedule in project.schedules]
            raise UsageError(f"Unknown schedule: {name}", hint=suggest(name, known, "schedules"))
    with closing(wire.store(project.store_url)) as store:
        return found, [pause for pause in store.pauses() if pause.kind == SCHEDULE]


def _slots(schedule: Schedule, after: datetime, number: int, pauses: Sequence[Pause]) -> list[dict[str, Any]]:
    from tetra_orchestrator.core.schedule import slots_of, zone

    local = zone(schedule.timezone)
    own = [pause for pause in pauses if pause.name == schedule.name]
    return [
        {
            "schedule": schedule.name,
            "mode": schedule.mode or None,
            "slot": instant(slot),
            "local": slot.astimezone(local).strftime("%Y-%m-%d %H:%M %Z"),
            "zone": schedule.timezone,
            "paused": any(pause.since <= slot and pause.holds(slot) for pause in own),
        }
        for slot in islice(slots_of(schedule, after), number)
    ]


def _marked(row: Mapping[str, Any]) -> str:
    return f"{row['schedule']} (paused)" if row["paused"] else str(row["schedule"])


app.command("audit")(schedule_slots.audit)
app.command("run-now")(schedule_slots.run_now)
app.command("list")(schedule_list.command)
app.command("plan")(schedule_units.plan)
app.command("apply")(schedule_units.apply)
app.command("prune")(schedule_units.prune)
app.command("enable")(schedule_switch.enable)
app.command("disable")(schedule_switch.disable)
app.command("lint")(schedule_lint.command)
app.command("verify")(schedule_golden.command)
