"""What commands print: one JSON object, tables, and times and durations in their published forms."""

from __future__ import annotations

import os

from tetra_orchestrator.core import spoken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any


def print_json(command: str, body: Mapping[str, Any], *, indent: int | None = 2) -> None:
    """Print `body` as one object whose first key is `"schema": "tetra.<command>/1"`."""
    from json import dumps

    print(dumps({"schema": f"tetra.{command}/1", **body}, indent=indent))


def instant(when: datetime | None) -> str | None:
    """RFC 3339 in UTC, ending in Z, or None."""
    return spoken.instant(when) if when else None


def local(when: datetime | None) -> str:
    """A time for people, in the machine's zone, with the zone shown."""
    if when is None:
        return "-"
    try:
        return when.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    except OverflowError:  # it has no year here
        return spoken.to_second(when)


def brief(head: str, times: Iterable[datetime | None]) -> tuple[str, list[str]]:
    """A column of times for a table: its head with the machine's zone, and the times without what goes without saying.

    The year is left out of times in this one. A time at which the zone is called something else has that behind it.
    """
    from datetime import UTC, datetime

    here = [when and when.astimezone() for when in times]
    year = datetime.now(UTC).astimezone().year
    zone = next((when.strftime("%Z") for when in here if when), "")
    return f"{head} ({zone})" if zone else head, [_brief(when, year, zone) for when in here]


def _brief(when: datetime | None, year: int, zone: str) -> str:
    if when is None:
        return "-"
    text = when.strftime("%b %d %H:%M" if when.year == year else "%Y-%m-%d %H:%M")
    own = when.strftime("%Z")
    return text if own == zone else f"{text} {own}"


def near(path: str | None) -> str:
    """A path for people: from the current folder where it lies below that."""
    return (path or "-").removeprefix(os.getcwd() + os.sep)


def dates(start: str, end: str) -> str:
    """A span of dates in words: one date where it is of one day."""
    return start if start == end else f"{start} to {end}"


def counted(runs: int) -> str:
    """So many runs, in words."""
    return "1 run" if runs == 1 else f"{runs} runs"


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]], spare: Sequence[str] = ()) -> None:
    """Print a table, or nothing for no rows.

    On a terminal it is no wider than that: names are cut, prose is wrapped, and the columns that are `spare` are left
    out, the first of them first, where there is no room for them.
    """
    if rows:
        from tetra_orchestrator.cli.table import drawn

        print(drawn(headers, rows, spare))
