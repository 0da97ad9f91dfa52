"""Time zones and schedules: whether they exist and can ever be due."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from tetra_orchestrator.core.schedule import check_rule
from tetra_orchestrator.errors import UsageError

if TYPE_CHECKING:
    from tetra_orchestrator.config import schema
    from tetra_orchestrator.config.check import Sheet
    from tetra_orchestrator.config.problems import Path


def check_calendars(sheet: Sheet) -> None:
    """Report unknown time zones and modes, and cron rules that cannot be read or are never due."""
    _check_zone(sheet, ("timezone",), sheet.document.timezone)
    for name, schedule in sheet.document.schedules.items():
        path = ("schedules", name)
        if schedule.timezone is not None:
            _check_zone(sheet, (*path, "timezone"), schedule.timezone)
        modes = sheet.names("modes")
        if schedule.mode not in modes:
            hint = sheet.problems.guess(schedule.mode, modes, f"modes: {', '.join(modes) or 'none'}")
            sheet.error("unknown_mode", (*path, "mode"), f"there is no mode '{schedule.mode}'", hint)
        _check_partition(sheet, path, schedule)
        _check_cron(sheet, (*path, "cron"), schedule.cron)


def _check_zone(sheet: Sheet, path: Path, zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        near = {known.lower(): known for known in available_timezones()}
        hint = f"did you mean '{near[zone.lower()]}'?" if zone.lower() in near else None
        hint = hint or sheet.problems.guess(zone, sorted(near.values()), "use an IANA name, such as America/New_York")
        sheet.error("unknown_timezone", path, f"there is no time zone {zone!r}", hint)


def _check_partition(sheet: Sheet, path: Path, schedule: schema.Schedule) -> None:
    mode = sheet.document.modes.get(schedule.mode)
    if mode is not None and mode.partition is not None:
        message = f"the mode '{schedule.mode}' runs over a range of dates, which a schedule does not give"
        sheet.error("needs_range", (*path, "mode"), message, "schedule a mode without `partition`")


def _check_cron(sheet: Sheet, path: Path, cron: str) -> None:
    try:
        check_rule(cron)
    except UsageError as error:
        sheet.error("bad_cron", path, error.message, error.hint)
