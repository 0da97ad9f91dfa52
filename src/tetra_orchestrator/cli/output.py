"""What commands print: one JSON object, tables, and times and durations in their published forms."""

from __future__ import annotations

import os

from tetra_orchestrator.core import spoken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z") if when else "-"


def near(path: str | None) -> str:
    """A path for people: from the current folder where it lies below that."""
    return (path or "-").removeprefix(os.getcwd() + os.sep)


def counted(runs: int) -> str:
    """So many runs, in words."""
    return "1 run" if runs == 1 else f"{runs} runs"


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table, or nothing for no rows."""
    from tabulate import tabulate

    if rows:
        print(tabulate(rows, headers=headers, tablefmt="simple", disable_numparse=True, missingval="-"))
