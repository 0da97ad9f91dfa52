"""A real workflow is killed and resumed in short, and the checks of that can find something."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from core.test_makespan import WORKFLOWS
from proofs import graphs
from proofs.sweep_checks import LOST, WRONG, Line
from support.worlds import Stage, project, task
from tetra_orchestrator.core.outcome import Exited

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
KILLS = 4
CHAIN = {"a": (), "b": ("a",)}


def smallest() -> str:
    """The workflow with the fewest tasks."""
    names = [path.stem for path in WORKFLOWS.glob("*.json")]
    if not names:
        pytest.skip(graphs.MISSING)
    return min(names, key=lambda name: len(graphs.read(name)))


@linux
def test_a_workflow_that_is_killed_again_and_again_gets_done_once(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    graph = graphs.read(smallest())
    assert graphs.perform(graph, tmp_path / "graph", KILLS, "short", counts) == []
    assert counts[graphs.ALONE] + counts[graphs.WITH_ALL] >= 1
    assert counts["attempts"] >= len(graph)


@linux
@pytest.mark.long
def test_every_workflow_that_is_killed_again_and_again_gets_done_once(capsys: pytest.CaptureFixture[str]) -> None:
    smallest()
    assert graphs.main([]) == 0
    assert capsys.readouterr().out.endswith("violations 0\n")


def test_without_workflows_the_proof_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(graphs, "WORKFLOWS", Path("/nowhere"))
    assert graphs.main([]) == 0
    assert capsys.readouterr().out == f"{graphs.MISSING}\n"


# What finds nothing has to be able to


def a_finished_run() -> tuple[Stage, str]:
    stage = Stage(project(task("a"), task("b", "a")))
    assert stage.run() == 0
    return stage, stage.last_run.run_id


def lines(run_id: str, *words: str) -> list[Line]:
    """`start a`, `end b` and so on, in that order."""
    return [Line(*word.split(), run_id, 1) for word in words]


def test_a_task_that_starts_before_what_it_needs_has_ended_is_found() -> None:
    stage, run_id = a_finished_run()
    right = lines(run_id, "start a", "end a", "start b", "end b")
    assert list(graphs.of_order(stage.store, right, CHAIN)) == []
    wrong = lines(run_id, "start a", "start b", "end a", "end b")
    text = f"attempt 1 of b in run {run_id} has started before the success of a"
    assert list(graphs.of_order(stage.store, wrong, CHAIN)) == [(WRONG, text)]


def test_an_end_that_was_not_recorded_is_no_success() -> None:
    stage, run_id = a_finished_run()
    ended = [*lines("another", "start a", "end a"), *lines(run_id, "start b")]
    text = f"attempt 1 of b in run {run_id} has started before the success of a"
    assert list(graphs.of_order(stage.store, ended, CHAIN)) == [(WRONG, text)]


def test_a_last_run_that_leaves_something_undone_is_found() -> None:
    stage = Stage(project(task("a"), task("b", "a")), lambda name, number: (1.0, Exited(name == "a"), {}))
    assert stage.run() == 2
    run_id = stage.last_run.run_id
    assert list(graphs.of_the_last(stage.store, run_id)) == [
        (LOST, f"run {run_id} is failed"),
        (LOST, f"a is failed (failed) in run {run_id}"),
        (LOST, f"b is upstream_failed (upstream_failed) in run {run_id}"),
    ]
