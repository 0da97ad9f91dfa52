"""Times on a command line: what each way of writing one means, and what is refused."""

from __future__ import annotations

import time
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from support.builders import utc
from tetra_orchestrator.cli.times import Reader, past
from tetra_orchestrator.errors import UsageError

NOW = utc(2026, 3, 1, 20)
PARIS = ZoneInfo("Europe/Paris")
BACK = past("--since", PARIS, NOW)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-03-01T20:00:00Z", utc(2026, 3, 1, 20)),
        ("2026-03-01T20:00:00+02:00", utc(2026, 3, 1, 18)),
        ("2026-03-01T20:00", utc(2026, 3, 1, 19)),
        ("2026-07-01 20:00", utc(2026, 7, 1, 18)),
        ("2026-03-01", utc(2026, 2, 28, 23)),
        ("20260301", utc(2026, 2, 28, 23)),
        ("7d", NOW - timedelta(days=7)),
        ("1h30m", NOW - timedelta(minutes=90)),
    ],
)
def test_an_instant_a_local_time_a_date_and_how_long_ago_are_times(text, meant):
    assert BACK.read(text) == meant


def test_a_duration_that_bounds_what_is_to_come_counts_forwards():
    assert Reader("--until", "", now=NOW).read("2h") == utc(2026, 3, 1, 22)


def test_what_names_no_zone_is_of_the_machine_s_where_none_is_given(monkeypatch):
    monkeypatch.setenv("TZ", "EST5")
    time.tzset()
    try:
        assert Reader("--until", "").read("2026-03-01") == utc(2026, 3, 1, 5)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["yesterday", "", "7", "7 days", "-7d", "2026-13-01", "25:00", "2026-03-01T"])
def test_what_is_no_time_is_refused_with_what_would_be(text):
    with pytest.raises(UsageError) as caught:
        BACK.read(text)
    assert str(caught.value) == (
        f"--since {text!r} is not a time\n"
        "  hint: write an instant (2026-03-01T20:00:00Z), a date (2026-03-01) or how long ago (7d, 12h)"
    )


@pytest.mark.parametrize("text", ["9999999d", "0001-01-01", "9999-12-31T23:59:59-01:00"])
def test_a_time_that_no_year_has_is_refused(text):
    with pytest.raises(UsageError) as caught:
        BACK.read(text)
    assert str(caught.value) == f"--since {text!r} is beyond the calendar\n  hint: the years are 1 to 9999"


def test_times_and_dates_without_a_zone_can_each_be_refused():
    strict = Reader("--slot", "so", PARIS, dates=False, times=False)
    assert strict.read("2026-03-01T20:00Z") == NOW
    for text in ("2026-03-01", "2026-03-01T20:00", "2h"):
        with pytest.raises(UsageError, match="is not a time"):
            strict.read(text)
