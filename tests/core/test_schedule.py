"""When a rule is due: macros, the two day fields, and the two days a year on which the clock jumps.

In Berlin in 2025 it jumps from 02:00 to 03:00 on 30 March (01:00 UTC), and from 03:00 back to 02:00 on 26 October.
"""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from support.builders import utc
from tetra_orchestrator.core import schedule
from tetra_orchestrator.core.cron import Rule
from tetra_orchestrator.core.model import Schedule
from tetra_orchestrator.core.schedule import MACROS, next_slot, rule_of, slots, slots_of
from tetra_orchestrator.errors import ConfigError

BERLIN = "Europe/Berlin"
SPRING, AUTUMN = utc(2025, 3, 29, 20), utc(2025, 10, 25, 20)
RULES = [
    "30 2 * * *", "0 2 * * *", "0 3 * * *", "0,30 2 * * *", "30 2-3 * * *", "15 */2 * * *", "*/20 * * * *", "0 * * * *",
    "0 20 * * 0", "0 0 1 * 1",
]  # fmt: skip


def local(cron: str, after: datetime, count: int, zone: str = BERLIN) -> list[str]:
    """The next slots as a wall clock shows them, with its distance from UTC."""
    return [f"{slot.astimezone(ZoneInfo(zone)):%a %d %b %H:%M %z}" for slot in islice(slots(cron, zone, after), count)]


@pytest.mark.parametrize(
    ("macro", "slot"),
    [
        ("@yearly", utc(2026, 1, 1)),
        ("@annually", utc(2026, 1, 1)),
        ("@monthly", utc(2025, 6, 1)),
        ("@weekly", utc(2025, 5, 18)),
        ("@daily", utc(2025, 5, 15)),
        ("@midnight", utc(2025, 5, 15)),
        ("@hourly", utc(2025, 5, 14, 11)),
    ],
)
def test_a_macro_is_due_when_crontab_says(macro: str, slot: datetime) -> None:
    assert next_slot(macro, "UTC", utc(2025, 5, 14, 10, 30)) == slot


def test_every_macro_is_tested_above() -> None:
    assert len(MACROS) == 7


def test_slots_are_aware_utc_and_strictly_later() -> None:
    after = utc(2025, 1, 1, 6)
    slot = next_slot("0 6 * * *", "UTC", after)
    assert slot == utc(2025, 1, 2, 6)
    assert slot.tzinfo is UTC
    assert next_slot("0 6 * * *", "UTC", after - timedelta(microseconds=1)) == after


def test_a_rule_is_meant_in_its_zone() -> None:
    assert next_slot("0 20 * * 0", "America/New_York", utc(2025, 1, 1)) == utc(2025, 1, 6, 1)
    assert next_slot("0 20 * * 0", "America/New_York", utc(2025, 7, 1)) == utc(2025, 7, 7, 0)


def test_either_day_field_is_enough_when_both_are_given() -> None:
    assert local("0 0 13 * 5", utc(2025, 6, 1), 4, "UTC") == [
        "Fri 06 Jun 00:00 +0000",
        "Fri 13 Jun 00:00 +0000",
        "Fri 20 Jun 00:00 +0000",
        "Fri 27 Jun 00:00 +0000",
    ]
    assert local("0 0 13 * 5", utc(2025, 7, 11), 2, "UTC") == ["Sun 13 Jul 00:00 +0000", "Fri 18 Jul 00:00 +0000"]


def test_both_day_fields_must_fit_when_one_starts_with_a_star() -> None:
    assert local("0 0 */10 * 1", utc(2025, 1, 1), 3, "UTC") == [
        "Mon 31 Mar 00:00 +0000",
        "Mon 21 Apr 00:00 +0000",
        "Mon 21 Jul 00:00 +0000",
    ]


def test_sunday_is_0_and_7() -> None:
    assert next_slot("0 0 * * 0", "UTC", utc(2025, 1, 1)) == next_slot("0 0 * * 7", "UTC", utc(2025, 1, 1))


def test_the_29th_of_february_is_due_in_leap_years() -> None:
    assert list(islice(slots("0 0 29 2 *", "UTC", utc(2025, 1, 1)), 2)) == [utc(2028, 2, 29), utc(2032, 2, 29)]


def test_a_time_that_the_clock_jumps_over_is_due_when_it_has_jumped() -> None:
    assert local("30 2 * * *", SPRING, 2) == ["Sun 30 Mar 03:00 +0200", "Mon 31 Mar 02:30 +0200"]


