"""Which partitions a backfill runs, how long that takes, and how it went."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.builders import task
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.backfill import PartitionState
from tetra_orchestrator.core.backfill_plan import Before, Inputs, at_once, choose, left_s, verdict
from tetra_orchestrator.core.history import Partition
from tetra_orchestrator.core.model import Resources

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = [Partition(f"2026-01-0{day}", f"2026-01-0{day}") for day in range(1, 6)]
#: Of the five days: one without a run, one succeeded, one failed, one that runs, one partial.
BEFORE = {
    tuple(DAYS[number]): Before(state, f"r{number}", NOW - DAY)
    for number, state in enumerate(("", "succeeded", "failed", "running", "partial"))
    if state
}
NEVER = (False, "missing", "it has not been run")
GOOD = (False, "succeeded", "it succeeded in run r1")
BAD = (False, "failed", "its last run, r2, ended failed")
BUSY = (False, "active", "run r3 is running")
PARTIAL = (False, "failed", "its last run, r4, ended partial")
ASKED = (True, "all", "every partition was asked for")


def yes(choice: tuple[bool, str, str]) -> tuple[bool, str, str]:
    return True, *choice[1:]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ("missing", [yes(NEVER), GOOD, yes(BAD), BUSY, yes(PARTIAL)]),
        ("failed", [NEVER, GOOD, yes(BAD), BUSY, yes(PARTIAL)]),
        ("stale", [NEVER, GOOD, BAD, BUSY, PARTIAL]),
        ("all", [ASKED, ASKED, ASKED, BUSY, ASKED]),
    ],
)
def test_partitions_are_run_by_how_their_last_run_went(only: str, expected: list[tuple[bool, str, str]]) -> None:
    chosen = choose(DAYS, BEFORE, only, Inputs(), NOW)
    assert [(one.state == "pending", *one.reason) for one in chosen if one.reason] == expected
    assert [(one.start, one.end, one.position) for one in chosen] == [(*day, n) for n, day in enumerate(DAYS)]


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (Inputs("raw", NOW - DAY / 2), "it succeeded at 2026-01-09T12:00:00Z, and raw has done so since, at "
         "2026-01-10T00:00:00Z"),
        (Inputs("raw", NOW - 2 * DAY), None),
        (Inputs(max_age_s=23 * 3600.0), "it succeeded 24 h 00 min ago, over the limit of 23 h 00 min"),
        (Inputs(max_age_s=24 * 3600.0), None),
        (Inputs("raw", NOW - 2 * DAY, 25 * 3600.0), None),
    ],
)  # fmt: skip
def test_a_success_is_stale_when_what_it_rests_on_is_newer_or_it_is_too_old(inputs: Inputs, reason: str | None) -> None:
    _, good, *_ = choose(DAYS, BEFORE, "stale", inputs, NOW)
    assert good.reason
    assert (good.state, good.reason.text) == (
        ("skipped", "it succeeded in run r1") if reason is None else ("pending", reason)
    )


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ("succeeded skipped succeeded", ("succeeded", 0)),
        ("skipped", ("succeeded", 0)),
        ("succeeded partial", ("failed", 1)),
        ("partial failed", ("failed", 2)),
        ("succeeded timed_out", ("failed", 2)),
        ("succeeded cancelled", ("failed", 2)),
    ],
)
def test_a_backfill_succeeds_when_all_of_its_partitions_do(states: str, expected: tuple[str, int]) -> None:
    rows = [PartitionState(str(place), str(place), place, state) for place, state in enumerate(states.split())]
    assert verdict(rows) == expected


def limits(places: int, pools: tuple[tuple[str, int], ...] = (), cpu: float = 0.0) -> Limits:
    return Limits(places, pools, cpu, places=places)


def test_runs_get_on_beside_each_other_as_places_pools_and_the_host_allow() -> None:
    alone = task("a")
    assert at_once([alone], limits(4), {"a": 10.0}, 10.0) == 4
    pooled = task("a", pool=(("warehouse", 1),))
    assert at_once([pooled], limits(8, (("warehouse", 2),)), {"a": 10.0}, 10.0) == 2
    heavy = task("a", pool=(("warehouse", 2),))
    assert at_once([heavy], limits(8, (("warehouse", 3),)), {"a": 10.0}, 10.0) == 1
    hungry = task("a", resources=Resources(cpu=2.0, memory_bytes=0))
    assert at_once([hungry], limits(8, cpu=5.0), {"a": 10.0}, 10.0) == 2


def test_a_pool_that_is_used_for_a_part_of_a_run_lets_more_of_them_get_on() -> None:
    tasks = [task("a", pool=(("warehouse", 1),)), task("b", "a")]
    assert at_once(tasks, limits(20, (("warehouse", 1),)), {"a": 10.0, "b": 40.0}, 50.0) == 5


def test_what_runs_elsewhere_takes_no_place_and_what_one_run_may_is_no_bound_of_several() -> None:
    away = task("a", runner="slurm", pool=(("runner slurm", 1),))
    bounds = limits(2, (("runner slurm", 6),))._replace(tasks=1)
    assert at_once([away], bounds, {"a": 10.0}, 10.0) == 6


def test_nothing_is_waited_for_where_nothing_is_left() -> None:
    assert left_s(10.0, 0, [], 1.0) == 0.0


@pytest.mark.parametrize(
    ("waiting", "running_s", "lanes", "expected"),
    [(3, [], 1.0, 30.0), (3, [4.0], 1.0, 36.0), (4, [], 2.0, 20.0), (3, [4.0, 8.0], 2.0, 22.0), (1, [25.0], 1.0, 10.0)],
)
def test_what_is_left_takes_as_long_as_its_partitions_one_after_the_other(
    waiting: int, running_s: list[float], lanes: float, expected: float
) -> None:
    assert left_s(10.0, waiting, running_s, lanes) == pytest.approx(expected)


@given(st.integers(1, 400), st.integers(1, 8), st.integers(0, 1000), st.floats(0.0, 0.3))
def test_the_time_left_is_within_a_quarter_on_synthetic_durations(
    waiting: int, lanes: int, seed: int, noise: float
) -> None:
    """Durations around 60 s that differ by up to `noise`; what has been measured are some of the same kind."""
    random = Random(seed)
    measured = sorted(60 * (1 + random.uniform(-noise, noise)) for _ in range(31))[15]
    ends = [0.0] * lanes
    for _ in range(waiting):
        ends.sort()
        ends[0] += 60 * (1 + random.uniform(-noise, noise))
    if waiting < 25 * lanes and noise > 0.15:  # of so few, the last ones alone differ by more
        return
    assert left_s(measured, waiting, [], float(lanes)) == pytest.approx(max(ends), rel=0.25)
