"""`schedule audit` and `schedule run-now`: what became of every slot, and a run without one."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Annotated

import typer

from tetra_orchestrator import wire
from tetra_orchestrator.cli.output import brief, instant, print_json, print_table
from tetra_orchestrator.cli.paint import cell
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.cli.times import past
from tetra_orchestrator.errors import Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tetra_orchestrator.core.slots import Slot

#: How far back an audit looks that is not told.
PERIOD = timedelta(days=7)
#: Rows that a person is shown; the counts are of all.
SHOWN = 50


def audit(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this schedule of the file.")] = None,
    since: Annotated[str | None, typer.Option(metavar="T", help="From here on. [default: seven days ago]")] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="Up to here. [default: now]")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show every slot of a period, with what became of it and why.

    Examples: `schedule audit`, `schedule audit weekly --since 30d`.
    """
    from tetra_orchestrator.core.schedule import zone

    project, now = load(Source(config)).project, wire.clock().now()
    if name is not None:
        from tetra_orchestrator.fire import schedule_of

        schedule_of(project, name)
    local_zone = zone(project.timezone)
    begin = past("--since", local_zone, now).read(since) if since else now - PERIOD
    end = past("--until", local_zone, now).read(until) if until else now
    with wire.settled(project.store_url, project.root, project=project) as scene:
        slots = scene.store.ledger.slots(name, since=begin, until=end)
    counts = dict(sorted(Counter(slot.outcome for slot in slots).items()))
    if as_json:
        print_json("schedule.audit", {"slots": [_row(slot) for slot in slots], "counts": counts})
    else:
        _print(slots, counts)
    return Exit.OK


def run_now(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A schedule of the file.")],
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The events, one JSON object per line.")] = False,
) -> int:
    """Run what a schedule runs, now and here.

    No slot is settled by that.

    Example: `schedule run-now weekly`.
    """
    from tetra_orchestrator.cli.running import style_of
    from tetra_orchestrator.fire import schedule_of
    from tetra_orchestrator.scheduled import run_now

    loaded = load(Source(config))
    return run_now(schedule_of(loaded.project, name), loaded, style_of("auto", as_json=as_json))


def _row(slot: Slot) -> dict[str, Any]:
    return {
        "schedule": slot.schedule,
        "slot": instant(slot.at),
        "outcome": slot.outcome,
        "reason": slot.reason and slot.reason._asdict(),
        "run_id": slot.run_id,
        "lateness_s": slot.lateness_s,
    }


def _print(slots: list[Slot], counts: dict[str, int]) -> None:
    shown = slots[-SHOWN:]
    head, times = brief("slot", [slot.at for slot in shown])
    print_table(
        ("schedule", head, "outcome", "why"),
        [
            (slot.schedule, time, cell(slot.outcome), slot.reason.text if slot.reason else slot.run_id or "-")
            for slot, time in zip(shown, times, strict=True)
        ],
    )
    if len(slots) > SHOWN:
        print(f"\n{len(slots) - SHOWN} earlier ones are not shown; --until shows them, and --json all")
    print("\n" * bool(slots) + (", ".join(f"{count} {word}" for word, count in counts.items()) or "no slot was due"))
