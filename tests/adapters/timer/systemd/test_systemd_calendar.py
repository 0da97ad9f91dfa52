"""A timer's times as values of OnCalendar=."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import utc
from support.systemd_calendar import elapses
from support.systemd_specs import timer_spec
from tetra_orchestrator.adapters.timer.systemd.calendar import LONGEST, lines, patched_to
from tetra_orchestrator.core.cron import Rule
from tetra_orchestrator.core.units import TimerSpec

NOW = utc(2026, 3, 1, 20)
NEW_YORK, CHATHAM = "America/New_York", "Pacific/Chatham"


def local(cron: str, timezone: str = "Asia/Tokyo", **policies: str) -> list[str]:
    return lines(timer_spec(cron, timezone, **policies), NOW)


def of_2026(cron: str, timezone: str, **policies: str) -> list[str]:
    """The patches of that year."""
    return [line for line in local(cron, timezone, **policies) if line.startswith("2026")]


@pytest.mark.parametrize(
    ("cron", "line"),
    [
        ("0 19 * * *", "*-*-* 19:00:00 Asia/Tokyo"),
        ("0 20 * * 0", "Sun *-*-* 20:00:00 Asia/Tokyo"),
        ("0 9 * * 1-5", "Mon..Fri *-*-* 09:00:00 Asia/Tokyo"),
        ("30 6 * * 0,1,6", "Mon,Sat,Sun *-*-* 06:30:00 Asia/Tokyo"),
        ("0,30 0,5 1,15 * *", "*-*-01,15 00,05:00,30:00 Asia/Tokyo"),
        ("*/15 9-17 * 1,7 *", "*-01,07-* 09..17:00,15,30,45:00 Asia/Tokyo"),
        ("0 0 */2 * 1,2", "Mon,Tue *-*-01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31 00:00:00 Asia/Tokyo"),
        ("0 0 1 1 *", "*-01-01 00:00:00 Asia/Tokyo"),
        ("0 3 L * *", "*-*~01 03:00:00 Asia/Tokyo"),
        ("0 3 * * 1#1", "Mon *-*-01..07 03:00:00 Asia/Tokyo"),
        ("0 3 * * 1#5", "Mon *-*-29..31 03:00:00 Asia/Tokyo"),
        ("0 3 * * 5L", "Fri *-*~01..07 03:00:00 Asia/Tokyo"),
    ],
)
def test_a_rule_is_one_line_in_its_zone(cron: str, line: str) -> None:
    assert local(cron) == [line]


def test_days_of_either_field_are_two_lines() -> None:
    assert local("0 9 1,15 * 1") == ["*-*-01,15 09:00:00 Asia/Tokyo", "Mon *-*-* 09:00:00 Asia/Tokyo"]


def test_the_last_workday_is_a_friday_where_the_month_ends_with_a_weekend() -> None:
    assert local("0 3 LW * *") == ["Mon..Fri *-*~01 03:00:00 Asia/Tokyo", "Fri *-*~02,03 03:00:00 Asia/Tokyo"]


def test_a_rule_in_utc_says_so() -> None:
    assert local("0 19 * * *", "UTC") == ["*-*-* 19:00:00 UTC"]


def test_a_rule_that_no_offset_of_its_zone_changes_is_said_in_utc() -> None:
    assert local("*/7 * * * *", NEW_YORK) == ["*-*-* *:00,07,14,21,28,35,42,49,56:00 UTC"]
    assert local("*/30 * * * *", "Australia/Lord_Howe") == ["*-*-* *:00,30:00 UTC"]
    assert local("* * * * *", CHATHAM) == ["*-*-* *:*:00 UTC"]
    assert local("0 * * * *", "Asia/Kolkata") == ["*-*-* *:00:00 Asia/Kolkata"]


def test_the_example_of_an_evening_in_new_york_needs_no_patch() -> None:
    assert local("0 19 * * *", NEW_YORK) == ["*-*-* 19:00:00 America/New_York"]
    assert local("0 20 * * 0", NEW_YORK) == ["Sun *-*-* 20:00:00 America/New_York"]


@pytest.mark.parametrize(
    ("cron", "zone", "line"),
    [
        ("30 2 * * *", NEW_YORK, "2026-03-08 07:00:00 UTC"),
        ("0 0 * * *", "Africa/Cairo", "2026-04-23 22:00:00 UTC"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-29 01:00:00 UTC"),
    ],
)
def test_a_time_that_the_clock_jumps_over_is_said_in_utc(cron: str, zone: str, line: str) -> None:
    assert line in local(cron, zone)


def test_a_time_that_is_jumped_over_and_skipped_by_policy_is_not_said() -> None:
    assert of_2026("30 2 * * *", NEW_YORK, gap="skip") == []


def test_after_a_jump_to_which_a_rule_comes_the_rest_of_the_day_is_said_in_utc() -> None:
    assert of_2026("0 1,12 * * *", "Europe/Dublin") == ["2026-03-29 01,11:00:00 UTC", "2026-10-25 00:00:00 UTC"]


@pytest.mark.parametrize(("fold", "hours"), [("first", "05"), ("second", "06"), ("both", "05,06")])
def test_a_time_that_is_shown_twice_is_said_for_the_passes_of_the_policy(fold: str, hours: str) -> None:
    assert of_2026("30 1 * * *", NEW_YORK, fold=fold) == [f"2026-11-01 {hours}:30:00 UTC"]


def test_a_rule_with_a_star_is_due_in_both_passes_whatever_the_policy() -> None:
    assert of_2026("*/30 1 * * *", NEW_YORK, fold="first") == ["2026-11-01 05,06:00,30:00 UTC"]


def test_the_patches_reach_three_years_beyond_this_one() -> None:
    spec = timer_spec("30 2 * * *", NEW_YORK)
    assert [line[:4] for line in lines(spec, NOW)[1:]] == ["2026", "2027", "2028", "2029"]
    assert patched_to(spec, NOW) == utc(2030, 1, 1)


def test_throughout_a_year_the_lines_stay_the_same() -> None:
    spec = timer_spec("30 1,2 * * *", NEW_YORK)
    assert lines(spec, utc(2026, 1, 1)) == lines(spec, utc(2026, 12, 31, 23, 59))
    assert patched_to(spec, utc(2026, 1, 1)) == patched_to(spec, utc(2026, 12, 31, 23, 59))


@pytest.mark.parametrize("spec", [
    timer_spec("0 19 * * *", NEW_YORK), timer_spec("*/5 * * * *", NEW_YORK), timer_spec("30 2 * * *", "Asia/Tokyo"),
    timer_spec(every_s=3600.0), timer_spec(at=NOW), timer_spec(at_boot=True),
])  # fmt: skip
def test_what_needs_no_patch_holds_for_ever(spec: TimerSpec) -> None:
    assert patched_to(spec, NOW) is None


def test_a_rule_for_a_day_without_a_change_is_renewed_for_the_years_that_have_one_on_it() -> None:
    spec = timer_spec("30 2 9 3 *", NEW_YORK)
    assert lines(spec, NOW) == ["*-03-09 02:30:00 America/New_York"]
    assert patched_to(spec, NOW) == utc(2030, 1, 1)


def test_where_systemd_would_stand_still_the_times_are_said_for_each_offset_and_the_guard_knows_the_days() -> None:
    assert local("50 2 * * 1", CHATHAM) == ["*-*-* 13,14:05:00 UTC"]


@pytest.mark.parametrize(
    ("every_s", "expected"),
    [
        (10, ["*-*-* *:*:00,10,20,30,40,50 UTC"]),
        (60, ["*-*-* *:*:00 UTC"]),
        (90, ["*-*-* *:00,03,06,09,12,15,18,21,24,27,30,33,36,39,42,45,48,51,54,57:00 UTC",
              "*-*-* *:01,04,07,10,13,16,19,22,25,28,31,34,37,40,43,46,49,52,55,58:30 UTC"]),
        (900, ["*-*-* *:00,15,30,45:00 UTC"]),
        (3600, ["*-*-* *:00:00 UTC"]),
        (5400, ["*-*-* 00,03,06,09,12,15,18,21:00:00 UTC", "*-*-* 01,04,07,10,13,16,19,22:30:00 UTC"]),
        (21600, ["*-*-* 00,06,12,18:00:00 UTC"]),
        (86400, ["*-*-* 00:00:00 UTC"]),
        (7 * 86400, ["*-*-* 00:00:00 UTC"]),
        (25 * 3600, ["*-*-* *:00:00 UTC"]),
        (420, ["*-*-* *:*:00 UTC"]),
        (61, []),
        (0.5, []),
        (90.5, []),
    ],
)  # fmt: skip
def test_an_interval_is_the_instants_since_1970_or_a_grid_that_has_them(every_s: float, expected: list[str]) -> None:
    assert lines(timer_spec(every_s=every_s), NOW) == expected


@given(st.sampled_from([n for n in range(1, 86401) if 86400 % n == 0]) | st.integers(1, 1500).map(lambda n: 60 * n))
def test_every_multiple_of_an_interval_is_in_its_lines(every_s: int) -> None:
    first = -(-int(NOW.timestamp()) // every_s) * every_s
    said = [line.split()[1].split(":") for line in lines(timer_spec(every_s=float(every_s)), NOW)]
    for number in range(20):
        moment = utc(1970, 1, 1) + timedelta(seconds=first + number * every_s)
        clock = (moment.hour, moment.minute, moment.second)
        assert any(all(map(says, parts, clock)) for parts in said)


def says(part: str, value: int) -> bool:
    if part == "*":
        return True
    ends = [piece.partition("..") for piece in part.split(",")]
    return any(int(low) <= value <= int(high or low) for low, _, high in ends)


def test_an_instant_is_one_line_and_never_before_it() -> None:
    assert lines(timer_spec(at=utc(2026, 3, 8, 7, 30, 15)), NOW) == ["2026-03-08 07:30:15 UTC"]
    late = utc(2026, 3, 8, 7, 30, 15).replace(microsecond=1)
    assert lines(timer_spec(at=late), NOW) == ["2026-03-08 07:30:16 UTC"]


def test_a_start_of_the_machine_is_no_time() -> None:
    assert lines(timer_spec(at_boot=True), NOW) == []


def field(low: int, high: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.sets(st.integers(low, high), min_size=1).map(sorted).map(tuple)


RULES = st.builds(
    Rule, minutes=field(0, 59), hours=field(0, 23), days=field(1, 31), months=field(1, 12), weekdays=field(0, 6)
)


@given(RULES)
def test_no_line_is_longer_than_a_line_may_be(rule: Rule) -> None:
    spec = timer_spec(rule=rule, timezone="America/Argentina/ComodRivadavia")
    assert all(len(line) <= LONGEST for line in lines(spec, NOW))


def test_a_long_rule_is_said_in_several_lines_that_together_are_all_of_it() -> None:
    minutes = tuple(minute for minute in range(60) if minute % 3)
    hours = tuple(hour for hour in range(24) if hour % 3)
    days = tuple(day for day in range(1, 32) if day % 3)
    rule = Rule(minutes, hours, days, (1, 2, 4, 5, 7, 8, 10, 11), (1, 2, 4, 5, 0))
    found = lines(timer_spec(rule=rule, timezone="America/Argentina/Buenos_Aires"), NOW)
    assert len(found) > 1
    start = utc(2026, 4, 1)
    wanted = {start + timedelta(minutes=n) for n in range(1, 7 * 1440 + 1)}
    wanted = {instant for instant in wanted if rule.fits(instant - timedelta(hours=3))}
    assert elapses(found, "America/Argentina/Buenos_Aires", start, start + timedelta(7)) == wanted
