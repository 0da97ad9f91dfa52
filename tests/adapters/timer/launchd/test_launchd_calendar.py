"""StartCalendarInterval for the timers of a Mac."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.builders import utc
from support.cron_expressions import KNOWN, ZONES, expressions
from support.timer_specs import timer_spec
from tetra_orchestrator.adapters.timer.launchd.calendar import MOST, RANGES, entries, start_interval
from tetra_orchestrator.core.units import TimerSpec

NOW = utc(2026, 1, 1)
NY, BERLIN = "America/New_York", "Europe/Berlin"


def said(cron: str, zone: str = NY, local_zone: str = NY) -> list[dict[str, int]]:
    return entries(timer_spec(cron, timezone=zone), local_zone, NOW)


def test_a_time_of_every_day_is_an_hour_and_a_minute() -> None:
    assert said("0 19 * * *") == [{"Hour": 19, "Minute": 0}]


def test_sunday_is_weekday_0() -> None:
    assert said("0 20 * * 0") == said("0 20 * * 7") == [{"Weekday": 0, "Hour": 20, "Minute": 0}]


def test_a_list_is_an_entry_for_each_of_its_numbers() -> None:
    assert said("*/15 * * * *") == [{"Minute": minute} for minute in (0, 15, 30, 45)]
    assert said("0 9 * * 1-5") == [{"Weekday": day, "Hour": 9, "Minute": 0} for day in range(1, 6)]


def test_a_whole_hour_has_no_minute_and_a_whole_day_no_hour() -> None:
    assert said("* 9 * * *") == [{"Hour": 9}]
    assert said("* * 1 * *") == [{"Day": 1}]


def test_every_minute_is_60_entries_as_an_empty_one_may_be_none() -> None:
    assert said("* * * * *") == [{"Minute": minute} for minute in range(60)]


def test_a_day_and_a_weekday_are_entries_of_their_own() -> None:
    clock = {"Hour": 4, "Minute": 30}
    assert said("30 4 1,15 * 5") == [{"Weekday": 5} | clock, {"Day": 1} | clock, {"Day": 15} | clock]


def test_a_month_stands_beside_a_weekday_though_some_launchd_may_not_see_it() -> None:
    assert said("0 9 * 1 1") == [{"Month": 1, "Weekday": 1, "Hour": 9, "Minute": 0}]


def test_a_29th_of_february_is_asked_for_in_february_alone() -> None:
    assert said("0 3 29 2 *") == [{"Month": 2, "Day": 29, "Hour": 3, "Minute": 0}]


def test_a_night_that_skips_the_time_has_it_when_the_gap_is_over() -> None:
    nights = [{"Month": 3, "Day": day, "Hour": hour, "Minute": 0} for day in (8, 11, 12, 14) for hour in (2, 3)]
    assert said("30 2 * * *") == [{"Hour": 2, "Minute": 30}, *nights]


def test_a_rule_of_another_zone_is_due_at_every_time_that_it_may_be_here() -> None:
    assert said("0 9 * * *", NY, BERLIN) == [{"Hour": 14, "Minute": 0}, {"Hour": 15, "Minute": 0}]


@pytest.mark.parametrize(
    ("cron", "coarser"),
    [
        ("0 */2 * 2-12 1,3", [{"Weekday": day, "Hour": h, "Minute": 0} for day in (1, 3) for h in range(0, 24, 2)]),
        ("*/15 8-18 1,15 * 1-5", [{"Hour": hour, "Minute": m} for hour in range(8, 19) for m in (0, 15, 30, 45)]),
        ("1-59 1-23 2-31 2-12 1-6", [{"Minute": minute} for minute in range(1, 60)]),
    ],
    ids=["in any month", "on any day", "in any hour"],
)
def test_what_would_be_too_many_entries_starts_us_more_often(cron: str, coarser: list[dict[str, int]]) -> None:
    assert said(cron, "UTC", "UTC") == coarser


def test_an_interval_that_divides_a_day_is_due_at_fixed_times() -> None:
    assert entries(timer_spec(every_s=21600), "UTC", NOW) == [{"Hour": hour, "Minute": 0} for hour in (0, 6, 12, 18)]
    assert entries(timer_spec(every_s=900), NY, NOW) == [{"Minute": minute} for minute in (0, 15, 30, 45)]
    assert start_interval(timer_spec(every_s=21600)) is None


@pytest.mark.parametrize(("every_s", "seconds"), [(45, 45), (90, 60), (0.5, 1), (20.5, 21), (3601, 60)])
def test_an_interval_out_of_step_with_the_minutes_starts_us_within_a_minute_of_each_slot(
    every_s: float, seconds: int
) -> None:
    spec = timer_spec(every_s=every_s)
    assert (entries(spec, NY, NOW), start_interval(spec)) == ([], seconds)


def test_an_instant_is_one_entry_for_the_machines_clock() -> None:
    spec = timer_spec(at=utc(2026, 7, 4, 13), timezone="UTC")
    assert entries(spec, NY, NOW) == [{"Month": 7, "Day": 4, "Hour": 9, "Minute": 0}]
    assert start_interval(spec) is None


def test_what_is_due_at_a_boot_has_no_entry() -> None:
    assert (entries(timer_spec(at_boot=True), NY, NOW), start_interval(timer_spec(at_boot=True))) == ([], None)


SPECS = st.one_of(
    st.builds(timer_spec, st.sampled_from(expressions(300)), timezone=st.sampled_from(ZONES)),
    st.builds(lambda every_s: timer_spec(every_s=every_s), st.integers(1, 10**6)),
    st.builds(lambda hours: timer_spec(at=NOW + timedelta(hours=hours)), st.floats(0, 10**5)),
)


@settings(max_examples=150, deadline=None)
@given(SPECS, st.sampled_from(ZONES))
def test_entries_are_few_and_each_is_one_that_launchd_knows(spec: TimerSpec, local_zone: str) -> None:
    found = entries(spec, local_zone, NOW)
    assert len(found) <= MOST
    assert len({tuple(sorted(entry.items())) for entry in found}) == len(found)
    for entry in found:
        assert entry
        assert not {"Day", "Weekday"} <= entry.keys()
        assert all(RANGES[key][0] <= value <= RANGES[key][1] for key, value in entry.items())


@pytest.mark.parametrize("cron", KNOWN)
def test_a_31st_or_30th_is_never_asked_for_in_a_month_that_has_none(cron: str) -> None:
    late = [entry for entry in said(cron) if entry.get("Day", 0) > 28]
    assert all(entry["Day"] <= {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}.get(entry["Month"], 31) for entry in late)
