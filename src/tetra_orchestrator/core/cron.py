"""A cron rule as sets of numbers: what every backend expands, and what a wall clock is compared with."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

#: The `n` of a weekday that stands for the last one in the month.
LAST = -1


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

    def fits_day(self, day: datetime) -> bool:
        """Whether the rule is due on this day at all."""
        raise NotImplementedError
