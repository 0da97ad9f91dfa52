"""What launchd does with StartCalendarInterval, under either reading of its documents.

`Crontab`: the manual's "similar to crontab(5)": a job is started in each minute in which the clock shows an entry.

`Arithmetic`: that of launchd-842, the last version with public source. Each entry has one alarm, worked out on from the
minute after the last one in broken-down local time, as mktime(3) takes it. What is odd there is odd here: with a
weekday, the month counts for nothing; a day that the month does not have is one of the next; and once a day, month or
year has been stepped over, the hour is reckoned in the offset that holds at its beginning.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from heapq import heapify, heapreplace
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tetra_orchestrator.core.transitions import transitions

Entry = dict[str, int]
KEYS = ("Month", "Day", "Weekday", "Hour", "Minute")
MINUTE = timedelta(minutes=1)


class Crontab:
    """A minute is one of an entry's if the local clock shows it, whether for the first time or again."""

    def __init__(self, entries: Sequence[Entry], zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._shapes: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
        for entry in entries:
            shape = tuple(place for place, key in enumerate(KEYS) if key in entry)
            self._shapes.setdefault(shape, set()).add(tuple(entry[KEYS[place]] for place in shape))

    def starts(self, instant: datetime) -> bool:
        """Whether it starts the job in this minute (aware)."""
        local = instant.astimezone(self._zone)
        shown = (local.month, local.day, local.isoweekday() % 7, local.hour, local.minute)
        return any(tuple(shown[place] for place in shape) in some for shape, some in self._shapes.items())


class _Tm(NamedTuple):
    """Broken-down local time (struct tm). A value beyond its range counts on; `isdst` is -1 where it is not known."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    isdst: int


@cache
def _changes(zone: str) -> list[datetime]:
    found = transitions(zone, datetime(2020, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC))
    return [change.at for change in found]


class _Clock:
    """mktime(3) for one zone, as both glibc and Apple's libc have it."""

    def __init__(self, zone: str, repeated: int) -> None:
        self.zone = ZoneInfo(zone)
        self._repeated = repeated
        self._changes = _changes(zone)

    def mktime(self, tm: _Tm) -> datetime:
        """The instant. What is not on the clock counts from before the gap."""
        local = self._local(tm)
        before, after = (local.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        in_gap = before.utcoffset() < after.utcoffset()  # type: ignore[operator]
        fitting = [one for one in (before, after) if tm.isdst in (-1, int(bool(one.dst())))]
        if fitting:
            offset = fitting[0 if in_gap or not self._repeated else -1].utcoffset()
        else:
            offset = self._offset_of(tm.isdst, before)
        return (local - (offset or timedelta())).replace(tzinfo=UTC)

    def normal(self, tm: _Tm) -> _Tm:
        """What mktime(3) leaves in its argument."""
        local = self.mktime(tm).astimezone(self.zone)
        return _Tm(local.year, local.month, local.day, local.hour, local.minute, int(bool(local.dst())))

    def _offset_of(self, isdst: int, near: datetime) -> timedelta:
        """The offset of the nearest time that has this flag; that of `near` where none has."""
        place = bisect(self._changes, near)
        for change in (*self._changes[place - 1 : place], *self._changes[place : place + 1]):
            for one in (change - MINUTE, change):
                shown = one.astimezone(self.zone)
                if int(bool(shown.dst())) == isdst:
                    return shown.utcoffset() or timedelta()
        return near.utcoffset() or timedelta()

    @staticmethod
    def _local(tm: _Tm) -> datetime:
        years, month = divmod(tm.month - 1, 12)
        first = datetime(tm.year + years, month + 1, 1)  # noqa: DTZ001 - what a clock shows
        return first + timedelta(days=tm.day - 1, hours=tm.hour, minutes=tm.minute)


class Arithmetic:
    """The alarms of launchd-842 for the entries of one job, loaded at an instant.

    Of an hour that the clock shows twice, mktime(3) may take either: `repeated` is 0 for the first, 1 for the second.
    """

    def __init__(self, entries: Sequence[Entry], zone: str, loaded: datetime, repeated: int = 0) -> None:
        self._clock = _Clock(zone, repeated)
        self._entries = [[entry.get(key, -1) for key in KEYS] for entry in entries]
        self._alarms = [(self._next(number, loaded), number) for number in range(len(entries))]
        heapify(self._alarms)

    def starts(self, until: datetime) -> Iterator[datetime]:
        """When it starts the job (aware UTC), ascending, more than once for entries that meet."""
        while self._alarms and self._alarms[0][0] <= until:
            at, number = self._alarms[0]
            yield at
            heapreplace(self._alarms, (self._next(number, at), number))

    def _next(self, number: int, now: datetime) -> datetime:
        month, day, weekday, hour, minute = self._entries[number]
        if weekday != -1 and day == -1:
            return self._of_weekday(weekday % 7, hour, minute, now)
        by_date = self._of_date(month, day, hour, minute, now)
        return by_date if weekday == -1 else min(by_date, self._of_weekday(weekday % 7, hour, minute, now))

    def _of_date(self, month: int, day: int, hour: int, minute: int, now: datetime) -> datetime:
        tm = self._after(now)
        while True:
            found = self._month(tm, month, day, hour, minute)
            if found:
                return self._clock.mktime(found)
            tm = self._clock.normal(_Tm(tm.year + 1, 1, 1, 0, 0, tm.isdst))

    def _of_weekday(self, weekday: int, hour: int, minute: int, now: datetime) -> datetime:
        tm = self._after(now)
        is_that_day = now.astimezone(self._clock.zone).isoweekday() % 7 == weekday
        while True:
            found = self._hour(tm, hour, minute) if is_that_day else None
            if found:
                return self._clock.mktime(found)
            tm = self._clock.normal(_Tm(tm.year, tm.month, tm.day + 1, 0, 0, tm.isdst))
            is_that_day = datetime(tm.year, tm.month, tm.day, tzinfo=UTC).isoweekday() % 7 == weekday

    def _after(self, now: datetime) -> _Tm:
        """The minute after, which may be the 60th of its hour."""
        local = now.astimezone(self._clock.zone)
        return _Tm(local.year, local.month, local.day, local.hour, local.minute + 1, -1)

    def _month(self, tm: _Tm, month: int, day: int, hour: int, minute: int) -> _Tm | None:
        if month == -1:
            while True:
                found = self._day(tm, day, hour, minute)
                if found:
                    return found
                wanted = tm.month + 1
                tm = self._clock.normal(_Tm(tm.year, wanted, 1, 0, 0, tm.isdst))
                if tm.month != wanted:
                    return None
        if month < tm.month:
            return None
        return self._day(tm if month == tm.month else _Tm(tm.year, month, 1, 0, 0, tm.isdst), day, hour, minute)

    def _day(self, tm: _Tm, day: int, hour: int, minute: int) -> _Tm | None:
        if day == -1:
            while True:
                found = self._hour(tm, hour, minute)
                if found:
                    return found
                wanted = tm.day + 1
                tm = self._clock.normal(_Tm(tm.year, tm.month, wanted, 0, 0, tm.isdst))
                if tm.day != wanted:
                    return None
        if day < tm.day:
            return None
        return self._hour(tm if day == tm.day else _Tm(tm.year, tm.month, day, 0, 0, tm.isdst), hour, minute)

    def _hour(self, tm: _Tm, hour: int, minute: int) -> _Tm | None:
        if hour == -1:
            while True:
                found = self._minute(tm, minute)
                if found:
                    return found
                wanted = tm.hour + 1
                tm = self._clock.normal(_Tm(tm.year, tm.month, tm.day, wanted, 0, tm.isdst))
                if tm.hour != wanted:
                    return None
        if hour < tm.hour:
            return None
        return self._minute(tm if hour == tm.hour else _Tm(tm.year, tm.month, tm.day, hour, 0, tm.isdst), minute)

    @staticmethod
    def _minute(tm: _Tm, minute: int) -> _Tm | None:
        if minute == -1:
            return tm
        return None if minute < tm.minute else _Tm(tm.year, tm.month, tm.day, tm.hour, minute, tm.isdst)