def test_an_hourly_rule_leaves_out_the_hour_that_is_missing() -> None:
    assert local("0 * * * *", utc(2025, 3, 29, 23, 30), 3) == [
        "Sun 30 Mar 01:00 +0100",
        "Sun 30 Mar 03:00 +0200",
        "Sun 30 Mar 04:00 +0200",
    ]


def test_a_time_that_the_clock_shows_twice_is_due_the_first_time_only() -> None:
    assert local("30 2 * * *", AUTUMN, 2) == ["Sun 26 Oct 02:30 +0200", "Mon 27 Oct 02:30 +0100"]


def test_an_hourly_rule_is_due_in_both_passes_through_the_doubled_hour() -> None:
    assert local("*/30 * * * *", utc(2025, 10, 25, 23, 45), 5) == [
        "Sun 26 Oct 02:00 +0200",
        "Sun 26 Oct 02:30 +0200",
        "Sun 26 Oct 02:00 +0100",
        "Sun 26 Oct 02:30 +0100",
        "Sun 26 Oct 03:00 +0100",
    ]


def test_a_rule_asked_in_the_second_pass_does_not_answer_with_the_first() -> None:
    assert next_slot("30 2 * * *", BERLIN, utc(2025, 10, 26, 1, 10)) == utc(2025, 10, 27, 1, 30)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(RULES), st.sampled_from([SPRING, AUTUMN]), st.integers(0, 12 * 60))
def test_the_next_slot_does_not_depend_on_when_one_began_to_count(cron: str, day: datetime, minutes: int) -> None:
    after = day + timedelta(minutes=minutes)
    later = (slot for slot in slots(cron, BERLIN, day) if slot > after)
    assert next_slot(cron, BERLIN, after) == next(later)


@pytest.mark.parametrize("cron", RULES)
def test_slots_of_a_year_with_both_jumps_only_go_forward(cron: str) -> None:
    until = utc(2025, 11, 1)
    found = list(takewhile(lambda slot: slot < until, slots(cron, BERLIN, utc(2025, 3, 25))))
    assert found
    assert all(first < second for first, second in pairwise(found))


@pytest.mark.parametrize(
    ("cron", "text"),
    [
        ("0 0 30 2 *", "the rule '0 0 30 2 *' is never due"),
        ("0 25 * * *", "the rule '0 25 * * *' cannot be read: bad hour"),
        ("* * * *", "the rule '* * * *' has 4 fields instead of 5"),
    ],
)
def test_a_rule_that_cannot_be_read_or_is_never_due_is_refused_at_once(cron: str, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        slots(cron, "UTC", utc(2025, 1, 1))
    assert str(caught.value) == text


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Europe", "", "../UTC", "/etc/localtime", "europe berlin", "a\0b"])
def test_an_unknown_zone_is_refused_with_a_hint(zone: str) -> None:
    with pytest.raises(ConfigError) as caught:
        slots("@daily", zone, utc(2025, 1, 1))
    assert caught.value.message == f"there is no time zone {zone!r}"
    assert caught.value.hint == "use an IANA name, such as Europe/Paris"


def test_utc_needs_no_data() -> None:
    assert schedule.zone("UTC") is UTC


def test_a_zone_of_data_that_are_missing_is_refused_with_another_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "available_timezones", set)
    with pytest.raises(ConfigError) as caught:
        schedule.zone("Mars/Olympus")
    assert caught.value.hint == schedule.NO_DATA


NEW_YORK = "America/New_York"  # in 2026 from 02:00 to 03:00 on 8 March (07:00 UTC), back on 1 November (06:00 UTC)


def due(after: datetime, count: int = 3, **fields: Any) -> list[str]:
    """The next slots of a schedule."""
    given = {"name": "s", "mode": "daily", "cron": None, "timezone": NEW_YORK} | fields
    return [f"{slot:%m-%dT%H:%M}" for slot in islice(slots_of(Schedule(**given), after), count)]


MARCH, NOVEMBER = utc(2026, 3, 7, 12), utc(2026, 10, 31, 12)


def test_with_gap_skip_a_time_that_does_not_exist_is_left_out() -> None:
    assert due(MARCH, cron="30 2 * * *") == ["03-08T07:00", "03-09T06:30", "03-10T06:30"]
    assert due(MARCH, cron="30 2 * * *", dst_gap="skip") == ["03-09T06:30", "03-10T06:30", "03-11T06:30"]


