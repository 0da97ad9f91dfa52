"""When a schedule is due. cronsim reads its cron rule (Debian's cron is the model), the macros are ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo, available_timezones

from tetra_orchestrator.core.cron import LAST, Rule
from tetra_orchestrator.core.cron_terms import objection
from tetra_orchestrator.core.wall_clock import DAY, PATIENCE, due, instants
from tetra_orchestrator.errors import ConfigError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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
REBOOT = "@reboot"
FIELDS = "the fields are minute, hour, day of month, month, day of week"
NO_DATA = "all time zones are missing here; bring them back with `pip install --force-reinstall tzdata`"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REFERENCE = datetime(2024, 1, 1, tzinfo=UTC)  # whether a rule can be read must not depend on the day


def check_rule(cron: str) -> None:
    """Raise `UsageError` with what to do for a rule that cannot be read or is never due."""
    rule_of(cron)


def rule_of(cron: str) -> Rule:
    """The rule as numbers, a macro expanded.

    Raises `UsageError` with what to do for one that cannot be read, or is never due because there is no such day.
    """
    if cron.startswith("@") and cron not in MACROS:
        raise _unknown(cron)
    fields = MACROS.get(cron, cron).split()
    if len(fields) != 5:
        plural = "s" if len(fields) != 1 else ""
        hint = f"leave out the seconds: {FIELDS}" if len(fields) == 6 else FIELDS
        raise UsageError(f"the rule {cron!r} has {len(fields)} field{plural} instead of 5", hint=hint)
    rule = _parsed(cron, fields)
    if not any(rule.fits_day(REFERENCE + day * DAY) for day in range(PATIENCE)):
        raise UsageError(f"the rule {cron!r} is never due", hint="choose a day that exists")
    return rule


def _unknown(cron: str) -> UsageError:
    from difflib import get_close_matches

    if cron == REBOOT:
        return UsageError(f"the rule {cron!r} is no time", hint="write `on_startup: true` instead of `cron`")
    near = get_close_matches(cron, MACROS, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(MACROS)}"
    return UsageError(f"the rule {cron!r} is not known", hint=hint)


def _parsed(cron: str, fields: Sequence[str]) -> Rule:
    from cronsim import CronSimError

    refused = objection(fields)
    if refused:
        raise UsageError(f"the rule {cron!r} cannot be read: {refused[0]}", hint=refused[1])
    try:
        return _read(fields)
    except (CronSimError, ValueError) as error:
        text = str(error)
        raise UsageError(f"the rule {cron!r} cannot be read: {text[:1].lower()}{text[1:]}", hint=FIELDS) from None


def _read(fields: Sequence[str]) -> Rule:
    """The rule of five fields. Raises what cronsim raises."""
    from cronsim import CronSim
    from cronsim.cronsim import Field

    values = [Field(place).parse(field.upper()) for place, field in enumerate(fields, start=1)]
    minutes, hours, days, months, weekdays = ({one for one in some if isinstance(one, int)} for some in values)
    nth = {(one[0] % 7, LAST if one[1] == CronSim.LAST else one[1]) for one in values[4] if isinstance(one, tuple)}
    return Rule(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=tuple(sorted(days - {CronSim.LAST, CronSim.LAST_WEEKDAY})),
        months=tuple(sorted(months)),
        weekdays=tuple(sorted({one % 7 for one in weekdays})),
        nth_weekdays=tuple(sorted(nth)),
        last_day=CronSim.LAST in days,
        last_workday=CronSim.LAST_WEEKDAY in days,
        both_days=fields[2].startswith("*") or fields[4].startswith("*"),
        fixed=not fields[0].startswith("*") and not fields[1].startswith("*"),
    )


def slots(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """The instants (aware UTC) at which the rule is due strictly after `after`: those of a schedule with no `dst`.

    Raises `ValueError` for a rule that cannot be read or is never due, and what `zone` raises.
    """
    try:
        rule = rule_of(cron)
    except UsageError as error:
        raise ValueError(error.message) from None
    return due(rule, zone(timezone), after, "shift", "first")


def next_slot(cron: str, timezone: str, after: datetime) -> datetime | None:
    """The first slot after `after`, or None where the rule is never due again."""
    return next(slots(cron, timezone, after), None)


def last_slot(cron: str, timezone: str, after: datetime, until: datetime) -> datetime | None:
    """The last slot after `after` and not after `until`, or None."""
    last = None
    for slot in slots(cron, timezone, after):
        if slot > until:
            break
        last = slot
    return last


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

    Ascending, each once, and the same wherever one begins to count. `dst_gap` and `dst_fold` say what a local time is
    in the nights in which the clock is changed, for `at` and for a fixed cron rule. An interval counts from
    1970-01-01T00:00Z. Raises what `rule_of` and `zone` raise.
    """
    if schedule.every_s is not None:
        step = timedelta(seconds=schedule.every_s)
        first = EPOCH + ((after - EPOCH) // step + 1) * step
        return (first + number * step for number in count())
    if schedule.cron is None and schedule.at is None:
        return iter(())
    place = zone(schedule.timezone)
    if schedule.cron is not None:
        return due(rule_of(schedule.cron), place, after, schedule.dst_gap, schedule.dst_fold)
    local = datetime.fromisoformat(schedule.at or "")
    return (slot for slot in instants(local, place, schedule.dst_gap, schedule.dst_fold) if slot > after)


def next_slots(project: Project, after: datetime) -> dict[str, datetime]:
    """For every pipeline that an enabled schedule runs, when it is due next."""
    soonest: dict[str, datetime] = {}
    for schedule in project.schedules:
        slot = next(slots_of(schedule, after), None) if schedule.enabled else None
        if slot:
            for name in project.pipelines_of(schedule):
                soonest[name] = min(slot, soonest.get(name, slot))
    return soonest
