"""Whether data is recent enough."""

from datetime import timedelta

import pytest

from support.builders import utc
from tetra_orchestrator.core.freshness import Standing, freshness, lacking

NOW = utc(2025, 3, 1, 12)
DAY = 86400.0


@pytest.mark.parametrize(
    ("seconds", "limit", "word"),
    [
        (0, DAY, "fresh"),
        (86400, DAY, "fresh"),
        (86401, DAY, "stale"),
        (-5, DAY, "fresh"),
        (1, 0, "stale"),
        (86401, None, "unknown"),
        (None, DAY, "unknown"),
        (None, None, "unknown"),
        (-60, DAY, "fresh"),
        (-61, DAY, "unknown"),
        (-61, None, "unknown"),
    ],
)
def test_data_is_fresh_up_to_its_limit_and_unknown_without_limit_or_success(
    seconds: float | None, limit: float | None, word: str
) -> None:
    succeeded_at = None if seconds is None else NOW - timedelta(seconds=seconds)
    assert freshness(succeeded_at, limit, NOW) == word


def test_a_time_before_1970_tells_nothing_about_the_age_of_data() -> None:
    begin = utc(1970, 1, 1)
    assert freshness(begin, DAY, NOW) == "stale"
    assert freshness(begin - timedelta(seconds=1), DAY, NOW) == "unknown"
    assert freshness(begin - timedelta(seconds=1), DAY, begin) == "unknown"


def held_back(state: str | None = "succeeded", max_age_s: float | None = DAY, **age: float) -> tuple[str, str] | None:
    """Why what depends on `data` may not start: the code and the text."""
    reason = lacking("data", Standing(state, "r7", NOW - timedelta(**age)), max_age_s, NOW)
    return reason and (reason.code, reason.text)


def test_T_142_what_succeeded_within_its_limit_holds_nothing_back() -> None:
    assert held_back(hours=1) is None
    assert held_back(hours=24) is None


def test_T_141_data_over_the_limit_of_the_pipeline_that_makes_them_are_too_old() -> None:
    text = "the data of data is 25.5 h old, over its limit of 24 h 00 min"
    assert held_back(hours=25, minutes=30) == ("dependency_stale", text)


def test_a_long_limit_is_written_in_full() -> None:
    text = "the data of data is 744.0 h old, over its limit of 720 h 00 min"
    assert held_back(max_age_s=30 * DAY, days=31) == ("dependency_stale", text)


def test_without_a_limit_data_may_be_of_any_age() -> None:
    assert held_back(max_age_s=None, days=900) is None


def test_an_age_that_is_unknown_as_the_clock_was_set_back_holds_nothing_back() -> None:
    assert held_back(days=-1) is None


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (None, "data has never run"),
        ("failed", "data has not succeeded in its last run: failed in r7"),
        ("partial", "data has not succeeded in its last run: partial in r7"),
        ("timed_out", "data has not succeeded in its last run: timed out in r7"),
        ("upstream_failed", "data has not succeeded in its last run: upstream failed in r7"),
        ("lost", "data has not succeeded in its last run: lost in r7"),
        ("cancelled", "data has not succeeded in its last run: cancelled in r7"),
        ("running", "data has not ended yet in run r7"),
        ("waiting_retry", "data has not ended yet in run r7"),
    ],
)
def test_T_140_whatever_did_not_succeed_last_holds_back(state: str | None, text: str) -> None:
    assert held_back(state) == ("dependency_not_succeeded", text)
