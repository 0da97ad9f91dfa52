"""The slice of time that a run is for."""

from __future__ import annotations

from tetra_orchestrator.core.history import Partition
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import date

    from tetra_orchestrator.core.model import Mode


def partition_for(mode: Mode | None, start: str | None, end: str | None) -> Partition | None:
    """The run's partition from the dates as given (`YYYY-MM-DD`, both inclusive).

    Raises `UsageError` where the mode needs a range and has none, or has one and knows none, or the range is wrong.
    """
    name = mode.name if mode else None
    if mode is None or mode.partition is None:
        if start is None and end is None:
            return None
        subject = f"mode '{name}'" if name else "a run without --mode"
        raise UsageError(
            f"{subject} takes no dates",
            hint="leave out --start-date and --end-date, or give the mode a `partition: range`",
        )
    if start is None or end is None:
        missing = "--start-date" if start is None else "--end-date"
        raise UsageError(
            f"mode '{name}' runs over a range of dates: {missing} is missing", hint="give both as YYYY-MM-DD"
        )
    check_dates(start, end)
    return Partition(start, end)


def check_dates(start: str | None, end: str | None, options: tuple[str, str] = ("--start-date", "--end-date")) -> None:
    """Raise `UsageError` for one that is no date (`YYYY-MM-DD`), and where the start is after the end."""
    first = _day(start, options[0]) if start is not None else None
    last = _day(end, options[1]) if end is not None else None
    if first and last and first > last:
        raise UsageError(f"the start date {start} is after the end date {end}", hint="swap the two dates")


def _day(text: str, option: str) -> date:
    from datetime import date

    try:
        day = date.fromisoformat(text)
        if day.isoformat() != text:
            raise ValueError
        return day
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is not a date", hint="write it as YYYY-MM-DD, such as 2020-01-31"
        ) from None
