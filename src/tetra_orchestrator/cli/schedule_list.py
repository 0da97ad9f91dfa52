"""`schedule list`: what every schedule of the file runs, when, and whether its timer waits."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import Annotated

import typer

from tetra_orchestrator import wire
from tetra_orchestrator.cli.output import brief, instant, print_json, print_table
from tetra_orchestrator.cli.pauses import pause_row
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.cli.timers import ByOption, SystemOption, any_backend
from tetra_orchestrator.core.history import DISABLED, SCHEDULE
from tetra_orchestrator.core.spoken import duration
from tetra_orchestrator.core.units import MONITOR, is_monitored, look_every_s
from tetra_orchestrator.errors import Exit, TetraError, UsageError
from tetra_orchestrator.timer_port import FOREGROUND, TimerState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.core.history import Pause
    from tetra_orchestrator.core.model import Project, Schedule


def command(
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="Only schedules with this tag. Repeatable.")
    ] = None,
    system: SystemOption = False,
    by: ByOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show what every schedule runs, when, and its timer.

    Examples: `schedule list`, `schedule list --tag team=risk`.
    """
    wanted = {_tag(text) for text in tag or ()}
    project, now = load(Source(config)).project, wire.clock().now()
    kind, states = _states(project, by, system)
    with closing(wire.store(project.store_url)) as store:
        pauses = {one.name: one for one in store.pauses() if one.kind == SCHEDULE and one.holds(now)}
    schedules = [one for one in project.schedules if wanted <= set(one.tags)]
    rows = [_row(one, now, states.get(one.name), pauses.get(one.name)) for one in schedules]
    monitor = _monitor(project, states)
    if as_json:
        print_json("schedule.list", {"by": kind, "schedules": rows, "monitor": monitor})
    else:
        _print(schedules, rows)
        _print_monitor(monitor)
    return Exit.OK


def _tag(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise UsageError(f"--tag {text!r} is not KEY=VALUE", hint="write it like --tag environment=production")
    return key, value


def _states(project: Project, by: str | None, system: bool) -> tuple[str | None, Mapping[str, TimerState]]:
    """The scheduler's kind and how it sees the timers; nothing where there is none, or none that answers.

    A loop in the foreground stands for one.
    """
    from tetra_orchestrator.foreground import is_watched

    names = [*(schedule.name for schedule in project.schedules), *[MONITOR] * is_monitored(project)]
    if not by and not system and is_watched(project.root):
        return FOREGROUND, dict.fromkeys(names, TimerState(known=True, enabled=True, waiting=True))
    backend = any_backend(by, system)
    if backend is None:
        return None, {}
    try:
        if not backend.installed(project.name):
            return backend.kind, dict.fromkeys(names, TimerState())
        return backend.kind, backend.states(project.name, names)
    except TetraError as error:
        print(f"warning: {error}", file=sys.stderr)
        return backend.kind, {}


def _row(schedule: Schedule, now: datetime, state: TimerState | None, pause: Pause | None) -> dict[str, Any]:
    from tetra_orchestrator.core.schedule import slots_of

    due = next(slots_of(schedule, now), None) if schedule.enabled else None
    return {
        "schedule": schedule.name,
        "mode": schedule.mode,
        "pipelines": list(schedule.pipelines),
        "enabled": schedule.enabled,
        "cron": schedule.cron,
        "every_s": schedule.every_s,
        "at": schedule.at,
        "on_startup": schedule.on_startup,
        "timezone": schedule.timezone,
        "tags": dict(schedule.tags),
        "next_slot": instant(due),
        "pause": pause_row(pause) if pause else None,
        "timer": _timer(state) if state else None,
    }


def _monitor(project: Project, states: Mapping[str, TimerState]) -> dict[str, Any] | None:
    """The timer that is no schedule's and that people ask about; None where there is to be none."""
    if not is_monitored(project):
        return None
    state = states.get(MONITOR)
    return {"every_s": look_every_s(project), "timer": _timer(state) if state else None}


def _timer(state: TimerState) -> dict[str, Any]:
    return {**state._asdict(), "next_at": instant(state.next_at), "last_at": instant(state.last_at)}


def _print(schedules: Sequence[Schedule], rows: Sequence[Mapping[str, Any]]) -> None:
    from datetime import datetime

    slots = [row["next_slot"] for row in rows]
    following, times = brief("next", [slot and datetime.fromisoformat(slot) for slot in slots])
    print_table(
        ("schedule", "runs", "when", "zone", following, "timer"),
        [
            (one.name, one.mode or ", ".join(one.pipelines), _when(one), one.timezone, time, _standing(row))
            for one, row, time in zip(schedules, rows, times, strict=True)
        ],
        spare=("zone",),
    )


def _print_monitor(monitor: Mapping[str, Any] | None) -> None:
    if monitor is not None:
        print(f"\nthe monitor looks {_every(monitor['every_s'])}: {_word(monitor['timer'])}")


def _when(schedule: Schedule) -> str:
    times = [schedule.cron, schedule.every_s and _every(schedule.every_s), schedule.at]
    return ", ".join([*(str(time) for time in times if time), *["at startup"] * schedule.on_startup]) or "-"


def _every(seconds: float) -> str:
    return f"every {duration(seconds).removesuffix(' 00 s').removesuffix(' 00 min')}"


def _standing(row: Mapping[str, Any]) -> str:
    """The timer in a word or two."""
    timer = row["timer"]
    if not row["enabled"]:
        return "off in the file"
    if not (row["cron"] or row["every_s"] or row["at"]):
        return "boot sweep"
    word = _word(timer)
    if row["pause"] is None or timer is None or not timer["known"]:
        return word
    return f"{word} ({DISABLED if row['pause']['reason'] == DISABLED else 'paused'})"


def _word(timer: Mapping[str, Any] | None) -> str:
    if timer is None:
        return "-"
    if not timer["known"]:
        return "not installed"
    return "running" if timer["active"] else "waiting" if timer["enabled"] and timer["waiting"] else "disarmed"
