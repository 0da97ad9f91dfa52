"""Which old runs go."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import utc
from tetra_orchestrator.core.history import Run
from tetra_orchestrator.core.model import Keep, Reason
from tetra_orchestrator.core.retention import LOST_GRACE, SLOT_DAYS, outlived, slots_before
from tetra_orchestrator.core.states import RunState

NOW = utc(2026, 3, 1, 20)
_R = RunState


def ended(name: str, days_ago: float = 0.0, state: RunState = _R.SUCCEEDED) -> Run:
    at = NOW - timedelta(days_ago)
    return Run(name, "demo", "daily", "manual", state.value, "c0ffee", at, at)


def daily(count: int) -> list[Run]:
    """As many runs, newest first: `0` ended now, `1` a day ago."""
    return [ended(str(days), days) for days in range(count)]


def names(runs: list[Run], keep: Keep, needed: tuple[str, ...] = (), sizes: dict[str, int] | None = None) -> list[str]:
    found = outlived(runs, keep, NOW, needed, lambda run: (sizes or {}).get(run.run_id, 1))
    return [one.run.run_id for one in found]


def test_without_a_limit_everything_stays() -> None:
    assert names(daily(9), Keep()) == []


def test_runs_beyond_the_number_go_oldest_first() -> None:
    assert names(daily(6), Keep(runs=3)) == ["5", "4", "3"]


def test_runs_that_ended_longer_ago_than_the_days_go() -> None:
    assert names(daily(6), Keep(days=3)) == ["5", "4"]


@pytest.mark.parametrize("days", [20_514, 1_000_000, 10**30])
def test_more_days_than_since_1970_keep_everything(days: int) -> None:
    assert names(daily(9), Keep(days=days)) == []
    assert slots_before(Keep(days=days), NOW, daily(9), (), ()) == utc(1970, 1, 1)


def test_the_oldest_go_until_the_files_of_the_rest_fit() -> None:
    sizes = {"0": 40, "1": 50, "2": 10, "3": 1, "4": 0}
    assert names(daily(5), Keep(total_bytes=100), sizes=sizes) == ["4", "3"]
    assert names(daily(5), Keep(total_bytes=101), sizes=sizes) == []


def test_files_of_runs_that_go_anyway_take_no_room() -> None:
    old = ended("0", 10)
    runs = [old._replace(run_id="young", finished_at=NOW), old, ended("2", 0.5)]
    assert names(runs, Keep(days=3, total_bytes=100), sizes={"young": 50, "0": 99, "2": 50}) == ["0"]


def test_sizes_are_only_asked_for_until_there_are_too_many_bytes() -> None:
    asked = []

    def size_of(run: Run) -> int:
        asked.append(run.run_id)
        return 60

    assert len(outlived(daily(9), Keep(total_bytes=100), NOW, (), size_of)) == 8
    assert asked == ["0", "1"]
    assert outlived(daily(9), Keep(runs=9, days=9), NOW, (), size_of) == []
    assert asked == ["0", "1"]


def test_the_newest_run_stays_whatever_the_limits() -> None:
    assert names([ended("huge", 99)], Keep(1, 1, 10), sizes={"huge": 1000}) == []


def test_what_is_needed_stays() -> None:
    assert names(daily(6), Keep(runs=1), needed=("4", "2")) == ["5", "3", "1"]


@pytest.mark.parametrize("state", [_R.RUNNING, _R.QUEUED])
def test_a_run_that_is_active_stays(state: RunState) -> None:
    active = ended("active", 9, state)
    assert names([*daily(2), active, active._replace(finished_at=None)], Keep(1, 1, 1)) == ["1"]


def test_a_lost_run_stays_for_a_day() -> None:
    grace = LOST_GRACE / timedelta(days=1)
    runs = [ended("new"), ended("fresh", grace - 0.01, _R.LOST), ended("stale", grace + 0.01, _R.LOST)]
    assert names([*runs, runs[1]._replace(finished_at=None)], Keep(runs=1)) == ["stale"]


@pytest.mark.parametrize("state", [_R.FAILED, _R.LOST])
def test_a_run_that_somebody_has_still_to_be_told_of_stays(state: RunState) -> None:
    untold = ended("untold", 99, state)._replace(tells=True)
    assert names([ended("new"), untold, ended("told", 99)], Keep(1, 1, 1)) == ["told"]


def test_each_run_goes_with_the_limit_that_it_is_beyond() -> None:
    runs = [*daily(5), ended("5", 99)]
    found = outlived(runs, Keep(4, 90, 3), NOW, (), lambda run: 1)
    assert [(one.run.run_id, one.reason) for one in found] == [
        ("5", Reason("runs", "it is not one of the newest 4")),
        ("4", Reason("runs", "it is not one of the newest 4")),
        ("3", Reason("bytes", "with it the files of runs take more than 3 B")),
    ]
    (old,) = outlived(runs, Keep(days=90), NOW, (), lambda run: 1)
    assert old.reason == Reason("days", "it ended more than 90 days ago")


def test_slots_go_once_they_are_older_than_the_days_and_than_any_run_that_stays() -> None:
    runs = daily(6)
    days = [timedelta(days) for days in range(6)]
    assert slots_before(Keep(days=3), NOW, runs, {"4", "5"}, ()) == NOW - days[3]
    assert slots_before(Keep(runs=9, days=3), NOW, runs, (), ()) == NOW - days[5]
    assert slots_before(Keep(days=3), NOW, runs, {"4"}, {"5"}) == NOW - days[3]
    assert slots_before(Keep(runs=9), NOW, runs, (), ()) == NOW - timedelta(SLOT_DAYS)
    assert slots_before(Keep(runs=9), NOW, [], (), ()) == NOW - timedelta(SLOT_DAYS)


LIMIT = st.none() | st.integers(1, 12)


@given(st.lists(st.sampled_from(sorted(_R)), max_size=20), LIMIT, LIMIT, LIMIT, st.sets(st.integers(0, 19)))
def test_what_goes_is_never_active_nor_needed_nor_newer_than_what_stays_for_want_of_a_limit(
    states: list[RunState], count: int | None, days: int | None, size: int | None, needed: set[int]
) -> None:
    runs = [ended(str(place), place, state) for place, state in enumerate(states)]
    gone = list(map(int, names(runs, Keep(count, days, size), tuple(map(str, needed)))))
    limits = [limit for limit in (count, days and days + 1, size) if limit is not None]
    first = min(limits, default=len(runs))
    may_go = {n for n, s in enumerate(states) if s not in (_R.RUNNING, _R.QUEUED) and (s is not _R.LOST or n > 1)}
    assert gone == sorted((may_go - needed) & set(range(max(first, 1), len(runs))), reverse=True)
