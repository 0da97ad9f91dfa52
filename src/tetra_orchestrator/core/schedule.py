"""When a cron rule is due. The arithmetic is cronsim's (Debian's cron semantics, DST included); macros are ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count, dropwhile
from zoneinfo import ZoneInfo, available_timezones

from tetra_orchestrator.errors import ConfigError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from tetra_orchestrator.core.model import Project, Schedule

#: The names that crontab(5) gives to common rules.
MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FIELDS = "the fields are minute, hour, day of month, month, day of week"
NO_DATA = "all time zones are missing here; bring them back with `pip install --force-reinstall tzdata`"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REFERENCE = datetime(2024, 1, 1, tzinfo=UTC)  # whether a rule can be read must not depend on the day


def check_rule(cron: str) -> None:
    """Raise `UsageError` with what to do for a rule that cannot be read or is never due."""
    if cron.startswith("@"):
        if cron not in MACROS:
            from difflib import get_close_matches

            near = get_close_matches(cron, MACROS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(MACROS)}"
            raise UsageError(f"the rule {cron!r} is not known", hint=hint)
        return
    fields = len(cron.split())
    if fields != 5:
        plural = "s" if fields != 1 else ""
        raise UsageError(f"the rule {cron!r} has {fields} field{plural} instead of 5", hint=FIELDS)
    try:
        due = next_slot(cron, "UTC", REFERENCE)
    except ValueError as error:
        text = str(error)
        raise UsageError(f"the rule {cron!r} cannot be read: {text[:1].lower()}{text[1:]}", hint=FIELDS) from None
    if due is None:
        raise UsageError(f"the rule {cron!r} is never due", hint="choose a day that exists")


def slots(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """The instants (aware UTC) at which the rule is due strictly after `after`, without end.

    Raises `ValueError` for a rule that cannot be read or can never be due, and what `zone` raises.
    """
    from cronsim import CronSim, CronSimError

    local = after.astimezone(zone(timezone))
    try:
        simulation = CronSim(MACROS.get(cron, cron), local)
    except CronSimError as error:
        raise ValueError(str(error)) from None
    # Started in the second pass through a doubled hour, cronsim first gives that hour's slots of the first pass.
    return dropwhile(lambda slot: slot <= after, (slot.astimezone(UTC) for slot in simulation))


def next_slot(cron: str, timezone: str, after: datetime) -> datetime | None:
    """The first slot after `after`, or None where the rule is never due again."""
    return next(slots(cron, timezone, after), None)


def zone(name: str) -> tzinfo:
    """The time zone called so in the IANA's data. UTC needs none. Raises `ConfigError` with what to do."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # also a path outside the data, a folder of it, or a file that is no zone
        hint = "use an IANA name, such as Europe/Paris" if available_timezones() else NO_DATA
        raise ConfigError(f"there is no time zone {name!r}", hint=hint) from None


def slots_of(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """The instants (aware UTC) at which a schedule is due strictly after `after`; one without a rule has none.

    An interval counts from 1970-01-01T00:00Z, so that it does not depend on when anything was started. `at` is local.
    """
    if schedule.cron is not None:
        return slots(schedule.cron, schedule.timezone, after)
    if schedule.every_s is not None:
        step = timedelta(seconds=schedule.every_s)
        first = EPOCH + ((after - EPOCH) // step + 1) * step
        return (first + number * step for number in count())
    if schedule.at is not None:
        instant = datetime.fromisoformat(schedule.at).replace(tzinfo=zone(schedule.timezone)).astimezone(UTC)
        return iter([instant] if instant > after else [])
    return iter(())


def next_slots(project: Project, after: datetime) -> dict[str, datetime]:
    """For every pipeline that an enabled schedule runs, when it is due next."""
    due: dict[str, datetime] = {}
    for schedule in project.schedules:
        slot = next(slots_of(schedule, after), None) if schedule.enabled else None
        if slot:
            for name in _pipelines(project, schedule):
                due[name] = min(slot, due.get(name, slot))
    return due


def _pipelines(project: Project, schedule: Schedule) -> tuple[str, ...]:
    mode = project.mode(schedule.mode) if schedule.mode else None
    return tuple(entry.pipeline for entry in mode.entries) if mode else schedule.pipelines
