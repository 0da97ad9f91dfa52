"""Times in which nobody is told, by cron and by dates, on the clock of a place."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.builders import utc
from tetra_orchestrator.core.maintenance import quiet_until
from tetra_orchestrator.core.watching import Maintenance

NIGHT = Maintenance("night", "Europe/Paris", cron="0 2 * * *", length_s=7200)
ONCE = Maintenance("move", "Europe/Paris", since="2026-07-01T02:00", until="2026-07-01T06:00")


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (utc(2026, 7, 1, 0, 0), utc(2026, 7, 1, 2, 0)),  # 02:00 in Paris
        (utc(2026, 7, 1, 1, 59), utc(2026, 7, 1, 2, 0)),
        (utc(2026, 7, 1, 2, 0), None),
        (utc(2026, 6, 30, 23, 59), None),
    ],
)
def test_a_window_by_cron_lasts_from_each_slot_for_its_length(now, end):
    assert quiet_until([NIGHT], "load", now) == end


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (utc(2026, 7, 1, 0, 0), utc(2026, 7, 1, 4, 0)),
        (utc(2026, 7, 1, 3, 59), utc(2026, 7, 1, 4, 0)),
        (utc(2026, 7, 1, 4, 0), None),
        (utc(2026, 6, 30, 23, 59), None),
    ],
)
def test_a_window_by_dates_holds_on_the_clock_of_its_place(now, end):
    assert quiet_until([ONCE], "load", now) == end


def test_of_windows_that_overlap_the_last_end_counts():
    longer = NIGHT._replace(length_s=10800)
    assert quiet_until([NIGHT, longer], None, utc(2026, 7, 1, 1)) == utc(2026, 7, 1, 3)


def test_a_rule_that_is_due_again_within_its_own_window_makes_that_longer():
    often = Maintenance("often", "UTC", cron="*/30 * * * *", length_s=3600)
    assert quiet_until([often], None, utc(2026, 7, 1, 1, 10)) == utc(2026, 7, 1, 2, 0)


def test_a_window_of_single_pipelines_holds_for_no_other_and_not_for_the_host():
    own = NIGHT._replace(pipelines=("load",))
    now = utc(2026, 7, 1, 1)
    assert [quiet_until([own], name, now) is not None for name in ("load", "report", None)] == [True, False, False]


def test_in_the_night_of_the_change_of_the_clock_a_window_begins_after_the_gap():
    # 02:00 does not exist in Paris on 2026-03-29: the clock goes from 02:00 to 03:00 at 01:00 UTC
    begins = utc(2026, 3, 29, 1)
    assert quiet_until([NIGHT], None, begins - timedelta(minutes=1)) is None
    assert quiet_until([NIGHT], None, begins) == begins + timedelta(hours=2)
