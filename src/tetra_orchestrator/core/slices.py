"""Cutting a range of dates into slices of time: what the partitions of a backfill are."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from tetra_orchestrator.core.history import Partition
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RANGE, DAY, WEEK, MONTH, CRON = "range", "day", "week", "month", "cron"
#: How a range can be cut; `cron` is followed by a space and its rule.
SLICES = (RANGE, DAY, WEEK, MONTH, CRON)
#: More than anybody runs one by one: half a century of days.
MOST = 20_000
_ONE_DAY = timedelta(days=1)
_MONDAY = 0


def slices(start: str, end: str, how: str, timezone: str) -> list[Partition]:
    """The slices of a range of dates (`YYYY-MM-DD`, both inclusive) in their order.

    `range` is one; `day`, `week` (Monday to Sunday) and `month` are cut at the ends of the range, and their ends are
    inclusive dates. `cron RULE`: each slot of the rule that falls into the range, by the clock of `timezone`, begins a
    slice that ends with the next slot, which is not part of it; both are instants in UTC (RFC 3339).

    Raises `UsageError` for a rule that cannot be read or is not due in the range, and for more than `MOST` slices.
    """
    if how == RANGE:
        return [Partition(start, end)]
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    found: list[Partition] = []
    cut = _by_rule(first, last, how.partition(" ")[2], timezone) if how.startswith(CRON) else _by_days(first, last, how)
    for each in cut:
        found.append(each)
        if len(found) > MOST:
            hint = "choose a shorter range, or longer slices with --partition"
            raise UsageError(f"{start} to {end} are more than {MOST:,} slices of {how!r}", hint=hint)
    if not found:
        hint = "`tetra schedule next --cron` shows when a rule is due"
        raise UsageError(f"the rule {how.partition(' ')[2]!r} is not due from {start} to {end}", hint=hint)
    return found


def _by_days(first: date, last: date, how: str) -> Iterator[Partition]:
    ends = _ENDS[how]
    day = first
    while day <= last:
        following = day
        while following < last and not ends(following):
            following += _ONE_DAY
        yield Partition(day.isoformat(), following.isoformat())
        if following == date.max:
            return
        day = following + _ONE_DAY


def _is_sunday(day: date) -> bool:
    return day.weekday() == _MONDAY + 6


def _ends_month(day: date) -> bool:
    return day == date.max or (day + _ONE_DAY).month != day.month


#: Whether a day is the last of its slice.
_ENDS: dict[str, Callable[[date], bool]] = {DAY: lambda day: True, WEEK: _is_sunday, MONTH: _ends_month}


def _by_rule(first: date, last: date, cron: str, timezone: str) -> Iterator[Partition]:
    from itertools import pairwise

    from tetra_orchestrator.core.schedule import rule_of, zone
    from tetra_orchestrator.core.wall_clock import due, instants

    rule, place = rule_of(cron), zone(timezone)
    try:
        begin, until = (
            instants(datetime.combine(day, time()), place, "shift", "first")[0] for day in (first, last + _ONE_DAY)
        )
        for slot, following in pairwise(due(rule, place, begin - timedelta(microseconds=1), "shift", "first")):
            if slot >= until:
                return
            yield Partition(instant(slot), instant(following))
    except OverflowError:
        raise UsageError(f"{first} to {last} reaches the end of the calendar", hint="choose another range") from None
