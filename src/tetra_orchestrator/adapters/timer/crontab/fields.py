"""The first five fields of crontab(5) for a timer. Numbers only: names and macros differ between crons."""

from __future__ import annotations

from tetra_orchestrator.adapters.timer.local_days import MONTHS, SHORTEST, WEEKDAYS
from tetra_orchestrator.adapters.timer.local_times import MINUTE, OF_DAY, changes, in_step, wakes
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from tetra_orchestrator.adapters.timer.local_days import Day
    from tetra_orchestrator.core.cron import Rule
    from tetra_orchestrator.core.units import TimerSpec

REBOOT = "@reboot"
EVERY_MINUTE = "* * * * *"
_DATES = frozenset(range(1, 32))
#: A list that begins so has a star for cron: it is due in both passes of an hour that the clock shows twice.
_STAR = "*/23,"


class Lines(Record):
    """What comes before the command in each line of a timer; `until` (aware UTC) is how long they are enough."""

    fields: tuple[str, ...]
    until: datetime | None = None


def lines(spec: TimerSpec, local_zone: str, now: datetime) -> Lines:
    """The lines that together wake for every slot of the timer; none for one that is never due.

    A rule of the machine's own zone is passed on, as Debian's cron does with the clock's changes what `dst` has by
    default (cron(8)). `local_zone` is an IANA name, `now` aware UTC.
    """
    boot = (REBOOT,) if spec.at_boot else ()
    if spec.every_s is not None and in_step(spec.every_s) is None:
        return Lines((*boot, EVERY_MINUTE))
    rule = spec.rule
    if rule is not None and spec.timezone == local_zone and (spec.fold == "first" or not rule.fixed):
        return Lines((*boot, _own(rule)))
    found = wakes(spec, local_zone, now)
    return Lines((*boot, *_fields(found.times, _shown_twice(local_zone, now))), found.until)


def _own(rule: Rule) -> str:
    (minute, hour), (day, weekday) = _clock(rule), _day_fields(rule)
    return f"{minute} {hour} {day} {_numbers(rule.months, MONTHS)} {weekday}"


def _clock(rule: Rule) -> tuple[str, str]:
    """The minute and the hour, with a star in front of one of them just where the rule had one."""
    if rule.fixed:
        return _numbers(rule.minutes), _numbers(rule.hours)
    minute, hour = _numbers(rule.minutes, range(60)), _numbers(rule.hours, range(24))
    if "*" in (minute, hour):
        return minute, hour
    starred = _starred(rule.minutes, 0, 59)
    return (starred, hour) if starred else (minute, _starred(rule.hours, 0, 23) or "*")


def _day_fields(rule: Rule) -> tuple[str, str]:
    """The day of the month and of the week. A field that begins with a star has a day fit both (crontab(5))."""
    days = {*rule.days, *(range(SHORTEST, 32) if rule.last_day else ()), *(range(26, 32) if rule.last_workday else ())}
    weekdays = {*rule.weekdays, *(weekday for weekday, _ in rule.nth_weekdays)}
    if not rule.both_days:
        return _numbers(days), _numbers(weekdays)
    if days == _DATES or weekdays == WEEKDAYS:
        return _numbers(days, _DATES), _numbers(weekdays, WEEKDAYS)
    by_day, by_weekday = _starred(days, 1, 31), _starred(weekdays, 0, 6)
    pairs = [(by_day, _numbers(weekdays))] if by_day else []
    pairs += [(_numbers(days), by_weekday)] if by_weekday else []
    return min(pairs, key=lambda pair: len("".join(pair)), default=("*", "*"))


def _fields(times: Mapping[Day, Collection[int]], twice: Collection[int]) -> list[str]:
    """The fewest lines that we can easily find: one for the hours that have the same minutes on the same days."""
    clocks: dict[tuple[str, str], list[Day]] = {}
    for day, minutes in times.items():
        for clock in _clocks(minutes, twice):
            clocks.setdefault(clock, []).append(day)
    return [
        f"{minute} {hour} {day} {month} {weekday}"
        for (minute, hour), days in clocks.items()
        for day, month, weekday in _day_patterns(days)
    ]


def _clocks(minutes: Collection[int], twice: Collection[int]) -> list[tuple[str, str]]:
    """Minute and hour of the fewest lines that have these minutes of a day."""
    hours: dict[frozenset[int], list[int]] = {}
    for hour in sorted({minute // 60 for minute in minutes}):
        shown = frozenset(minute % 60 for minute in minutes if minute // 60 == hour)
        hours.setdefault(shown, []).append(hour)
    return [(_numbers(shown, range(60)), _hours(shown, found, twice)) for shown, found in hours.items()]


def _hours(minutes: Collection[int], hours: Collection[int], twice: Collection[int]) -> str:
    listed = _numbers(hours, range(24))
    is_twice = any(hour * 60 + minute in twice for hour in hours for minute in minutes)
    return _STAR + listed if is_twice and listed != "*" else listed


def _day_patterns(days: Iterable[Day]) -> list[tuple[str, str, str]]:
    """Day of the month, month and weekday. Days with the same months, and months with all their days, share a line."""
    months: dict[tuple[bool, int | None], set[int]] = {}
    for one in days:
        which = (one.weekday is not None, one.day if one.weekday is None else one.weekday)
        months.setdefault(which, set()).update(MONTHS if one.month is None else {one.month})
    shared: dict[tuple[bool, bool, frozenset[int]], list[int]] = {}
    for (is_weekday, number), found in months.items():
        shared.setdefault((is_weekday, number is None, frozenset(found)), []).append(number or 0)
    patterns = []
    for (is_weekday, is_any, named), numbers in shared.items():
        which_days = "*" if is_any else _numbers(numbers)
        day, weekday = ("*", which_days) if is_weekday else (which_days, "*")
        patterns.append((day, _numbers(named, MONTHS), weekday))
    return patterns


def _shown_twice(local_zone: str, now: datetime) -> frozenset[int]:
    """The minutes of a day that the machine's clock shows twice in some night."""
    found: set[int] = set()
    for change in changes(local_zone, now):
        first = change.at + change.after
        repeated = range((change.before - change.after) // MINUTE)
        found.update((first.hour * 60 + first.minute + minute) % OF_DAY for minute in repeated)
    return frozenset(found)


def _numbers(values: Collection[int], every: Collection[int] = ()) -> str:
    """The values, three and more in a row as a range; a star for all of `every`."""
    if every and set(values) == set(every):
        return "*"
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and runs[-1][-1] == value - 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)


def _starred(values: Collection[int], first: int, last: int) -> str | None:
    """The same values with a star in front; None where there is no step at which all from the first one are in it."""
    for step in range(1, last - first + 2):
        stepped = set(range(first, last + 1, step))
        if stepped <= set(values):
            rest = set(values) - stepped
            return f"*/{step}" + (f",{_numbers(rest)}" if rest else "")
    return None
