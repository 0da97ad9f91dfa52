"""The days of a cron rule as dates of systemd.time(7): a line has all its parts fit, several lines are alternatives."""

from __future__ import annotations

from tetra_orchestrator.adapters.timer.systemd.ranges import numbers, spans
from tetra_orchestrator.core.cron import LAST
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.core.cron import Rule

MONTHS = range(1, 13)
DAYS = range(1, 32)
WEEKDAYS = range(7)
#: In systemd's order, by cron's numbers.
_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FRIDAY = 5


class Days(Record):
    """Days that have one of the weekdays (0 is Sunday), one of the dates, and one of the places from a month's end.

    The last day of a month has the place 1.
    """

    weekdays: frozenset[int] = frozenset(WEEKDAYS)
    dates: frozenset[int] = frozenset(DAYS)
    from_end: frozenset[int] = frozenset(DAYS)


def dates(rule: Rule) -> list[str]:
    """The alternatives for a rule's days, such as `Mon *-*-01..07`.

    One is more than the rule allows: when the rule restricts both the date and the place from the end, the date counts.
    """
    by_date, by_weekday = list(_by_date(rule)), list(_by_weekday(rule))
    if rule.both_days:
        every = [_both(one, other) for one in by_date for other in by_weekday]
    else:
        every = [*by_date, *by_weekday]
    months = numbers(rule.months, MONTHS)
    return list(dict.fromkeys(_written(each, months) for each in every if all(each)))


def on_any_day(rule: Rule) -> Rule:
    """The rule for its times alone."""
    return rule._replace(days=tuple(DAYS), months=tuple(MONTHS), weekdays=tuple(WEEKDAYS))


def _by_date(rule: Rule) -> Iterator[Days]:
    if rule.days:
        yield Days(dates=frozenset(rule.days))
    if rule.last_day:
        yield Days(from_end=frozenset({1}))
    if rule.last_workday:
        yield Days(frozenset(range(1, 6)), from_end=frozenset({1}))
        yield Days(frozenset({_FRIDAY}), from_end=frozenset({2, 3}))


def _by_weekday(rule: Rule) -> Iterator[Days]:
    if rule.weekdays:
        yield Days(frozenset(rule.weekdays))
    for weekday, nth in rule.nth_weekdays:
        if nth == LAST:
            yield Days(frozenset({weekday}), from_end=frozenset(range(1, 8)))
        else:
            yield Days(frozenset({weekday}), dates=frozenset(range(7 * nth - 6, 7 * nth + 1)) & frozenset(DAYS))


def _both(one: Days, other: Days) -> Days:
    return Days(one.weekdays & other.weekdays, one.dates & other.dates, one.from_end & other.from_end)


def _written(days: Days, months: str) -> str:
    names = spans(sorted((day - 1) % 7 for day in days.weekdays), _NAMES.__getitem__)
    prefix = "" if len(days.weekdays) == len(WEEKDAYS) else f"{names} "
    if len(days.from_end) < len(DAYS) == len(days.dates):
        return f"{prefix}*-{months}~{numbers(days.from_end)}"
    return f"{prefix}*-{months}-{numbers(days.dates, DAYS)}"
