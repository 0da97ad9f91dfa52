"""What Debian's cron does with the five fields of crontab(5), and when clocks are changed (cron(8), cron 3.0pl1)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
MINUTE = timedelta(minutes=1)
#: A jump of the clock is made up for, or waited for, if it is shorter than this (minutes).
LONGEST_JUMP = 180
SMALL_JUMP = 5


class Line(NamedTuple):
    """The fields of a line, and what hangs on a star at their beginning."""

    minutes: set[int]
    hours: set[int]
    days: set[int]
    months: set[int]
    weekdays: set[int]
    is_wildcard: bool
    both_days: bool

    def fits(self, local: datetime) -> bool:
        if local.minute not in self.minutes or local.hour not in self.hours or local.month not in self.months:
            return False
        days = (local.day in self.days, local.isoweekday() % 7 in self.weekdays)
        return all(days) if self.both_days else any(days)


def read(fields: str) -> Line:
    """The five fields. Raises `ValueError` for what crontab(1) would not install."""
    parts = fields.split(" ")
    values = [_values(part, *bounds) for part, bounds in zip(parts, RANGES, strict=True)]
    values[4] = {value % 7 for value in values[4]}
    starred = [part.startswith("*") for part in parts]
    return Line(*values, is_wildcard=starred[0] or starred[1], both_days=starred[2] or starred[4])


def _values(part: str, first: int, last: int) -> set[int]:
    found = set()
    for one in part.split(","):
        span, _, step = one.partition("/")
        low, dash, high = span.partition("-")
        if step and not dash and span != "*":
            raise ValueError(f"a step without a range: {part}")
        start, end = (first, last) if span == "*" else (int(low), int(high or low))
        if not first <= start <= end <= last or (step and int(step) < 1):
            raise ValueError(f"out of range: {part}")
        found.update(range(start, end + 1, int(step or 1)))
    return found


class DebianCron:
    """Lines of a crontab on a machine in a zone."""

    def __init__(self, fields: Iterable[str], zone: str) -> None:
        self._lines = [read(one) for one in fields]
        self._zone = ZoneInfo(zone)

    def fits(self, instant: datetime) -> bool:
        """Whether a command is started in this minute, on a day on which the clock is not changed."""
        local = instant.astimezone(self._zone)
        return any(line.fits(local) for line in self._lines)

    def starts(self, since: datetime, until: datetime) -> set[datetime]:
        """The minutes (aware UTC) in `[since, until)` in which a command is started, by a cron that has been running.

        Where the clock jumps ahead, commands without a wildcard are started for the time skipped; where it jumps back,
        only those with one until it shows what it has shown before.
        """
        found = set()
        instant, virtual = since.astimezone(UTC), self._shown(since - MINUTE)
        while instant < until:
            now = self._shown(instant)
            minutes = (now - virtual) // MINUTE
            if 0 < minutes <= SMALL_JUMP or abs(minutes) >= LONGEST_JUMP:
                due = self._any(virtual if minutes <= SMALL_JUMP else now - MINUTE, now, (True, False))
            else:
                due = self._any(now - MINUTE, now, (True,)) or self._any(virtual, now, (False,))
            if due:
                found.add(instant)
            virtual = now if abs(minutes) >= LONGEST_JUMP else max(virtual, now)
            instant += MINUTE
        return found

    def _shown(self, instant: datetime) -> datetime:
        return instant.astimezone(self._zone).replace(tzinfo=None)

    def _any(self, after: datetime, until: datetime, kinds: tuple[bool, ...]) -> bool:
        """Whether a line of these kinds (with a wildcard, without) is due after the one and up to the other."""
        shown = after + MINUTE
        while shown <= until:
            if any(line.is_wildcard in kinds and line.fits(shown) for line in self._lines):
                return True
            shown += MINUTE
        return False
