"""A grid of partitions for terminals: one sign for each, as wide as a terminal has always been, no colour needed."""

from __future__ import annotations

from datetime import date, timedelta

from tetra_orchestrator.core.backfill import PENDING, SKIPPED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tetra_orchestrator.core.backfill import PartitionState

#: A sign for each state, and what the legend calls it.
SIGNS = {
    "succeeded": "#",
    "failed": "X",
    "timed_out": "T",
    "cancelled": "C",
    "partial": "p",
    "running": ">",
    "queued": "q",
    PENDING: ".",
    SKIPPED: "-",
}
#: Signs of a row where it is not one of a calendar.
WIDTH = 50
_GAP = " "


def grid(partitions: Sequence[PartitionState]) -> str:
    """The partitions as rows of signs, with a legend of those that occur.

    Days are a calendar: a row for each month. Others are in rows of `WIDTH`, each with the start of its first.
    """
    is_calendar = bool(partitions) and all(_is_day(one) for one in partitions)
    lines = list(_calendar(partitions) if is_calendar else _rows(partitions))
    there = {one.state for one in partitions}
    legend = [f"{sign} {state.replace('_', ' ')}" for state, sign in SIGNS.items() if state in there]
    return "\n".join([*lines, "", "  ".join(legend)])


def _is_day(one: PartitionState) -> bool:
    return one.start == one.end


def _calendar(partitions: Sequence[PartitionState]) -> Iterator[str]:
    signs = {one.start: SIGNS[one.state] for one in partitions}
    yield f"{'':8}" + "".join(f"{day:<5}" for day in range(1, 32, 5)).rstrip()
    first, last = date.fromisoformat(partitions[0].start), date.fromisoformat(partitions[-1].start)
    month = first.replace(day=1)
    while month <= last:
        following = (month + timedelta(days=31)).replace(day=1)
        days = [month + timedelta(days=number) for number in range((following - month).days)]
        yield f"{month:%Y-%m} " + "".join(signs.get(day.isoformat(), _GAP) for day in days).rstrip()
        month = following


def _rows(partitions: Sequence[PartitionState]) -> Iterator[str]:
    for place in range(0, len(partitions), WIDTH):
        row = partitions[place : place + WIDTH]
        yield f"{row[0].start:<21}" + "".join(SIGNS[one.state] for one in row)
