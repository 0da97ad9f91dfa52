"""The slice of time that a run is for."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import mode
from tetra_orchestrator.core.history import Partition
from tetra_orchestrator.core.model import Mode
from tetra_orchestrator.core.partition import partition_for
from tetra_orchestrator.errors import UsageError

BACKFILL = mode("backfill", "data", partition="range")
DAILY = mode("daily", "data")
BOTH = "give both as YYYY-MM-DD"
NO_DATES = "leave out --start-date and --end-date, or give the mode a `partition: range`"
WRITE = "write it as YYYY-MM-DD, such as 2020-01-31"


def test_a_mode_over_a_range_gets_it_as_it_was_written() -> None:
    assert partition_for(BACKFILL, "2020-01-01", "2024-12-31") == Partition("2020-01-01", "2024-12-31")


@pytest.mark.parametrize("which", [None, DAILY])
def test_a_run_without_a_range_has_no_partition(which: Mode | None) -> None:
    assert partition_for(which, None, None) is None


@given(st.dates(), st.dates())
def test_a_range_is_accepted_exactly_when_it_does_not_go_backwards(start: date, end: date) -> None:
    if start <= end:
        assert partition_for(BACKFILL, str(start), str(end)) == Partition(str(start), str(end))
    else:
        with pytest.raises(UsageError):
            partition_for(BACKFILL, str(start), str(end))


@pytest.mark.parametrize(
    ("which", "start", "end", "message", "hint"),
    [
        (BACKFILL, None, None, "mode 'backfill' runs over a range of dates: --start-date is missing", BOTH),
        (BACKFILL, "2020-01-01", None, "mode 'backfill' runs over a range of dates: --end-date is missing", BOTH),
        (BACKFILL, None, "2020-01-01", "mode 'backfill' runs over a range of dates: --start-date is missing", BOTH),
        (DAILY, "2020-01-01", None, "mode 'daily' takes no dates", NO_DATES),
        (DAILY, "2020-01-01", "2020-01-02", "mode 'daily' takes no dates", NO_DATES),
        (None, None, "2020-01-02", "a run without --mode takes no dates", NO_DATES),
        (
            BACKFILL, "2020-01-02", "2020-01-01", "the start date 2020-01-02 is after the end date 2020-01-01",
            "swap the two dates",
        ),
        (BACKFILL, "2020-02-30", "2020-03-01", "--start-date '2020-02-30' is not a date", WRITE),
        (BACKFILL, "2020-01-01", "tomorrow", "--end-date 'tomorrow' is not a date", WRITE),
        (BACKFILL, "20200101", "2020-03-01", "--start-date '20200101' is not a date", WRITE),
        (BACKFILL, "2020-W01-1", "2020-03-01", "--start-date '2020-W01-1' is not a date", WRITE),
        (BACKFILL, "", "2020-03-01", "--start-date '' is not a date", WRITE),
        (BACKFILL, "2020-01-01", "2020-01-02 ", "--end-date '2020-01-02 ' is not a date", WRITE),
    ],
)  # fmt: skip
def test_dates_that_do_not_fit_are_refused(
    which: Mode | None, start: str | None, end: str | None, message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        partition_for(which, start, end)
    assert (caught.value.message, caught.value.hint) == (message, hint)