def test_with_gap_skip_a_time_that_exists_after_the_gap_stays() -> None:
    assert due(MARCH, 2, cron="0 2-3 * * *", dst_gap="skip") == ["03-08T07:00", "03-09T06:00"]
    assert due(MARCH, 3, cron="0 2-3 * * *") == ["03-08T07:00", "03-09T06:00", "03-09T07:00"]


def test_a_rule_that_lies_in_every_gap_is_never_due_when_these_are_skipped() -> None:
    assert due(MARCH, cron="30 2 * 3 0#2", dst_gap="skip") == []
    assert due(MARCH, 2, cron="30 2 * 3 0#2") == ["03-08T07:00", "03-14T07:00"]


@pytest.mark.parametrize(
    ("fold", "found"),
    [
        ("first", ["11-01T05:00", "11-01T05:30", "11-02T06:00"]),
        ("second", ["11-01T06:00", "11-01T06:30", "11-02T06:00"]),
        ("both", ["11-01T05:00", "11-01T05:30", "11-01T06:00", "11-01T06:30", "11-02T06:00"]),
    ],
)
def test_fold_says_in_which_pass_a_time_is_due_that_comes_twice(fold: str, found: list[str]) -> None:
    assert due(NOVEMBER, len(found), cron="0,30 1 * * *", dst_fold=fold) == found


@pytest.mark.parametrize("fold", ["first", "second", "both"])
@pytest.mark.parametrize("gap", ["shift", "skip"])
def test_a_rule_with_a_star_counts_the_time_that_passes_whatever_the_schedule_says(gap: str, fold: str) -> None:
    said = {"dst_gap": gap, "dst_fold": fold}
    assert due(utc(2026, 11, 1, 5, 10), cron="*/30 * * * *", **said) == ["11-01T05:30", "11-01T06:00", "11-01T06:30"]
    assert due(utc(2026, 3, 8, 4), cron="15 */2 * * *", **said) == ["03-08T05:15", "03-08T08:15", "03-08T10:15"]


@pytest.mark.parametrize(
    ("at", "said", "found"),
    [
        ("2026-03-08T02:30", {}, ["03-08T07:00"]),
        ("2026-03-08T02:30:15", {}, ["03-08T07:00"]),
        ("2026-03-08T02:30", {"dst_gap": "skip"}, []),
        ("2026-11-01T01:30", {}, ["11-01T05:30"]),
        ("2026-11-01T01:30", {"dst_fold": "second"}, ["11-01T06:30"]),
        ("2026-11-01T01:30", {"dst_fold": "both"}, ["11-01T05:30", "11-01T06:30"]),
        ("2026-07-01T02:30", {"dst_gap": "skip", "dst_fold": "both"}, ["07-01T06:30"]),
    ],
)
def test_one_instant_in_a_gap_or_a_fold_is_what_the_schedule_says(
    at: str, said: dict[str, str], found: list[str]
) -> None:
    assert due(utc(2026, 1, 1), at=at, **said) == found


def test_an_instant_that_has_come_is_not_due_again() -> None:
    assert due(utc(2026, 11, 1, 5, 30), at="2026-11-01T01:30", dst_fold="both") == ["11-01T06:30"]
    assert due(utc(2026, 11, 1, 6, 30), at="2026-11-01T01:30", dst_fold="both") == []


def test_an_interval_is_due_at_its_multiples_since_1970() -> None:
    assert due(utc(2026, 3, 8, 6), every_s=21600.0) == ["03-08T12:00", "03-08T18:00", "03-09T00:00"]


def test_a_schedule_without_a_time_is_never_due() -> None:
    assert due(utc(2026, 1, 1), on_startup=True) == []


def test_a_rule_with_a_star_is_not_due_at_a_midnight_that_does_not_exist() -> None:
    # in Cairo, 24 April 2026 begins at 01:00
    assert local("*/30 0 24 4 *", utc(2026, 4, 20), 2, "Africa/Cairo") == [
        "Sat 24 Apr 00:00 +0200",
        "Sat 24 Apr 00:30 +0200",
    ]


def test_a_rule_with_a_star_loses_nothing_when_the_clock_goes_back_half_an_hour() -> None:
    assert local("*/20 2 * * *", utc(2026, 4, 4, 12), 4, "Australia/Lord_Howe") == [
        "Sun 05 Apr 02:00 +1030",
        "Sun 05 Apr 02:20 +1030",
        "Sun 05 Apr 02:40 +1030",
        "Mon 06 Apr 02:00 +1030",
    ]


