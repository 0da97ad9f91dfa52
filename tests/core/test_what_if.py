"""What a run would take with another number of tasks at the same time, and what bounds it then."""

from __future__ import annotations

import pytest

from support.builders import task
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.model import Reason, Resources, RunIf
from tetra_orchestrator.core.what_if import scenario

FOUR = tuple(task(name) for name in "abcd")
SECONDS = dict.fromkeys("abcd", 10.0)
PATH, PLACES = Reason("critical_path", "the critical path"), Reason("places", "the places")


@pytest.mark.parametrize(
    ("parallel", "finish", "used", "bottleneck"),
    [(1, 40.0, 1.0, PLACES), (2, 20.0, 1.0, PLACES), (4, 10.0, 1.0, PATH), (8, 10.0, 0.5, PATH)],
)
def test_more_places_help_until_the_longest_chain_bounds_the_run(parallel, finish, used, bottleneck) -> None:
    found = scenario(FOUR, Limits(2), SECONDS, parallel)
    assert (found.finish_s, found.utilisation, found.bottleneck) == (finish, used, bottleneck)


def test_a_pool_that_is_too_small_bounds_it() -> None:
    tasks = tuple(task(name, pool=(("db", 1),)) for name in "abcd")
    found = scenario(tasks, Limits(2, (("db", 1),)), SECONDS, 4)
    assert (found.finish_s, found.bottleneck) == (40.0, Reason("pool", "the pool db"))


def test_the_host_bounds_it() -> None:
    tasks = tuple(task(name, resources=Resources(cpu=2.0)) for name in "abcd")
    found = scenario(tasks, Limits(2, cpu=2.0), SECONDS, 4)
    assert (found.finish_s, found.bottleneck) == (40.0, Reason("host", "the host's cpu"))


def test_what_is_skipped_counts_for_nothing() -> None:
    found = scenario(FOUR, Limits(2), SECONDS, 1, {"c", "d"})
    assert (found.finish_s, found.utilisation) == (20.0, 1.0)


def test_what_only_a_tasks_output_would_start_counts_for_nothing() -> None:
    found = scenario(
        (task("a"), task("alarm", "a", run_if=(RunIf("a", output="late"),))), Limits(1), {"a": 3.0, "alarm": 5.0}, 1
    )
    assert (found.finish_s, found.utilisation, found.bottleneck) == (3.0, 1.0, PATH)


def test_a_run_of_nothing_uses_nothing() -> None:
    assert scenario((), Limits(2), {}, 4)[1:3] == (0.0, 0.0)


def test_where_the_run_says_how_many_that_grows_with_the_places() -> None:
    tasks = tuple(task(name, runner="slurm", pool=(("runner slurm", 1),)) for name in "abcd")
    limits = Limits(2, (("runner slurm", 9),), tasks=2)
    assert [scenario(tasks, limits, SECONDS, parallel).finish_s for parallel in (2, 4)] == [20.0, 10.0]


def test_what_runs_elsewhere_uses_none_of_the_places() -> None:
    away = tuple(task(name, runner="slurm", pool=(("runner slurm", 1),)) for name in "bcd")
    found = scenario((task("a"), *away), Limits(2, (("runner slurm", 9),)), SECONDS, 2)
    assert (found.finish_s, found.utilisation) == (10.0, 0.5)
