"""When a time zone changes its offset from UTC, whether its data calls that daylight saving time or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.schedule import zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import tzinfo

#: Two changes nearer to each other than this would be taken for none. The nearest since 1970 are almost 7 days apart.
STEP = timedelta(days=2)
SECOND = timedelta(seconds=1)


class Transition(Record):
    """A change of the offset: `at` (aware UTC) is the first instant that has the offset `after` instead of `before`."""

    at: datetime
    before: timedelta
    after: timedelta


def transitions(zone_name: str, since: datetime, until: datetime) -> list[Transition]:
    """The changes with `since < at <= until` in the zone of that IANA name, ascending. Raises what `zone` raises."""
    place = zone(zone_name)
    found = []
    low = since
    while low < until:
        high = min(low + STEP, until)
        before, after = _offset(low, place), _offset(high, place)
        if before != after:
            found.append(Transition(_first_with_another(low, high, place), before, after))
        low = high
    return found


def _first_with_another(low: datetime, high: datetime, place: tzinfo) -> datetime:
    """The first whole second in `(low, high]` whose offset is not that at `low`."""
    before = _offset(low, place)
    low, high = low.astimezone(UTC).replace(microsecond=0), high.astimezone(UTC)
    nearest, farthest = 0, -(-(high - low) // SECOND)
    while farthest - nearest > 1:
        middle = (nearest + farthest) // 2
        if _offset(low + middle * SECOND, place) == before:
            nearest = middle
        else:
            farthest = middle
    return low + farthest * SECOND


def _offset(instant: datetime, place: tzinfo) -> timedelta:
    return instant.astimezone(place).utcoffset() or timedelta()
