"""A plan of which some tasks are paused: they are left out like disabled ones, each for its own reason."""

import pytest

from support.builders import task, utc
from support.plans import Run
from tetra_orchestrator.core.history import Pause
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.reasons import DISABLED, paused
from tetra_orchestrator.core.states import RunState

SINCE, UNTIL = utc(2026, 11, 21, 20), utc(2026, 11, 22)
PAUSED = Reason("paused", "the pipeline is paused since 2026-11-21T20:00:00Z: maintenance")


@pytest.mark.parametrize(
    ("pause", "text"),
    [
        (Pause("pipeline", "data", SINCE), "the pipeline is paused since 2026-11-21T20:00:00Z"),
        (Pause("pipeline", "data", SINCE, None, "maintenance"), PAUSED.text),
        (
            Pause("schedule", "daily", SINCE, UNTIL, "the vendor is closed"),
            "the schedule is paused since 2026-11-21T20:00:00Z until 2026-11-22T00:00:00Z: the vendor is closed",
        ),
    ],
)
def test_a_pause_says_since_when_until_when_and_why(pause: Pause, text: str) -> None:
    assert paused(pause) == Reason("paused", text)


def test_a_pause_holds_until_its_end_and_one_without_an_end_for_ever() -> None:
    assert Pause("pipeline", "data", SINCE).holds(utc(9999, 12, 31))
    ending = Pause("pipeline", "data", SINCE, UNTIL)
    assert ending.holds(utc(2026, 11, 21, 23, 59))
    assert not ending.holds(UNTIL)


def test_a_clock_that_was_set_back_lifts_no_pause() -> None:
    assert Pause("pipeline", "data", SINCE, UNTIL).holds(utc(1970, 1, 1))


def test_a_paused_task_is_skipped_with_all_that_is_behind_it_and_the_others_run() -> None:
    run = Run(task("a"), task("b", "a"), task("c", "b"), task("other"), paused={"a": PAUSED})
    assert run.reasons() == {
        "a": PAUSED,
        "b": Reason("upstream_skipped", "a was skipped"),
        "c": Reason("upstream_skipped", "b was skipped"),
    }
    assert run.starts() == ["other"]
    run.end("other")
    assert run.plan.verdict() == (RunState.SUCCEEDED, Reason("succeeded", "every task succeeded or was skipped"))


def test_a_paused_task_behind_a_paused_one_is_skipped_for_its_own_reason() -> None:
    run = Run(task("a"), task("b", "a"), paused={"a": PAUSED, "b": PAUSED})
    assert run.reasons() == {"a": PAUSED, "b": PAUSED}
    assert run.plan.finished


def test_what_only_waits_for_the_end_of_a_paused_task_runs() -> None:
    run = Run(task("a"), task("clean", "a", conditions=(("a", "finished"),)), paused={"a": PAUSED})
    assert run.starts() == ["clean"]


def test_a_task_that_is_disabled_and_paused_says_that_it_is_disabled() -> None:
    run = Run(task("a", enabled=False), paused={"a": PAUSED})
    assert run.reasons() == {"a": DISABLED}


def test_what_an_earlier_run_did_stays_done_though_it_is_paused_by_now() -> None:
    done = Reason("already_succeeded", "it succeeded in run r1")
    run = Run(task("a"), task("b", "a"), done={"a": done}, paused={"a": PAUSED})
    assert run.reasons() == {"a": done}
    assert run.starts() == ["b"]
