"""Sets of days as a scheduler's calendar can say them, and what they are on a clock that is a day ahead or behind.

A superset where it cannot be said: the weekday for the nth one in a month, three days for the last workday, one of the
two day fields where a day must fit both.
"""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.core.cron import Rule

    Date = tuple[int, int]

MONTHS = frozenset(range(1, 13))
WEEKDAYS = frozenset(range(7))
#: The days that every month has.
SHORTEST = 28
_LENGTHS = dict(zip(range(1, 13), (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), strict=True))
_LAST = {month: (SHORTEST, length) if month == 2 else (length,) for month, length in _LENGTHS.items()}
_WEEKS = 52 / 12


class Day(Record):
    """The days that a scheduler has one pattern for: None is any. Weekdays are 0 (Sunday) to 6."""

    month: int | None = None
    day: int | None = None
    weekday: int | None = None


ANY = Day()


class Days(Record):
    """A day is within it if it is one of the dates `(month, day)`, or one of the weekdays in one of the months."""

    dates: frozenset[Date]
    weekdays: frozenset[int] = frozenset()
    months: frozenset[int] = MONTHS


ALWAYS = Days(frozenset((month, day) for month, length in _LENGTHS.items() for day in range(1, length + 1)))


def days_of(rule: Rule) -> Days:
    """The days on which a rule may be due, and a few more."""
    months = frozenset(rule.months)
    dates = frozenset(_dates(rule))
    weekdays = frozenset(rule.weekdays) | {weekday for weekday, _ in rule.nth_weekdays}
    every_date = len(dates) == sum(_LENGTHS[month] for month in months)
    if not rule.both_days:
        if every_date or weekdays == WEEKDAYS:
            return Days(frozenset(date for date in ALWAYS.dates if date[0] in months))
        return Days(dates, weekdays, months)
    if weekdays != WEEKDAYS and (every_date or len(weekdays) * len(months) * _WEEKS < len(dates)):
        return Days(frozenset(), weekdays, months)
    return Days(dates)


def shifted(days: Days, by: int) -> Days:
    """The same days as a clock calls them that is so many days ahead (or behind, below 0)."""
    for _ in range(abs(by)):
        step = 1 if by > 0 else -1
        dates = {near for date in days.dates for near in _near(date, step)}
        if days.weekdays:
            dates |= _beside(days.months, step)
        weekdays = frozenset((weekday + step) % 7 for weekday in days.weekdays)
        days = Days(frozenset(dates), weekdays, days.months)
    return days


def kinds(days: Days) -> list[Day]:
    """The patterns that say these days. A day that not every month has is named with each month that has it."""
    if days.dates == ALWAYS.dates:
        return [ANY]
    whole = {month for month, length in _LENGTHS.items() if all((month, day) in days.dates for day in _count(length))}
    of_all = {day for day in _count(SHORTEST) if all((month, day) in days.dates for month in MONTHS)}
    rest = [(month, day) for month, day in sorted(days.dates) if month not in whole and day not in of_all]
    found = [Day(month) for month in sorted(whole)]
    found += [Day(day=day) for day in sorted(of_all)] if len(whole) < 12 else []
    found += [Day(month, day) for month, day in rest]
    named: list[int | None] = [None] if days.months == MONTHS else [*sorted(days.months)]
    return found + [Day(month, weekday=weekday) for month in named for weekday in sorted(days.weekdays)]


def _dates(rule: Rule) -> Iterator[Date]:
    for month in rule.months:
        length = _LENGTHS[month]
        yield from ((month, day) for day in rule.days if day <= length)
        if rule.last_day:
            yield from ((month, day) for day in _LAST[month])
        if rule.last_workday:
            yield from ((month, day) for day in range(_LAST[month][0] - 2, length + 1))


def _near(date: Date, step: int) -> Iterator[Date]:
    """The day after or before, whatever the year."""
    month, day = date
    if step < 0:
        yield from [(month, day - 1)] if day > 1 else _ends((month - 2) % 12 + 1)
        return
    if day < _LENGTHS[month]:
        yield month, day + 1
    if day in _LAST[month]:
        yield month % 12 + 1, 1


def _beside(months: frozenset[int], step: int) -> set[Date]:
    """The days at the edges of these months that may be a weekday of theirs on the other clock."""
    if step > 0:
        return {(month % 12 + 1, 1) for month in months} if months != MONTHS else set()
    return {end for month in months for end in _ends((month - 2) % 12 + 1)} if months != MONTHS else set()


def _ends(month: int) -> list[Date]:
    return [(month, day) for day in _LAST[month]]


def _count(length: int) -> range:
    return range(1, length + 1)
