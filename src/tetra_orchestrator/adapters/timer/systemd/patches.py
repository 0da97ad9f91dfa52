"""The nights in which a clock is changed, said in UTC, as systemd would miss some slots or might (systemd#5595, #8647).

systemd goes by what the wall clock shows. A time that it jumps over does not come, and systemd 252 may then lose the
rest of the day, too (Europe/Dublin). Of an hour that is shown twice only one pass counts; which one depends on the
zone's data and on when systemd has begun to count. So each slot that may be lost is said in UTC. A line that says what
another says too starts nothing twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile

from tetra_orchestrator.adapters.timer.systemd.ranges import gathered, numbers
from tetra_orchestrator.core.schedule import zone
from tetra_orchestrator.core.transitions import transitions
from tetra_orchestrator.core.wall_clock import due

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from tetra_orchestrator.core.cron import Rule
    from tetra_orchestrator.core.transitions import Transition
    from tetra_orchestrator.core.units import TimerSpec

#: For so many whole years after the present one.
YEARS = 3
_HOUR, _MOMENT = timedelta(hours=1), timedelta(microseconds=1)


def since(now: datetime) -> datetime:
    """Where the patches begin: with the year, so that the text is the same all the year long."""
    return datetime(now.year, 1, 1, tzinfo=UTC)


def until(now: datetime) -> datetime:
    """Where the patches end."""
    return datetime(now.year + 1 + YEARS, 1, 1, tzinfo=UTC)


def patch_lines(spec: TimerSpec, rule: Rule, now: datetime) -> list[str]:
    """Values of OnCalendar=, ascending, for the hours that do not exist or exist twice in the spec's zone."""
    place = zone(spec.timezone)
    changes = transitions(spec.timezone, since(now), until(now))
    return _as_lines({slot for change in changes for slot in _uncertain(spec, rule, place, change)})


def hours_of_gap(change: Transition) -> range:
    """The hours on the clock of which at least a part is jumped over; none where it is put back.

    Counted from the midnight before the gap, so that 24 is the first hour of the next day.
    """
    start, end = (change.at + offset for offset in (change.before, change.after))
    midnight = start.replace(hour=0, minute=0, second=0)
    return range((start - midnight) // _HOUR, -((midnight - end) // _HOUR))


def _uncertain(spec: TimerSpec, rule: Rule, place: tzinfo, change: Transition) -> Iterator[datetime]:
    """The slots round a change that systemd may miss."""
    start = end = change.at
    if change.after < change.before:
        width = change.before - change.after
        start, end = start - width, end + width
    elif {hour % 24 for hour in hours_of_gap(change)} & {*rule.hours}:
        midnight = (end + change.after).replace(hour=0, minute=0) + timedelta(days=1)
        end = midnight - change.after
    return takewhile(lambda slot: slot < end, due(rule, place, start - _MOMENT, spec.gap, spec.fold))


def _as_lines(slots: set[datetime]) -> list[str]:
    """One line for the hours of a day that have the same minutes."""
    minutes = gathered(((f"{slot:%Y-%m-%d}", slot.hour), slot.minute) for slot in sorted(slots))
    hours = gathered(((day, found), hour) for (day, hour), found in minutes)
    return [f"{day} {numbers(found)}:{numbers(every)}:00 UTC" for (day, every), found in hours]
