"""Times that a command line names, read in one way for all commands. All that come out are aware UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import tzinfo

#: What the hints show.
INSTANT, DATE = "2026-03-01T20:00:00Z", "2026-03-01"


class Reader(Record):
    """How an option's times are read. `hint` says what may be written.

    A date is the beginning of that day, and a time of day without a zone is one, in `zone` (None: the machine's); each
    is refused unless `dates` or `times`. A duration such as `7d` is so long after `now`, or before it with `past`; it
    is refused where there is no `now`.
    """

    option: str
    hint: str
    zone: tzinfo | None = None
    dates: bool = True
    times: bool = True
    now: datetime | None = None
    past: bool = False

    def read(self, text: str) -> datetime:
        """The instant that the text means. Raises `UsageError` for one that means none, or that no year has."""
        subject = f"{self.option} {text!r}".lstrip()
        try:
            return self._read(text)
        except OverflowError:
            raise UsageError(f"{subject} is beyond the calendar", hint="the years are 1 to 9999") from None
        except ValueError:
            raise UsageError(f"{subject} is not a time", hint=self.hint) from None

    def _read(self, text: str) -> datetime:
        span = None if self.now is None else _span(text)
        if self.now is not None and span is not None:
            return self.now - span if self.past else self.now + span
        day = _day(text)
        when = datetime.fromisoformat(text) if day is None else datetime.combine(day, time())
        if when.tzinfo is None:
            if not (self.times if day is None else self.dates):
                raise ValueError(text)
            when = when.replace(tzinfo=self.zone)
        return when.astimezone(UTC)


def past(option: str, zone: tzinfo | None, now: datetime) -> Reader:
    """The reader of a time that bounds what has been: it can be told by how long ago it is."""
    return Reader(
        option, f"write an instant ({INSTANT}), a date ({DATE}) or how long ago (7d, 12h)", zone, now=now, past=True
    )


def _span(text: str) -> timedelta | None:
    """A duration with its unit: digits alone may be a date (20260301)."""
    from tetra_orchestrator.config.scalars import duration_s

    try:
        if text.isdecimal():
            return None
        return timedelta(seconds=duration_s(text))
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
