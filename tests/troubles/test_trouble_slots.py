"""Slots at which nothing ran, or not in time, by the clock of the machine and the guard that a timer starts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from faults.clocks import WallClock, wall_clock
from faults.stand import Stand
from support.uptime import settle_down
from troubles.drill import Drill

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
#: The slot of the first day, which is in the future as the clock goes.
SLOT = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0) + DAY
TEXT = """
pipelines: {load: {command: ["true"]}}
modes: {all: [load]}
schedules:
  nightly: {mode: all, cron: "0 6 * * *", catch_up: CATCH_UP}
"""


@pytest.fixture
def clock(site: Stand) -> Iterator[WallClock]:
    with wall_clock(site) as found:
        yield found


def scheduled(trouble: Drill, clock: WallClock, catch_up: str) -> None:
    """The schedule, one of whose slots has run in time."""
    trouble.configure(TEXT.replace("CATCH_UP", catch_up))
    fires(trouble, clock, SLOT + SECOND)
    trouble.has_not_begun()


def fires(trouble: Drill, clock: WallClock, at: datetime) -> None:
    """The timer starts the guard at that time."""
    clock.set(at)
    assert trouble.tetra("fire", "nightly").returncode == 0


def test_a_slot_is_missed(trouble: Drill, clock: WallClock) -> None:
    scheduled(trouble, clock, "none")
    fires(trouble, clock, SLOT + DAY + 3 * HOUR)
    trouble.is_found_and_told_once()
    fires(trouble, clock, SLOT + 2 * DAY + SECOND)
    trouble.is_over()


def test_a_slot_begins_late(trouble: Drill, clock: WallClock) -> None:
    scheduled(trouble, clock, "latest")
    fires(trouble, clock, SLOT + DAY + 3 * HOUR)
    trouble.is_found_and_told_once()
    fires(trouble, clock, SLOT + 2 * DAY + SECOND)
    trouble.is_over()


def test_a_slot_is_overdue(trouble: Drill, clock: WallClock) -> None:
    """Nothing ran at all: no run, no failure, no log says so."""
    settle_down()
    scheduled(trouble, clock, "latest")
    clock.set(SLOT + DAY - HOUR)
    trouble.has_not_begun()
    clock.set(SLOT + DAY + timedelta(minutes=5))
    trouble.is_found_and_told_once()
    fires(trouble, clock, SLOT + 2 * DAY + SECOND)
    trouble.is_over()
