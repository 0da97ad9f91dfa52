"""How long tasks are taken to last when their turns are given out, and how they are tied together."""

from support.builders import task
from support.plans import Run
from tetra_orchestrator.core.admission import Limits, Room
from tetra_orchestrator.core.model import Service
from tetra_orchestrator.core.nodes import estimates, known_s, tied


def test_what_was_learned_counts_before_what_the_file_declares() -> None:
    one = task("a", expected_s=7.0)
    assert known_s(one, {"a": 3.0}) == 3.0
    assert known_s(one, {}) == 7.0
    assert known_s(task("a"), {"b": 3.0}) is None
    assert known_s(one, {"a": 0.0}) == 0.0


def test_while_nothing_is_known_every_task_counts_the_same() -> None:
    assert estimates([task("a"), task("b", "a")], {}) == {"a": 1.0, "b": 1.0}


def test_an_unknown_task_counts_like_the_median_of_the_known_learned_and_declared_alike() -> None:
    tasks = [task("a"), task("b", expected_s=30.0), task("c"), task("new"), task("newer")]
    assert estimates(tasks, {"a": 1.0, "c": 500.0}) == {"a": 1.0, "b": 30.0, "c": 500.0, "new": 30.0, "newer": 30.0}
    assert estimates(tasks[:4], {"a": 1.0})["new"] == 30.0  # of two in the middle the longer


def test_a_service_takes_no_time_and_is_no_measure_for_others() -> None:
    tasks = [task("stream", service=Service(), expected_s=900.0), task("a"), task("new")]
    assert estimates(tasks, {"a": 5.0, "stream": 4000.0}) == {"stream": 0.0, "a": 5.0, "new": 5.0}


def test_so_a_new_task_starts_in_the_middle_and_not_last() -> None:
    run = Run(
        task("short"), task("new"), task("middle"), task("long"), expected_s={"short": 1, "middle": 9, "long": 99}
    )
    assert run.starts() == ["long", "new", "middle", "short"]


def test_durations_of_tasks_that_are_not_in_the_run_do_not_matter() -> None:
    run = Run(task("new"), task("a"), task("b", "a"), expected_s={"elsewhere": 10_000.0})
    assert run.starts() == ["a", "new"]


def test_turns_follow_priority_then_the_longest_path_then_the_file() -> None:
    tasks = [task("c"), task("a"), task("urgent", priority=1), task("head"), task("tail", "head")]
    nodes = tied(tasks, {}, Room(Limits(1)))
    assert sorted(nodes, key=lambda name: nodes[name].order) == ["urgent", "head", "c", "a", "tail"]
