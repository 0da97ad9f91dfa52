"""Which instants a wall clock's times are, in a night in which the clock is changed, too.

What lies in the gap does not exist on the clock, what lies in the fold is shown twice. What that means is `gap` (shift:
due at the first instant after the gap; skip: not due) and `fold` (first, second, both: the passes in which it is due).
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, time, timedelta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from tetra_orchestrator.core.cron import Rule

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
#: The 29th of February is a given weekday at least every 40 years; what is not due in so many days never is.
PATIENCE = 50 * 366


def instants(local: datetime, place: tzinfo, gap: str, fold: str) -> list[datetime]:
    """The instants (aware UTC) that a time on the clock (naive) is, ascending: none, one, or two."""
    before, after = _offset(local, place), _offset(local, place, fold=1)  # PEP 495: those before and after the change
    if before < after:
        return [] if gap == "skip" else [_end_of_gap(local, place, before, after)]
    passes = {"first": (before,), "second": (after,), "both": (before, after)}[fold]
    return [(local - offset).replace(tzinfo=UTC) for offset in dict.fromkeys(passes)]


def meant(rule: Rule, gap: str, fold: str) -> tuple[str, str]:
    """`gap` and `fold` for a rule: a schedule's own hold for a fixed one.

    Another counts the time that really passes, so that it is due whenever the clock fits (cron(8) of Debian).
    """
    return (gap, fold) if rule.fixed else ("skip", "both")


def due(rule: Rule, place: tzinfo, after: datetime, gap: str, fold: str) -> Iterator[datetime]:
    """The instants (aware UTC) at which a rule is due strictly after `after`, ascending, each once.

    `gap` and `fold` are a schedule's: see `meant`. Raises `OverflowError` at the ends of the calendar.
    """
    gap, fold = meant(rule, gap, fold)
    day = datetime.combine(after.astimezone(place).date(), time())
    idle = 0
    while idle < PATIENCE:
        idle += 1
        for slot in _of_day(day, rule, place, gap, fold):
            if slot > after:
                idle = 0
                yield slot
        day += DAY


def _of_day(day: datetime, rule: Rule, place: tzinfo, gap: str, fold: str) -> Iterator[datetime]:
    """The slots from the first instant of a day to that of the next one."""
    fits = rule.fits_day(day)
    if not fits and not rule.fits_day(day - DAY):
        return
    offset = _offset(day - MINUTE, place)
    if offset != _offset(day + DAY, place, fold=1):
        yield from _of_changed_day(day, rule, place, gap, fold)
    elif fits:
        midnight = (day - offset).replace(tzinfo=UTC)
        yield from (midnight + hour * HOUR + minute * MINUTE for hour in rule.hours for minute in rule.minutes)


def _of_changed_day(day: datetime, rule: Rule, place: tzinfo, gap: str, fold: str) -> list[datetime]:
    """The same where the clock is changed; then times of the day before may be due after midnight."""
    ((start,), (end,)) = (instants(midnight, place, "shift", "first") for midnight in (day, day + DAY))
    found = {
        instant
        for one in (day - DAY, day)
        if rule.fits_day(one)
        for hour in rule.hours
        for minute in rule.minutes
        for instant in instants(one.replace(hour=hour, minute=minute), place, gap, fold)
    }
    return sorted(instant for instant in found if start <= instant < end)


def _end_of_gap(local: datetime, place: tzinfo, before: timedelta, after: timedelta) -> datetime:
    """The first instant after the gap in which `local` lies, at which the clock shows a whole minute."""
    low = (local.replace(second=0, microsecond=0) - after).replace(tzinfo=UTC)  # still before the change
    minutes = range((after - before) // MINUTE)
    return low + MINUTE * bisect_left(
        minutes, True, key=lambda minute: (low + minute * MINUTE).astimezone(place).utcoffset() != before
    )


def _offset(local: datetime, place: tzinfo, fold: int = 0) -> timedelta:
    return local.replace(tzinfo=place, fold=fold).utcoffset() or timedelta()
