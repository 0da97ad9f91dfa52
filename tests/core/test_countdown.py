"""How long a run will still take."""

from __future__ import annotations

from support.builders import task
from tetra_orchestrator.core.countdown import Countdown
from tetra_orchestrator.core.model import Service

CHAIN = [task("a"), task("b", "a"), task("c", "b")]
KNOWN = {"a": 10.0, "b": 20.0, "c": 30.0}


def test_a_chain_takes_the_sum_of_its_tasks_however_many_places_there_are():
    assert Countdown(CHAIN, KNOWN, 8).left_s({}) == 60.0


def test_what_runs_counts_for_what_is_left_of_it():
    left = Countdown(CHAIN, KNOWN, 8)
    left.started("a")
    assert left.left_s({"a": 4.0}) == 56.0
    left.ended("a")
    left.started("b")
    assert left.left_s({"b": 5.0}) == 45.0


def test_what_takes_longer_than_usual_may_end_at_any_moment():
    left = Countdown(CHAIN, KNOWN, 8)
    left.started("a")
    assert left.left_s({"a": 500.0}) == 50.0


def test_what_waits_for_its_next_attempt_takes_that_time_more():
    left = Countdown(CHAIN, KNOWN, 8)
    left.started("a")
    assert left.left_s({"a": -30.0}) == 90.0


def test_tasks_side_by_side_share_the_places():
    tasks = [task(f"t{n}") for n in range(6)]
    assert Countdown(tasks, {f"t{n}": 10.0 for n in range(6)}, 2).left_s({}) == 30.0


def test_a_long_task_that_has_not_started_bounds_the_time():
    tasks = [task("long"), *(task(f"t{n}") for n in range(3))]
    left = Countdown(tasks, {"long": 100.0, "t0": 1.0, "t1": 1.0, "t2": 1.0}, 2)
    for name in ("t0", "t1"):
        left.started(name)
    assert left.left_s({"t0": 0.5, "t1": 0.5}) == 100.0


def test_while_the_time_of_a_task_is_not_known_nor_is_that_of_the_run():
    left = Countdown(CHAIN, {"b": 20.0, "c": 30.0}, 8)
    assert left.left_s({}) is None
    left.started("a")
    left.ended("a")
    assert left.left_s({}) == 50.0


def test_what_the_file_declares_stands_in_for_history_and_services_take_no_time():
    tasks = [task("a", expected_s=7.0), task("stream", service=Service())]
    assert Countdown(tasks, {}, 1).left_s({}) == 7.0


def test_when_everything_has_ended_nothing_is_left():
    left = Countdown(CHAIN, KNOWN, 8)
    for name in ("a", "b", "c"):
        left.started(name)
        left.ended(name)
    assert left.left_s({}) == 0.0
