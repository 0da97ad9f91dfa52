"""When a rule is due: macros, the two day fields, and the two days a year on which the clock jumps.

In Berlin in 2025 it jumps from 02:00 to 03:00 on 30 March (01:00 UTC), and from 03:00 back to 02:00 on 26 October.
"""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.builders import utc
from tetra_orchestrator.core import schedule
from tetra_orchestrator.core.schedule import MACROS, check_rule, next_slot, slots
from tetra_orchestrator.errors import ConfigError, UsageError

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
        ("0 0 30 2 *", "Bad day-of-month"),
        ("0 0 31 4,6 *", "Bad day-of-month"),
        ("0 25 * * *", "Bad hour"),
        ("61 * * * *", "Bad minute"),
        ("0 0 * 13 *", "Bad month"),
        ("0 0 * * 8", "Bad day-of-week"),
        ("* * * *", "Wrong number of fields"),
        ("@reboot", "Wrong number of fields"),
        ("", "Wrong number of fields"),
        ("x * * * *", "Bad minute"),
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


@pytest.mark.parametrize("cron", [*RULES, *MACROS, "0 0 29 2 *"])
def test_a_rule_that_can_be_due_passes_the_check(cron: str) -> None:
    check_rule(cron)


@pytest.mark.parametrize(
    ("cron", "message", "hint"),
    [
        ("@dayly", "the rule '@dayly' is not known", "did you mean '@daily'?"),
        ("@reboot", "the rule '@reboot' is not known", f"known: {', '.join(MACROS)}"),
        ("", "the rule '' has 0 fields instead of 5", "the fields are minute, hour, day of month, month, day of week"),
        ("5", "the rule '5' has 1 field instead of 5", "the fields are minute, hour, day of month, month, day of week"),
    ],
)
def test_a_rule_that_cannot_be_due_is_refused_with_a_hint(cron: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_rule(cron)
    assert (caught.value.message, caught.value.hint) == (message, hint)
