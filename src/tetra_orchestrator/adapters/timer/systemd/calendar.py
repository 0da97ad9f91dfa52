"""When a timer elapses, as values of OnCalendar= (systemd.time(7)): every slot, and as little else as can be."""

from __future__ import annotations

from datetime import UTC, timedelta

from tetra_orchestrator.adapters.timer.systemd.days import DAYS, MONTHS, WEEKDAYS, dates, on_any_day
from tetra_orchestrator.adapters.timer.systemd.intervals import interval_lines
from tetra_orchestrator.adapters.timer.systemd.patches import hours_of_gap, patch_lines, since, until
from tetra_orchestrator.adapters.timer.systemd.ranges import gathered, numbers
from tetra_orchestrator.core.cron import LAST
from tetra_orchestrator.core.schedule import zone
from tetra_orchestrator.core.transitions import transitions
from tetra_orchestrator.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tetra_orchestrator.core.cron import Rule
    from tetra_orchestrator.core.units import TimerSpec

#: Longer ones are said in two.
LONGEST = 249
HOURS = range(24)
MINUTES = range(60)
_MINUTE = timedelta(minutes=1)
#: A wake before the slot would find nothing due.
_ALMOST_A_SECOND = timedelta(microseconds=999_999)


def lines(spec: TimerSpec, now: datetime) -> list[str]:
    """The values for one timer; none for one that goes by `OnActiveSec=` or is only due at a start.

    Raises what `core.schedule.zone` raises.
    """
    if spec.rule:
        return _of_rule(spec, spec.rule, now)
    if spec.every_s:
        return interval_lines(spec.every_s)
    return [f"{(spec.at + _ALMOST_A_SECOND).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"] if spec.at else []


def plain_lines(spec: TimerSpec, rule: Rule, now: datetime) -> list[str]:
    """The rule as systemd alone would have it, with no guard behind it that knows better.

    Raises `ConfigError` for what systemd cannot say, or stands still at.
    """
    if rule.both_days and (rule.last_day or rule.last_workday) and any(nth == LAST for _, nth in rule.nth_weekdays):
        raise ConfigError("its days are counted from the end of the month in two ways, which systemd cannot say")
    if _hours_that_stop(spec, now).intersection(rule.hours):
        raise ConfigError(f"systemd 252 stands still when the clock of {spec.timezone} is changed")
    return list(_times(dates(rule), rule.hours, rule.minutes, spec.timezone))


def patched_to(spec: TimerSpec, now: datetime) -> datetime | None:
    """Until when the lines of now are all of them; None where they hold as long as the zone keeps its ways."""
    if not spec.rule or _is_the_same_in_utc(spec, spec.rule, now):
        return None
    return until(now) if patch_lines(spec, on_any_day(spec.rule), now) else None


def _of_rule(spec: TimerSpec, rule: Rule, now: datetime) -> list[str]:
    if _is_the_same_in_utc(spec, rule, now):
        return list(_times(dates(rule), rule.hours, rule.minutes, "UTC"))
    lost = _hours_that_stop(spec, now)
    plain = tuple(hour for hour in rule.hours if hour not in lost)
    other = tuple(hour for hour in rule.hours if hour in lost)
    said = _times(dates(rule) if plain else [], plain, rule.minutes, spec.timezone)
    return [*said, *_on_any_day(rule._replace(hours=other), _offsets(spec, now)), *patch_lines(spec, rule, now)]


def _hours_that_stop(spec: TimerSpec, now: datetime) -> set[int]:
    """The hours on the clock for which systemd 252 does not find the next time: such a timer stands still from then on.

    "Infinite loop in calendar calculation" comes where an hour is jumped over from its midst on (Pacific/Chatham).
    """
    changes = transitions(spec.timezone, since(now), until(now))
    odd = (change for change in changes if (change.at + change.before).minute)
    return {hour % 24 for change in odd for hour in hours_of_gap(change)}


def _on_any_day(rule: Rule, offsets: set[timedelta]) -> Iterator[str]:
    """The times of day in UTC with each of the offsets, whatever the day: the guard knows the days."""
    walls = [hour * 60 + minute for hour in rule.hours for minute in rule.minutes]
    times = {(wall - offset // _MINUTE) % (24 * 60) for wall in walls for offset in offsets}
    hours = gathered((time % 60, time // 60) for time in sorted(times))
    minutes = gathered((every, minute) for minute, every in hours)
    for every, each in minutes:
        yield from _times(["*-*-*"], every, each, "UTC")


def _times(days: list[str], hours: tuple[int, ...], minutes: tuple[int, ...], zone_name: str) -> Iterator[str]:
    for day in days:
        line = f"{day} {numbers(hours, HOURS)}:{numbers(minutes, MINUTES)}:00 {zone_name}"
        if len(line) <= LONGEST:
            yield line
        else:
            half = len(minutes) // 2
            yield from _times([day], hours, minutes[:half], zone_name)
            yield from _times([day], hours, minutes[half:], zone_name)


def _is_the_same_in_utc(spec: TimerSpec, rule: Rule, now: datetime) -> bool:
    """Whether no offset that the zone has in these years makes a difference: then no change of the clock does."""
    every = (rule.hours, rule.days, rule.months, rule.weekdays)
    if rule.fixed or [len(field) for field in every] != [len(HOURS), len(DAYS), len(MONTHS), len(WEEKDAYS)]:
        return False
    shifted = ({(minute + offset // _MINUTE) % 60 for minute in rule.minutes} for offset in _offsets(spec, now))
    return all(minutes == {*rule.minutes} for minutes in shifted)


def _offsets(spec: TimerSpec, now: datetime) -> set[timedelta]:
    first = since(now).astimezone(zone(spec.timezone)).utcoffset() or timedelta()
    return {first, *(change.after for change in transitions(spec.timezone, since(now), until(now)))}
