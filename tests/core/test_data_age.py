"""How old data is: by age, by a rule in a zone with grace, by the last change of a number; and what moves it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import utc
from tetra_orchestrator.core.data_age import Aged, Mark, Seen, aged, last_due, mark_of, mark_text, marked, stood_still
from tetra_orchestrator.core.watching import DataSource

NOW = utc(2026, 3, 10, 12)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
AGED = DataSource("d", file="*", max_age_s=3600.0)
INSTANTS = st.datetimes(utc(2020, 1, 1).replace(tzinfo=None), utc(2030, 1, 1).replace(tzinfo=None)).map(
    lambda at: at.replace(tzinfo=NOW.tzinfo)
)


def state(source, at, now=NOW):
    return aged(source, Seen(at, str(at)), None, now).state


@pytest.mark.parametrize(
    ("age", "expected"),
    [(timedelta(0), "fresh"), (HOUR, "fresh"), (HOUR + timedelta(microseconds=1), "stale"), (-MINUTE, "fresh")],
)
def test_the_limit_itself_is_fresh_and_clocks_may_differ_by_a_minute(age, expected):
    assert state(AGED, NOW - age) == expected


@pytest.mark.parametrize("at", [NOW + 61 * timedelta(seconds=1), utc(1969, 12, 31)])
def test_a_time_that_cannot_be_is_unknown_and_says_so(at):
    found = aged(AGED, Seen(at, "x"), None, NOW)
    assert found.state == "unknown"
    assert found.fault is not None
    assert found.fault.endswith("a clock is, or was, wrong")


def test_what_went_wrong_is_the_fault():
    assert aged(AGED, Seen(error="gone"), Mark("x", NOW, NOW), NOW) == Aged("unknown", None, "gone")


def test_without_any_limit_the_age_is_known_and_nothing_is_wrong():
    assert aged(DataSource("d", file="*"), Seen(utc(2020, 1, 1), "x"), None, NOW) == Aged("unknown", utc(2020, 1, 1))


BERLIN = DataSource("d", file="*", due="0 6 * * 1-5", timezone="Europe/Berlin", grace_s=3600.0)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (utc(2026, 3, 10, 5, 59), utc(2026, 3, 9, 5)),  # 6:00 is 5:00 UTC, and it has an hour more
        (utc(2026, 3, 10, 6), utc(2026, 3, 10, 5)),
        (utc(2026, 3, 8, 12), utc(2026, 3, 6, 5)),  # a Sunday: Friday's
        (utc(2026, 3, 30, 12), utc(2026, 3, 30, 4)),  # summer time since the day before
        (utc(2026, 10, 26, 12), utc(2026, 10, 26, 5)),  # winter time again
    ],
)
def test_due_is_the_last_slot_of_a_rule_in_its_zone_that_is_longer_ago_than_the_grace(now, due):
    assert last_due(BERLIN, now) == due
    assert state(BERLIN, due, now) == "fresh"
    assert state(BERLIN, due - MINUTE, now) == "stale"


@pytest.mark.parametrize(
    ("rule", "now", "due"),
    [
        ("30 2 * * *", utc(2026, 3, 29, 12), utc(2026, 3, 29, 1)),  # 2:30 does not exist that night: 3:00 stands for it
        ("30 2 * * *", utc(2026, 10, 25, 12), utc(2026, 10, 25, 0, 30)),  # it comes twice: the first one counts
        ("0 0 29 2 *", utc(2026, 3, 1), utc(2024, 2, 28, 23)),
        ("* * * * *", utc(2026, 3, 1, 0, 0, 30), utc(2026, 3, 1)),
    ],
)
def test_nights_of_changed_clocks_and_rare_days_are_as_for_schedules(rule, now, due):
    assert last_due(DataSource("d", file="*", due=rule, timezone="Europe/Berlin"), now) == due


def test_both_limits_hold():
    both = BERLIN._replace(max_age_s=3600.0)
    assert state(both, NOW - HOUR / 2) == "fresh"
    assert state(both, NOW - 2 * HOUR) == "stale"


COUNTED = DataSource("d", sql="q", counts=True, max_age_s=3600.0)


def test_a_number_is_as_old_as_its_last_change_and_unknown_before_one_was_seen():
    first = marked(None, Seen(None, "5"), NOW - HOUR)
    assert aged(COUNTED, Seen(None, "5"), first, NOW).state == "unknown"
    assert aged(COUNTED, Seen(None, "5"), first, NOW + MINUTE).state == "stale"
    changed = marked(first, Seen(None, "6"), NOW)
    assert aged(COUNTED, Seen(None, "6"), changed, NOW) == Aged("fresh", NOW)


def test_a_mark_says_since_when_and_until_when_a_value_was_seen():
    mark = marked(None, Seen(None, "a"), NOW)
    assert mark == Mark("a", NOW, NOW, first=True)
    mark = marked(mark, Seen(None, "a"), NOW + HOUR)
    assert mark == Mark("a", NOW, NOW + HOUR, first=True)
    assert marked(mark, Seen(error="away"), NOW + 2 * HOUR) == mark
    assert marked(mark, Seen(None, "b"), NOW + 2 * HOUR) == Mark("b", NOW + 2 * HOUR, NOW + 2 * HOUR, first=False)


@pytest.mark.parametrize(
    ("began", "ended", "still"),
    [
        (10, 20, True),  # the same before it began and after it ended
        (-10, 20, False),  # it began before the first look
        (10, 70, False),  # no look since it ended
        (0, 60, True),
    ],
)
def test_data_stood_still_if_it_was_seen_before_the_run_and_after_it_alike(began, ended, still):
    mark = Mark("a", NOW, NOW + HOUR)
    assert stood_still(AGED, mark, NOW + began * MINUTE, NOW + ended * MINUTE) is still
    assert not stood_still(AGED._replace(moves=False), mark, NOW, NOW)
    assert not stood_still(AGED, None, NOW, NOW)
    assert not stood_still(AGED, mark, None, None)


@given(st.builds(Mark, st.text(), INSTANTS, INSTANTS, st.booleans()))
def test_a_mark_comes_back_from_its_text(mark):
    assert mark_of(mark_text(mark)) == mark


@pytest.mark.parametrize("text", [None, "", "null", "[]", '["a", "b", "c", true]', '{"a": 1}', "[1, 2"])
def test_any_other_text_is_no_mark(text):
    assert mark_of(text) is None


@given(INSTANTS, INSTANTS)
def test_data_is_fresh_exactly_where_it_is_neither_too_old_nor_of_the_future(at, now):
    age_s = (now - at).total_seconds()
    expected = "unknown" if age_s < -60 else "stale" if age_s > 3600 else "fresh"
    assert state(AGED, at, now) == expected
