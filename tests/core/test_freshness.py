"""Whether data is recent enough."""

from datetime import timedelta

import pytest

from support.builders import pipeline, project, utc
from tetra_orchestrator.core.freshness import freshness, unmet
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.selection import select

NOW = utc(2025, 3, 1, 12)
DAY = 86400.0
CHAIN = project(
    pipeline("data", max_data_age_s=DAY),
    pipeline("slow", max_data_age_s=30 * DAY),
    pipeline("scenarios", "data", "slow"),
    pipeline("metrics", "scenarios"),
)


def ago(**span: float) -> object:
    return NOW - timedelta(**span)


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


def test_a_dependency_whose_age_is_unknown_holds_nothing_back() -> None:
    selection = select(CHAIN, None, ("scenarios",))
    ahead = {"data": NOW + timedelta(days=1), "slow": NOW}
    assert unmet(CHAIN, selection, ahead, NOW) == {}


def test_nothing_is_unmet_when_the_whole_chain_is_run() -> None:
    assert unmet(CHAIN, select(CHAIN), {}, NOW) == {}


def test_a_dependency_outside_the_run_must_have_succeeded() -> None:
    found = unmet(CHAIN, select(CHAIN, None, ("metrics",)), {"scenarios": None}, NOW)
    assert found == {"metrics": Reason("dependency_not_succeeded", "scenarios has not succeeded in its last run")}
    assert unmet(CHAIN, select(CHAIN, None, ("metrics",)), {}, NOW) == found


def test_a_dependency_without_a_limit_may_be_of_any_age() -> None:
    assert unmet(CHAIN, select(CHAIN, None, ("metrics",)), {"scenarios": ago(days=900)}, NOW) == {}  # type: ignore[dict-item]


def test_a_dependency_outside_the_run_must_be_fresh() -> None:
    selection = select(CHAIN, None, ("scenarios",))
    fresh = {"data": ago(hours=24), "slow": ago(days=30)}
    assert unmet(CHAIN, selection, fresh, NOW) == {}  # type: ignore[arg-type]
    found = unmet(CHAIN, selection, fresh | {"data": ago(hours=25, minutes=30)}, NOW)  # type: ignore[arg-type]
    assert found == {
        "scenarios": Reason("dependency_stale", "the data of data is 25.5 h old, over its limit of 24 h 00 min")
    }


def test_a_long_limit_is_written_in_full() -> None:
    succeeded = {"data": NOW, "slow": ago(days=31)}
    found = unmet(CHAIN, select(CHAIN, None, ("scenarios",)), succeeded, NOW)  # type: ignore[arg-type]
    assert found["scenarios"].text == "the data of slow is 744.0 h old, over its limit of 720 h 00 min"


def test_the_first_cause_in_the_order_of_the_file_is_named() -> None:
    found = unmet(CHAIN, select(CHAIN, None, ("scenarios",)), {}, NOW)
    assert found["scenarios"].text == "data has not succeeded in its last run"


def test_every_pipeline_that_must_wait_is_named_and_those_within_the_run_do_not_matter() -> None:
    found = unmet(CHAIN, select(CHAIN, None, ("data", "scenarios", "metrics")), {}, NOW)
    assert found == {"scenarios": Reason("dependency_not_succeeded", "slow has not succeeded in its last run")}
