from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import utc
from tetra_orchestrator.core.schedule import zone
from tetra_orchestrator.core.transitions import Transition, transitions
from tetra_orchestrator.errors import ConfigError

HOUR = timedelta(hours=1)
ZONES = ("America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata", "UTC")


def test_a_transition_is_the_first_instant_of_the_new_offset() -> None:
    assert transitions("America/New_York", utc(2026, 1, 1), utc(2027, 1, 1)) == [
        Transition(utc(2026, 3, 8, 7), -5 * HOUR, -4 * HOUR),
        Transition(utc(2026, 11, 1, 6), -4 * HOUR, -5 * HOUR),
    ]


def test_half_an_hour_is_a_transition_too() -> None:
    first, _ = transitions("Australia/Lord_Howe", utc(2026, 1, 1), utc(2027, 1, 1))
    assert first == Transition(utc(2026, 4, 4, 15), 11 * HOUR, 10.5 * HOUR)


def test_an_offset_that_the_data_call_no_daylight_saving_time_is_a_transition_too() -> None:
    found = transitions("Africa/Casablanca", utc(2026, 1, 1), utc(2027, 1, 1))
    assert [change.at for change in found] == [utc(2026, 2, 15, 2), utc(2026, 3, 22, 2)]


@pytest.mark.parametrize("name", ["UTC", "Asia/Kolkata"])
def test_a_zone_that_keeps_its_offset_has_none(name: str) -> None:
    assert transitions(name, utc(2026, 1, 1), utc(2030, 1, 1)) == []


def test_the_beginning_is_left_out_and_the_end_is_not() -> None:
    change = utc(2026, 3, 8, 7)
    assert transitions("America/New_York", change, change + HOUR) == []
    assert [one.at for one in transitions("America/New_York", change - HOUR, change)] == [change]


def test_a_zone_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        transitions("Mars/Olympus", utc(2026, 1, 1), utc(2027, 1, 1))
    assert str(caught.value) == "there is no time zone 'Mars/Olympus'\n  hint: use an IANA name, such as Europe/Paris"


@given(st.sampled_from(ZONES), st.integers(0, 40 * 365 * 24 * 60), st.integers(1, 800))
def test_between_two_transitions_the_offset_stays(name: str, minutes: int, days: int) -> None:
    since = utc(1995, 1, 1) + timedelta(minutes=minutes)
    until = since + timedelta(days)
    place = zone(name)
    offset = since.astimezone(place).utcoffset()
    for change in transitions(name, since, until):
        assert offset == change.before == (change.at - timedelta(microseconds=1)).astimezone(place).utcoffset()
        assert change.before != change.after == change.at.astimezone(place).utcoffset()
        offset = change.after
    assert offset == until.astimezone(place).utcoffset()
