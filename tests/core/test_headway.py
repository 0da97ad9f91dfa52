"""How far a run has come, and when it will be over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.builders import utc
from support.worlds import task
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.headway import Headway, headway
from tetra_orchestrator.core.history import Run, TaskRun

BEGAN = utc(2026, 3, 1, 20)
FOUR = (task("a"), task("b", "a"), task("c", "b"), task("d", "c"))
USUAL = {"a": 60.0, "b": 120.0, "c": 30.0, "d": 300.0}


def reached(states, tasks=FOUR, *, after_s=100.0, expected=USUAL, began_s=60.0, state="running", **run):
    """How far a run has come whose tasks are in these states; those that run began `began_s` after it."""
    rows = [
        TaskRun("r", t.id, t.id, n, now, started_at=BEGAN + timedelta(seconds=began_s) if now == "running" else None)
        for n, (t, now) in enumerate(zip(tasks, states, strict=True))
    ]
    own = Run("r", "demo", None, "manual", state, "c0ffee", started_at=BEGAN, **run)
    return headway(own, rows, tasks, Limits(2), expected, BEGAN + timedelta(seconds=after_s))


def test_A_072_A_074_percent_tasks_and_elapsed_time_of_a_run():
    found = reached(["succeeded", "succeeded", "running", "pending"])
    assert (found.percent, found.completed, found.total, found.elapsed_s) == (50.0, 2, 4, 100.0)


def test_A_073_what_is_left_is_what_is_usual_less_what_the_running_task_has_used():
    assert reached(["succeeded", "running", "pending", "pending"]).eta_s == 120 - 40 + 30 + 300


def test_A_073_before_any_history_what_the_tasks_say_themselves_counts():
    tasks = tuple(each._replace(expected_s=300.0) for each in FOUR)
    assert reached(["pending"] * 4, tasks, expected={}).eta_s == 1200.0


def test_what_runs_side_by_side_counts_once_as_far_as_there_is_room():
    tasks = (task("a"), task("b"), task("c"))
    assert reached(["pending"] * 3, tasks, expected=dict.fromkeys("abc", 10.0)).eta_s == 20.0


def test_a_task_that_takes_longer_than_usual_is_expected_to_end_at_once():
    assert reached(["succeeded", "running", "pending", "pending"], after_s=1000.0).eta_s == 330.0


def test_a_task_that_nobody_has_timed_leaves_the_end_unknown():
    assert reached(["succeeded", "running", "pending", "pending"], expected={"a": 1.0}).eta_s is None


def test_what_can_no_longer_run_is_not_waited_for_and_not_done():
    tasks = (task("a"), task("b", "a"), task("c"))
    found = reached(["failed", "upstream_failed", "running"], tasks, began_s=80.0)
    assert found == Headway(0, 3, 100.0, 30.0 - 20.0)


def test_what_was_left_out_on_purpose_is_done():
    assert reached(["skipped", "skipped", "running", "pending"]).percent == 50.0


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled", "lost"])
def test_A_075_a_run_that_is_over_has_taken_its_time_and_has_nothing_left(state):
    found = reached(["succeeded"] * 4, state=state, duration_s=42.0)
    assert found == Headway(4, 4, 42.0, None)
    assert found.percent == 100.0


def test_a_run_of_tasks_that_the_file_no_longer_has_has_no_known_end():
    rows = [TaskRun("r", "gone", "gone", 0, "pending")]
    own = Run("r", "demo", None, "manual", "running", "c0ffee", started_at=BEGAN)
    assert headway(own, rows, FOUR, Limits(2), USUAL, BEGAN) == Headway(0, 1, 0.0, None)


def test_a_run_without_tasks_is_done_and_a_clock_that_was_set_back_lets_no_time_be_negative():
    assert reached([], ()).percent == 100.0
    assert reached(["running", *["pending"] * 3], after_s=-500.0) == Headway(0, 4, 0.0, 60 + 120 + 30 + 300)


def test_a_run_that_waits_for_its_turn_has_not_begun():
    own = Run("r", "demo", None, "manual", "queued", "c0ffee")
    rows = [TaskRun("r", t.id, t.id, n, "pending") for n, t in enumerate(FOUR)]
    assert headway(own, rows, FOUR, Limits(2), USUAL, BEGAN) == Headway(0, 4, None, 510.0)


def test_a_task_that_waits_on_another_machine_has_used_nothing_of_its_time() -> None:
    rows = [TaskRun("r", "a", "a", 0, "submitted", started_at=BEGAN)]
    own = Run("r", "demo", None, "manual", "running", "c0ffee", started_at=BEGAN)
    away = task("a", runner="slurm", pool=(("runner slurm", 1),))
    limits = Limits(2, (("runner slurm", 9),))
    assert headway(own, rows, (away,), limits, USUAL, BEGAN + timedelta(seconds=50)).eta_s == 60.0
