"""Time zones and schedules: whether they exist and can ever be due."""

from __future__ import annotations

import os
from datetime import MAXYEAR, datetime
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from tetra_orchestrator.config.problems import listed
from tetra_orchestrator.core.schedule import EPOCH, check_rule
from tetra_orchestrator.core.schedule import zone as find_zone
from tetra_orchestrator.core.units import BOOT_SWEEP
from tetra_orchestrator.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.schema_operations import Schedule
    from tetra_orchestrator.config.sheet import Sheet

#: The zone of the machine, whichever that is.
LOCAL = "local"
#: What our own timers are called beside those of the schedules.
OUR_TIMERS = (BOOT_SWEEP, "monitor")
SHORTEST_S = 1.0


def check_calendars(sheet: Sheet) -> None:
    """Report unknown time zones and modes, names that are taken, and rules that cannot be read or are never due."""
    check_zone(sheet, ("timezone",), sheet.document.timezone)
    for name, schedule in sheet.document.schedules.items():
        path: tuple[str, str] = ("schedules", name)
        _check_name(sheet, path)
        if schedule.timezone is not None:
            check_zone(sheet, (*path, "timezone"), schedule.timezone)
        _check_what(sheet, path, schedule)
        _check_when(sheet, path, schedule)


def _check_name(sheet: Sheet, path: tuple[str, str]) -> None:
    name = path[1]
    if name.lower() in OUR_TIMERS:
        hint = f"rename it, for example '{name}_runs'"
        sheet.error("reserved_name", path, f"a timer of our own is called '{name.lower()}'", hint, key=True)


def _check_what(sheet: Sheet, path: tuple[str, str], schedule: Schedule) -> None:
    if _has_one(sheet, path, ("mode", "pipelines"), "what it runs"):
        if schedule.mode is not None:
            _check_mode(sheet, (*path, "mode"), schedule.mode)
        for index, name in enumerate(schedule.pipelines or ()):
            known = sheet.names("pipelines")
            if name not in known:
                hint = sheet.problems.guess(name, known)
                sheet.error("unknown_pipeline", (*path, "pipelines", index), f"there is no pipeline '{name}'", hint)


def _check_mode(sheet: Sheet, path: Path, name: str) -> None:
    modes = sheet.names("modes")
    mode = sheet.document.modes.get(name)
    if name not in modes:
        hint = sheet.problems.guess(name, modes, f"modes: {listed(modes) or 'none'}")
        sheet.error("unknown_mode", path, f"there is no mode '{name}'", hint)
    elif mode is not None and mode.partition is not None:
        message = f"the mode '{name}' runs over a range of dates, which a schedule does not give"
        sheet.error("needs_range", path, message, "schedule a mode without `partition`")


def _check_when(sheet: Sheet, path: tuple[str, str], schedule: Schedule) -> None:
    if schedule.on_startup and not {"cron", "every", "at"} & set(sheet.names(*path)):
        return
    if _has_one(sheet, path, ("cron", "every", "at"), "when it is due"):
        if schedule.cron is not None:
            check_cron(sheet, (*path, "cron"), schedule.cron)
        if schedule.every is not None and schedule.every < SHORTEST_S:
            message = f"the schedule '{path[1]}' is due more often than every second"
            sheet.error("bad_value", (*path, "every"), message, "write 1s or more")
        if schedule.at is not None:
            check_instant(sheet, (*path, "at"), schedule.at)


def _has_one(sheet: Sheet, path: tuple[str, str], keys: Sequence[str], what: str) -> bool:
    given = [key for key in keys if key in sheet.names(*path)]
    if not given:
        hint = f"add one of {', '.join(f'`{key}`' for key in keys)}"
        sheet.error("missing_key", path, f"the schedule '{path[1]}' does not say {what}", hint, key=True)
    for extra in given[1:]:
        message = f"the schedule '{path[1]}' has both '{given[0]}' and '{extra}'"
        sheet.error("two_values", (*path, extra), message, "keep one of the two", key=True)
    return len(given) == 1


def zone_name(zone: str) -> str:
    """The IANA name; for `local` that of the machine's zone, UTC where it cannot be told."""
    if zone != LOCAL:
        return zone
    # TZ(3): a leading colon is allowed; /etc/localtime(5) links into the zone database
    named = os.environ.get("TZ", "").lstrip(":") or os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]
    known = available_timezones()
    return named if named and (named in known or not known) else "UTC"  # without data the check tells


def check_zone(sheet: Sheet, path: Path, zone: str) -> None:
    """Report a time zone that there is not."""
    try:
        find_zone(zone_name(zone))
    except ConfigError as error:
        near = {known.lower(): known for known in available_timezones()}
        hint = f"did you mean '{near[zone.lower()]}'?" if zone.lower() in near else None
        hint = hint or sheet.problems.guess(zone, sorted(near.values()), error.hint)
        sheet.error("unknown_timezone", path, error.message, hint)


def check_cron(sheet: Sheet, path: Path, cron: str) -> None:
    """Report a rule that cannot be read or is never due."""
    try:
        check_rule(cron)
    except UsageError as error:
        sheet.error("bad_cron", path, error.message, error.hint)


def check_instant(sheet: Sheet, path: Path, text: str) -> None:
    """Report what is no local time."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        sheet.error("bad_value", path, f"{text!r} is not a date and time", "write it like 2026-12-01T02:00")
        return
    if local.tzinfo is not None:
        hint = "leave out its zone and name it in `timezone`"
        sheet.error("bad_value", path, f"{text!r} has a time zone of its own", hint)
    elif not EPOCH.year <= local.year < MAXYEAR:
        hint = f"the years are {EPOCH.year} to {MAXYEAR - 1}"
        sheet.error("bad_value", path, f"{text!r} is beyond the calendar", hint)