# A slow but simple second opinion: every minute of some days, and what the clock shows before and after it.

NIGHTS = {
    NEW_YORK: (utc(2026, 3, 8, 7), utc(2026, 11, 1, 6)),
    BERLIN: (utc(2025, 3, 30, 1), utc(2025, 10, 26, 1)),
    "Australia/Lord_Howe": (utc(2026, 4, 4, 15), utc(2026, 10, 3, 15, 30)),  # by half an hour
    "Africa/Cairo": (utc(2026, 4, 23, 22), utc(2026, 10, 29, 21)),  # at midnight
    "America/Havana": (utc(2026, 3, 8, 5), utc(2026, 11, 1, 5)),
    "Africa/Casablanca": (utc(2026, 2, 15, 2), utc(2026, 3, 22, 2)),  # the reverse of everybody's
    "America/St_Johns": (utc(2010, 3, 14, 3, 31), utc(2010, 11, 7, 2, 31)),  # a minute after midnight, back to 23:01
    "Pacific/Apia": (utc(2011, 12, 30, 10),),  # a day is left out
}
MINUTES = st.sampled_from(["0", "1", "30", "0,15,45", "5-59/20", "*/20", "*"])
HOURS = st.sampled_from(["0", "1", "2", "3", "23", "1-3", "0-23", "0,23", "*/2", "*"])
DAYS = st.sampled_from(["*", "*", "8", "L", "*/2", "1-15"])
WEEKDAYS = st.sampled_from(["*", "*", "0", "1-5", "0#1", "*/2"])
RULE = st.tuples(MINUTES, HOURS, DAYS, st.just("*"), WEEKDAYS).map(" ".join)
NIGHT = st.sampled_from([(zone, night) for zone, nights in NIGHTS.items() for night in nights])
GAP, FOLD = st.sampled_from(["shift", "skip"]), st.sampled_from(["first", "second", "both"])
MINUTE = timedelta(minutes=1)


def minute_by_minute(rule: Rule, zone: str, since: datetime, until: datetime, gap: str, fold: str) -> list[datetime]:
    """The slots in `(since, until]`, found by looking at the clock every minute."""
    gap, fold = (gap, fold) if rule.fixed else ("skip", "both")
    found = []
    seen = since.astimezone(ZoneInfo(zone))
    for number in range(1, (until - since) // MINUTE + 1):
        clock = (since + number * MINUTE).astimezone(ZoneInfo(zone))
        again = clock.replace(fold=1 - clock.fold).utcoffset() != clock.utcoffset()
        fits = rule.fits(clock) and (not again or fold == "both" or clock.fold == (fold == "second"))
        left_out = clock.replace(tzinfo=None) - seen.replace(tzinfo=None) - MINUTE
        jumped_over = (clock.replace(tzinfo=None) - n * MINUTE for n in range(1, left_out // MINUTE + 1))
        if fits or (gap == "shift" and any(map(rule.fits, jumped_over))):
            found.append(clock.astimezone(UTC))
        seen = clock
    return found


@settings(deadline=None, max_examples=150)
@given(RULE, NIGHT, GAP, FOLD, st.integers(0, 36 * 60))
def test_slots_are_those_that_one_finds_by_watching_the_clock_wherever_one_begins(
    cron: str, night: tuple[str, datetime], gap: str, fold: str, minutes: int
) -> None:
    zone, change = night
    since, until = change - timedelta(hours=26) + minutes * MINUTE, change + timedelta(hours=50)
    schedule = Schedule("s", "daily", cron, zone, dst_gap=gap, dst_fold=fold)
    found = list(takewhile(lambda slot: slot <= until, slots_of(schedule, since)))
    assert found == minute_by_minute(rule_of(cron), zone, since, until, gap, fold)


@settings(deadline=None, max_examples=100)
@given(RULE, st.sampled_from([*NIGHTS]), st.integers(0, 365 * 24 * 60))
def test_without_dst_a_fixed_rule_is_due_when_cronsim_says(cron: str, zone: str, minutes: int) -> None:
    assume(rule_of(cron).fixed)
    began = utc(2026, 1, 1) + minutes * MINUTE
    reference = CronSim(cron, began.astimezone(ZoneInfo(zone)))
    later = (slot.astimezone(UTC) for slot in reference if slot.astimezone(UTC) > began)
    assert list(islice(slots(cron, zone, began), 20)) == list(islice(later, 20))
