"""A cron rule as sets of numbers: what every backend expands, and what a wall clock is compared with."""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import date, datetime

#: The `n` of a weekday that stands for the last one in the month.
LAST = -1
FRIDAY = 4  # as `date.weekday` counts


class Rule(Record):
    """The values that each field of a cron rule allows, ascending; weekdays are 0 (Sunday) to 6.

    `nth_weekdays` holds `(weekday, n)` of `d#n` and `dL` (`n` is `LAST`); `last_day` stands for `L` in the day field,
    `last_workday` for `LW`. With `both_days` a day must fit the day field and the weekday field, else one of the two is
    enough (crontab(5): a field that starts with a star makes it both). A `fixed` rule, without a star at the beginning
    of minute or hour, is due once in a night in which the clock is changed (cron(8) of Debian).
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    nth_weekdays: tuple[tuple[int, int], ...] = ()
    last_day: bool = False
    last_workday: bool = False
    both_days: bool = True
    fixed: bool = False

    def fits(self, local: datetime) -> bool:
        """Whether a wall clock that shows this is within the rule, whatever the night."""
        return local.minute in self.minutes and local.hour in self.hours and self.fits_day(local)

    def fits_day(self, day: date) -> bool:
        """Whether the rule is due on this day at all."""
        if day.month not in self.months:
            return False
        by_date = (
            day.day in self.days or (self.last_day and _is_last(day)) or (self.last_workday and _is_last_work(day))
        )
        by_weekday = day.isoweekday() % 7 in self.weekdays or any(_is_nth(day, *nth) for nth in self.nth_weekdays)
        return (by_date and by_weekday) if self.both_days else (by_date or by_weekday)


def _is_last(day: date, ahead: int = 1) -> bool:
    """Whether so many days ahead is another month."""
    return (day + timedelta(ahead)).month != day.month


def _is_last_work(day: date) -> bool:
    """Whether it is the last day of the month from Monday to Friday."""
    return day.weekday() < FRIDAY and _is_last(day) or day.weekday() == FRIDAY and _is_last(day, 3)


def _is_nth(day: date, weekday: int, n: int) -> bool:
    if day.isoweekday() % 7 != weekday:
        return False
    return _is_last(day, 7) if n == LAST else (day.day + 6) // 7 == n
