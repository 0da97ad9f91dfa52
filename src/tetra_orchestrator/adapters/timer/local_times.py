"""When a timer has to be woken by this machine's clock, for the schedulers that know no other time zone.

A superset of the slots: a rule of another zone is due at one local time or another, whichever way the clocks of both
are set at the moment, and in a night in which the rule's clock skips a slot it is due when the gap is over.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import gcd

from tetra_orchestrator.adapters.timer.local_days import ALWAYS, ANY, Day, days_of, kinds, shifted
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.schedule import zone
from tetra_orchestrator.core.transitions import transitions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

    from tetra_orchestrator.adapters.timer.local_days import Days
    from tetra_orchestrator.core.transitions import Transition
    from tetra_orchestrator.core.units import TimerSpec

    Times = dict[Day, set[int]]

#: What depends on how clocks are set is said for so many whole years after the present one.
YEARS = 3
OF_DAY = 24 * 60
MINUTE = timedelta(minutes=1)
_DAY_S = 86400


class Wakes(Record):
    """The minutes since local midnight for each kind of day; `until` (aware UTC) is how long they are enough."""

    times: Mapping[Day, frozenset[int]]
    until: datetime | None = None


def wakes(spec: TimerSpec, local_zone: str, now: datetime) -> Wakes:
    """When to wake for `spec.at`, `spec.rule`, or an interval that is in step with the minutes of a day; else never.

    `local_zone` is the machine's, an IANA name; `now` is aware UTC. The same throughout a calendar year. Raises what
    `core.schedule.zone` raises.
    """
    if spec.at is not None:
        return Wakes({day: frozenset({minute}) for day, minute in _shown(spec.at, zone(local_zone))})
    if spec.rule is not None:
        minutes = {hour * 60 + minute for hour in spec.rule.hours for minute in spec.rule.minutes}
        return _of_rule(spec, days_of(spec.rule), minutes, local_zone, now)
    step = in_step(spec.every_s)
    if step is None:
        return Wakes({})
    grid = set(range(0, OF_DAY, step))
    return _of_rule(spec._replace(timezone="UTC"), ALWAYS, grid, local_zone, now)


def in_step(every_s: float | None) -> int | None:
    """The coarsest grid that has every multiple of the interval, in minutes of a UTC day; None where it has seconds."""
    if not every_s or every_s != int(every_s):
        return None
    step = gcd(int(every_s), _DAY_S)
    return step // 60 if step % 60 == 0 else None


def changes(zone_name: str, now: datetime) -> list[Transition]:
    """When the clocks of a zone are changed, from the beginning of the year on."""
    return transitions(zone_name, *_span(now))


def _span(now: datetime) -> tuple[datetime, datetime]:
    return datetime(now.year, 1, 1, tzinfo=UTC), datetime(now.year + 1 + YEARS, 1, 1, tzinfo=UTC)


def _of_rule(spec: TimerSpec, days: Days, minutes: set[int], local_zone: str, now: datetime) -> Wakes:
    differences = _differences(spec.timezone, local_zone, now)
    tables = [_moved(days, minutes, difference) for difference in differences]
    found = _together(tables)
    always = found.get(ANY, set())
    place = zone(local_zone)
    patches = [(day, m) for at in _after_gaps(spec, now) for day, m in _shown(at, place) if m not in always]
    ends = bool(patches) or any(table != tables[0] for table in tables)
    for day, minute in patches:
        found.setdefault(day, set()).add(minute)
    return Wakes({day: frozenset(some) for day, some in found.items()}, _span(now)[1] if ends else None)


def _together(tables: list[Times]) -> Times:
    found: Times = {}
    for table in tables:
        for day, minutes in table.items():
            found.setdefault(day, set()).update(minutes)
    return found


def _moved(days: Days, minutes: set[int], difference: int) -> Times:
    """The same times on a clock that is ahead by so many minutes."""
    by_day: dict[int, set[int]] = {}
    for minute in minutes:
        ahead, local = divmod(minute + difference, OF_DAY)
        by_day.setdefault(ahead, set()).add(local)
    return _together([dict.fromkeys(kinds(shifted(days, ahead)), some) for ahead, some in by_day.items()])


def _differences(zone_name: str, local_zone: str, now: datetime) -> list[int]:
    """By how many minutes the machine's clock is ahead of that of the zone, each once."""
    if zone_name == local_zone:
        return [0]
    here, there = zone(local_zone), zone(zone_name)
    instants = [_span(now)[0], *(change.at for name in (zone_name, local_zone) for change in changes(name, now))]
    return sorted({(_offset(instant, here) - _offset(instant, there)) // MINUTE for instant in instants})


def _after_gaps(spec: TimerSpec, now: datetime) -> Iterator[datetime]:
    """The first instants after those gaps in the rule's clock that hold a slot."""
    if spec.rule is None or not spec.rule.fixed or spec.gap != "shift":
        return
    for change in changes(spec.timezone, now):
        skipped = range((change.after - change.before) // MINUTE)
        if any(spec.rule.fits(change.at + change.before + minute * MINUTE) for minute in skipped):
            yield change.at


def _shown(instant: datetime, place: tzinfo) -> list[tuple[Day, int]]:
    """What the clock shows then, seconds rounded up; if it is changed just then, what it would have shown as well."""
    whole = instant.replace(second=0, microsecond=0)
    whole += MINUTE if whole < instant else timedelta()
    offsets = dict.fromkeys((_offset(whole, place), _offset(whole - MINUTE, place)))
    walls = [whole + offset for offset in offsets]
    return [(Day(wall.month, wall.day), wall.hour * 60 + wall.minute) for wall in walls]


def _offset(instant: datetime, place: tzinfo) -> timedelta:
    return instant.astimezone(place).utcoffset() or timedelta()
