"""Which lost runs go on without anybody being asked."""

from __future__ import annotations

import pytest

from support.builders import task, utc
from tetra_orchestrator.core.history import Run, TaskRun
from tetra_orchestrator.core.lost import candidates, may_go_on
from tetra_orchestrator.core.model import RetryPolicy


def run(run_id: str, state: str = "lost", resumes: str | None = None) -> Run:
    return Run(run_id, "demo", "daily", "resume", state, "0", utc(2026, 3, 1), resumes=resumes)


def rows(**states: str) -> list[TaskRun]:
    return [TaskRun("r", name, name, n, state, attempts=1) for n, (name, state) in enumerate(states.items())]


def test_a_run_that_was_lost_and_that_nobody_has_resumed_is_one_the_oldest_first() -> None:
    runs = [run("r4"), run("r3", "failed"), run("r2"), run("r1", "succeeded")]
    assert [each.run_id for each in candidates(runs)] == ["r2", "r4"]


def test_a_run_that_another_has_resumed_is_left_alone() -> None:
    assert candidates([run("r2", "succeeded", "r1"), run("r1")]) == []


def test_what_was_lost_three_times_in_a_row_goes_on_once_more_and_then_needs_somebody_to_look() -> None:
    chain = [run("r1")]
    for number in (2, 3):
        chain.insert(0, run(f"r{number}", resumes=f"r{number - 1}"))
    assert [each.run_id for each in candidates(chain)] == ["r3"]
    chain.insert(0, run("r4", resumes="r3"))
    assert candidates(chain) == []


@pytest.mark.parametrize(
    ("rule", "attempts", "expected"),
    [("fail", 3, False), ("retry", 1, False), ("retry", 2, True), ("resume", 1, True)],
)
def test_a_lost_task_decides_by_its_on_lost(rule: str, attempts: int, expected: bool) -> None:
    lost = task("a", on_lost=rule, retry=RetryPolicy(max_attempts=attempts))
    assert may_go_on(rows(a="lost"), {"a": lost}) is expected


def test_every_lost_task_has_to_allow_it() -> None:
    tasks = {"a": task("a", on_lost="resume"), "b": task("b")}
    assert not may_go_on(rows(a="lost", b="lost"), tasks)
    assert may_go_on(rows(a="lost", b="cancelled"), tasks)


def test_what_had_not_started_asks_for_it_too() -> None:
    tasks = {"a": task("a"), "b": task("b", on_lost="resume")}
    assert may_go_on(rows(a="succeeded", b="cancelled"), tasks)
    assert not may_go_on(rows(a="cancelled", b="succeeded"), tasks)


def test_a_task_that_the_file_no_longer_has_allows_nothing() -> None:
    assert not may_go_on(rows(gone="lost"), {})
