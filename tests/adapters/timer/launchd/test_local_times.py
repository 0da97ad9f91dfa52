"""What the machine's own clock shows when a timer is due."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import utc
from support.cron_expressions import expressions
from support.timer_specs import timer_spec
from tetra_orchestrator.adapters.timer.local_days import ALWAYS, ANY, Day, Days, days_of, kinds, shifted
from tetra_orchestrator.adapters.timer.local_times import in_step, wakes
from tetra_orchestrator.core.schedule import rule_of

NOW = utc(2026, 5, 4, 12)
NY, BERLIN, TOKYO = "America/New_York", "Europe/Berlin", "Asia/Tokyo"


def of(days: list[Day], one: date) -> bool:
    """Whether a pattern has the day."""
    weekday = one.isoweekday() % 7
    return any(
        each.month in (None, one.month) and each.day in (None, one.day) and each.weekday in (None, weekday)
        for each in days
    )


def every_day() -> list[date]:
    return [date(2024, 1, 1) + timedelta(number) for number in range(5 * 366)]


def test_every_day_is_one_pattern() -> None:
    assert kinds(ALWAYS) == [ANY]
    assert kinds(days_of(rule_of("0 0 1-31 * 1"))) == [ANY]


def test_days_that_every_month_has_are_named_without_a_month() -> None:
    assert kinds(days_of(rule_of("0 0 1,28 * *"))) == [Day(day=1), Day(day=28)]


def test_a_31st_is_named_with_the_months_that_have_it() -> None:
    assert [(day.month, day.day) for day in kinds(days_of(rule_of("0 0 31 * *")))] == [
        (month, 31) for month in (1, 3, 5, 7, 8, 10, 12)
    ]
    assert kinds(days_of(rule_of("0 0 30 2,4 *"))) == [Day(4, 30)]


def test_the_last_day_is_that_of_each_month_and_two_for_february() -> None:
    patterns = [(day.month, day.day) for day in kinds(days_of(rule_of("0 0 L 1-4 *")))]
    assert patterns == [(1, 31), (2, 28), (2, 29), (3, 31), (4, 30)]


def test_the_last_workday_is_one_of_three() -> None:
    assert kinds(days_of(rule_of("0 0 LW 4 *"))) == [Day(4, 28), Day(4, 29), Day(4, 30)]


def test_an_nth_weekday_is_that_weekday() -> None:
    assert kinds(days_of(rule_of("0 0 * * 1#2"))) == kinds(days_of(rule_of("0 0 * * 1L"))) == [Day(weekday=1)]


def test_of_two_day_fields_that_a_day_must_fit_the_one_with_fewer_days_counts() -> None:
    assert kinds(days_of(rule_of("0 0 */2 * 1"))) == [Day(weekday=1)]
    assert kinds(days_of(rule_of("0 0 10 * */2"))) == [Day(day=10)]


def test_of_two_day_fields_of_which_a_day_must_fit_one_both_count() -> None:
    assert kinds(days_of(rule_of("30 4 1 * 5"))) == [Day(day=1), Day(weekday=5)]


def test_a_whole_month_and_a_weekday_of_a_month_are_named_so() -> None:
    assert kinds(days_of(rule_of("0 0 * 2,7 *"))) == [Day(2), Day(7)]
    assert kinds(days_of(rule_of("0 9 * 1 1"))) == [Day(1, weekday=1)]


@pytest.mark.parametrize("cron", expressions(150))
def test_no_day_on_which_a_rule_is_due_is_left_out(cron: str) -> None:
    rule = rule_of(cron)
    patterns = kinds(days_of(rule))
    assert [one for one in every_day() if rule.fits_day(one) and not of(patterns, one)] == []


DATES = st.sets(st.sampled_from(sorted(ALWAYS.dates)), max_size=40).map(frozenset)
DAYS = st.builds(Days, DATES, st.frozensets(st.integers(0, 6)), st.frozensets(st.integers(1, 12), min_size=1))


@given(DAYS, st.integers(-2, 2), st.sampled_from(every_day()))
def test_a_day_on_one_clock_is_the_next_on_a_clock_that_is_a_day_ahead(days: Days, by: int, one: date) -> None:
    if of(kinds(days), one):
        assert of(kinds(shifted(days, by)), one + timedelta(by))


@given(DATES, st.sampled_from(every_day()))
def test_patterns_have_just_the_dates_that_they_are_for(dates: frozenset[tuple[int, int]], one: date) -> None:
    assert of(kinds(Days(dates)), one) == ((one.month, one.day) in dates)


def test_a_rule_of_the_machines_own_zone_is_due_at_its_own_times_for_ever() -> None:
    found = wakes(timer_spec("0 19 * * *", timezone=NY), NY, NOW)
    assert (found.times, found.until) == ({ANY: {19 * 60}}, None)


def test_a_rule_of_another_zone_is_due_at_each_of_its_times_on_the_machines_clock() -> None:
    found = wakes(timer_spec("0 9 * * *", timezone=NY), BERLIN, NOW)
    assert (found.times, found.until) == ({ANY: {14 * 60, 15 * 60}}, utc(2030, 1, 1))


def test_a_zone_of_another_name_with_the_same_clock_is_as_good_as_the_own() -> None:
    assert wakes(timer_spec("0 9 * * *", timezone="Europe/Paris"), BERLIN, NOW).until is None


def test_times_that_no_difference_of_the_clocks_changes_hold_for_ever() -> None:
    found = wakes(timer_spec("*/30 * * * *", timezone=NY), "UTC", NOW)
    assert (found.times[ANY], found.until) == (set(range(0, 1440, 30)), None)


def test_a_rule_of_another_zone_may_be_due_on_the_day_after_or_before() -> None:
    ahead = wakes(timer_spec("0 20 * * 5", timezone=NY), TOKYO, NOW)
    assert ahead.times == {Day(weekday=6): {9 * 60, 10 * 60}}
    behind = wakes(timer_spec("0 9 1 3 *", timezone=TOKYO), NY, NOW)
    assert behind.times == {Day(2, 28): {19 * 60, 20 * 60}, Day(2, 29): {19 * 60, 20 * 60}}


def test_a_slot_in_a_gap_is_due_when_the_gap_is_over() -> None:
    found = wakes(timer_spec("30 2 * * *", timezone=NY), NY, NOW)
    # as the clock shows it, and as it would have shown it without the change
    nights = {Day(3, day): {2 * 60, 3 * 60} for day in (8, 14, 12, 11)}
    assert found.times == {ANY: {2 * 60 + 30}} | nights
    assert found.until == utc(2030, 1, 1)


@pytest.mark.parametrize(("cron", "gap"), [("0 1-3 * * *", "shift"), ("*/30 * * * *", "shift"), ("30 2 * * *", "skip")])
def test_a_slot_in_a_gap_needs_nothing_where_another_is_due_then_or_none_is_wanted(cron: str, gap: str) -> None:
    found = wakes(timer_spec(cron, timezone=NY, gap=gap), NY, NOW)
    assert (set(found.times), found.until) == ({ANY}, None)


def test_the_times_are_the_same_all_the_year() -> None:
    spec = timer_spec("30 2 * * *", timezone=NY)
    assert wakes(spec, BERLIN, utc(2026, 1, 1)) == wakes(spec, BERLIN, utc(2026, 12, 31, 23, 59))
    assert wakes(spec, BERLIN, utc(2027, 1, 1)).until == utc(2031, 1, 1)


def test_an_instant_is_the_minute_in_which_it_is_over() -> None:
    assert wakes(timer_spec(at=utc(2026, 7, 4, 13, 0)), NY, NOW).times == {Day(7, 4): {9 * 60}}
    assert wakes(timer_spec(at=utc(2026, 7, 4, 13, 0, 5)), NY, NOW).times == {Day(7, 4): {9 * 60 + 1}}


@pytest.mark.parametrize(
    ("every_s", "minutes"),
    [(900, 15), (21600, 360), (86400, 1440), (7 * 86400, 1440), (6000, 20), (60, 1), (61 * 60, 1), (90, None)],
)
def test_an_interval_is_said_by_the_coarsest_grid_of_a_day_that_has_it(every_s: float, minutes: int | None) -> None:
    assert in_step(every_s) == minutes


@pytest.mark.parametrize("every_s", [None, 0.5, 60.5, 45])
def test_an_interval_with_seconds_is_in_step_with_no_minute(every_s: float | None) -> None:
    assert in_step(every_s) is None


def test_an_interval_counts_in_utc_whatever_the_machines_clock_shows() -> None:
    assert wakes(timer_spec(every_s=43200), NY, NOW).times == {ANY: {7 * 60, 8 * 60, 19 * 60, 20 * 60}}
    assert wakes(timer_spec(every_s=43200, timezone=NY), "UTC", NOW).times == {ANY: {0, 12 * 60}}


def test_what_is_due_at_a_boot_only_has_no_times() -> None:
    assert wakes(timer_spec(at_boot=True), NY, NOW).times == {}
