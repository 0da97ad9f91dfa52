"""Cutting a range of dates into the partitions of a backfill."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tetra_orchestrator.core.slices import slices
from tetra_orchestrator.errors import UsageError

DATES = st.dates(date(1999, 1, 1), date(2040, 12, 31))
LENGTHS = st.integers(0, 900)


def cut(start: str, end: str, how: str, timezone: str = "UTC") -> list[tuple[str, str]]:
    return [(each.start, each.end) for each in slices(start, end, how, timezone)]


def test_a_range_is_one_slice() -> None:
    assert cut("2020-01-01", "2024-12-31", "range") == [("2020-01-01", "2024-12-31")]


def test_days_are_slices_of_one_day_each() -> None:
    assert cut("2024-02-28", "2024-03-01", "day") == [(day, day) for day in ("2024-02-28", "2024-02-29", "2024-03-01")]


def test_weeks_are_iso_weeks_cut_at_the_ends_of_the_range() -> None:
    assert cut("2026-01-01", "2026-01-13", "week") == [
        ("2026-01-01", "2026-01-04"),  # Thursday to Sunday
        ("2026-01-05", "2026-01-11"),
        ("2026-01-12", "2026-01-13"),
    ]


def test_months_are_calendar_months_cut_at_the_ends_of_the_range() -> None:
    assert cut("2024-01-30", "2024-03-01", "month") == [
        ("2024-01-30", "2024-01-31"),
        ("2024-02-01", "2024-02-29"),
        ("2024-03-01", "2024-03-01"),
    ]


@pytest.mark.parametrize("how", ["range", "day", "week", "month"])
@given(start=DATES, length=LENGTHS)
def test_slices_hold_every_day_of_the_range_once_and_no_other(how: str, start: date, length: int) -> None:
    end = start + timedelta(days=length)
    found = [(date.fromisoformat(a), date.fromisoformat(b)) for a, b in cut(str(start), str(end), how)]
    days = [first + timedelta(days=n) for first, last in found for n in range((last - first).days + 1)]
    assert days == [start + timedelta(days=n) for n in range(length + 1)]


@pytest.mark.parametrize(("how", "key"), [("week", date.isocalendar), ("month", lambda day: (day.year, day.month))])
@given(start=DATES, length=LENGTHS)
def test_a_slice_holds_days_of_one_week_or_month_and_all_of_them(how: str, key, start: date, length: int) -> None:  # type: ignore[no-untyped-def]
    found = [
        (key(date.fromisoformat(a))[:2], key(date.fromisoformat(b))[:2])
        for a, b in cut(str(start), str(start + timedelta(days=length)), how)
    ]
    assert all(first == last for first, last in found)
    assert len({first for first, _ in found}) == len(found)


def test_the_ends_of_the_calendar_can_be_sliced() -> None:
    assert cut("9999-12-30", "9999-12-31", "day") == [("9999-12-30",) * 2, ("9999-12-31",) * 2]
    assert cut("9999-12-01", "9999-12-31", "month") == [("9999-12-01", "9999-12-31")]
    assert cut("0001-01-01", "0001-01-02", "week") == [("0001-01-01", "0001-01-02")]


def test_each_slot_of_a_rule_begins_a_slice_until_the_next_one() -> None:
    assert cut("2026-01-01", "2026-01-01", "cron 0 6,18 * * *") == [
        ("2026-01-01T06:00:00Z", "2026-01-01T18:00:00Z"),
        ("2026-01-01T18:00:00Z", "2026-01-02T06:00:00Z"),
    ]


def test_the_slots_of_a_rule_are_those_of_the_projects_clock() -> None:
    assert cut("2026-03-28", "2026-03-29", "cron 0 0 * * *", "Europe/Berlin") == [
        ("2026-03-27T23:00:00Z", "2026-03-28T23:00:00Z"),
        ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),  # the clock goes forward
    ]


@given(start=st.dates(date(2020, 1, 1), date(2030, 1, 1)), length=st.integers(0, 60))
def test_slices_of_a_rule_follow_each_other_without_a_gap(start: date, length: int) -> None:
    found = cut(str(start), str(start + timedelta(days=length)), "cron 30 */5 * * *", "America/New_York")
    assert all(one[1] == other[0] for one, other in pairwise(found))


@pytest.mark.parametrize(
    ("start", "end", "how", "message", "hint"),
    [
        (
            "0001-01-01", "9999-12-31", "day", "0001-01-01 to 9999-12-31 are more than 20,000 slices of 'day'",
            "choose a shorter range, or longer slices with --partition",
        ),
        (
            "2026-02-01", "2026-02-02", "cron 0 0 13 * *",
            "the rule '0 0 13 * *' is not due from 2026-02-01 to 2026-02-02",
            "`tetra schedule next --cron` shows when a rule is due",
        ),
        (
            "2026-02-01", "2026-02-02", "cron daily", "the rule 'daily' has 1 field instead of 5",
            "the fields are minute, hour, day of month, month, day of week",
        ),
        (
            "9999-12-31", "9999-12-31", "cron 0 0 * * *", "9999-12-31 to 9999-12-31 reaches the end of the calendar",
            "choose another range",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_sliced_is_refused(start: str, end: str, how: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        slices(start, end, how, "UTC")
    assert (caught.value.message, caught.value.hint) == (message, hint)
