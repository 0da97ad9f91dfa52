"""StartCalendarInterval: the times at which launchd starts a job, as dictionaries of integers (launchd.plist(5)).

launchd goes by the machine's clock. An entry names a day or a weekday, never both: the manual has them mean either,
other readings both. What a missing key stands for is any. The last open source (launchd-842) ignores the month beside
a weekday, counts a 31st of a shorter month on into the next one, and on the day on which clocks are put forward may be
late by as much, or has no more of what is due every hour: what it wakes us too often for, the guard ignores, and what
it wakes us too late for, the guard makes up for.
"""

from __future__ import annotations

from math import ceil

from tetra_orchestrator.adapters.timer.local_days import ANY, Day
from tetra_orchestrator.adapters.timer.local_times import OF_DAY, in_step, wakes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from tetra_orchestrator.core.units import TimerSpec

    Entry = dict[str, int]
    Times = Mapping[Day, frozenset[int]]

#: More entries than this are said with fewer that start us more often. launchd documents no limit.
MOST = 256
RANGES = {"Month": (1, 12), "Day": (1, 31), "Weekday": (0, 7), "Hour": (0, 23), "Minute": (0, 59)}
_MINUTE_S = 60


def entries(spec: TimerSpec, local_zone: str, now: datetime) -> list[Entry]:
    """The entries for a timer, each once, in the order of the calendar; none for one without calendar times.

    `local_zone` is the machine's, an IANA name; `now` is aware UTC. At most `MOST`.
    """
    times = wakes(spec, local_zone, now).times
    for coarser in (_as_they_are, _any_month, _any_day, _any_hour):
        found = sorted(_entries(coarser(times)), key=_order)
        if len(found) <= MOST:
            break
    return found


def start_interval(spec: TimerSpec) -> int | None:
    """StartInterval, in seconds, for an interval that is out of step with the minutes of a day; None for others.

    launchd counts from when it has loaded the job, so that only a minute or less starts us in time for each slot.
    """
    if spec.every_s is None or in_step(spec.every_s) is not None:
        return None
    return min(max(ceil(spec.every_s), 1), _MINUTE_S)


def _entries(times: Times) -> Iterator[Entry]:
    for day, minutes in times.items():
        of_day = {"Month": day.month, "Day": day.day, "Weekday": day.weekday}
        said = {key: value for key, value in of_day.items() if value is not None}
        yield from (said | clock for clock in _clock(minutes, day))


def _clock(minutes: frozenset[int], day: Day) -> Iterator[Entry]:
    """Minutes of every hour without the hour, hours of 60 minutes without the minute."""
    if len(minutes) == OF_DAY and day != ANY:
        yield {}
        return
    hourly = {minute for minute in range(60) if minutes.issuperset(range(minute, OF_DAY, 60))}
    yield from ({"Minute": minute} for minute in hourly)
    for hour in range(24):
        shown = {minute % 60 for minute in minutes if minute // 60 == hour}
        if len(shown) == 60 and len(hourly) < 60:
            yield {"Hour": hour}
        else:
            yield from ({"Hour": hour, "Minute": minute} for minute in shown - hourly)


def _order(entry: Entry) -> tuple[int, ...]:
    return tuple(entry.get(key, -1) for key in RANGES)


def _as_they_are(times: Times) -> Times:
    return times


def _any_month(times: Times) -> Times:
    return _merged(times, lambda day: day._replace(month=None))


def _any_day(times: Times) -> Times:
    return _merged(times, lambda day: ANY)


def _any_hour(times: Times) -> Times:
    shown = {minute % 60 for minutes in times.values() for minute in minutes}
    return {ANY: frozenset(minute for minute in range(OF_DAY) if minute % 60 in shown)}


def _merged(times: Times, coarser: Callable[[Day], Day]) -> Times:
    found: dict[Day, frozenset[int]] = {}
    for day, minutes in times.items():
        found[coarser(day)] = found.get(coarser(day), frozenset()) | minutes
    return found
