"""However a run of a project that tells somebody ends, and whoever writes that: from that commit on it is untold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contracts.stores import STORES
from support.builders import utc
from support.schedules import GuardStage, schedule, scheduled
from support.worlds import Stage, fail_first, project, task
from tetra_orchestrator import failpoints
from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.history import Run, TaskRun
from tetra_orchestrator.core.model import RunPolicy
from tetra_orchestrator.core.outcome import Exited, Signalled
from tetra_orchestrator.core.watching import Alerting
from tetra_orchestrator.engine.again import Again
from tetra_orchestrator.engine.cancel import cancel
from tetra_orchestrator.engine.reconcile import reconcile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tetra_orchestrator.ports import Store


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def dies() -> Iterator[Callable[[str], None]]:
    """Has the process die at a failpoint."""

    def die(name: str) -> None:
        raise Killed(name)

    yield lambda place: failpoints.arm(f"{place}=kill", {"kill": die})
    failpoints.arm("")


def telling(store: Store, *tasks, script=None, **fields) -> Stage:
    given = project(*(tasks or (task("a"),)), alerting=Alerting(), **fields)
    return Stage(given, script, store=store)


def untold(store: Store) -> list[tuple[str, str]]:
    return [(run.run_id, run.state) for run in store.alerts.untold()]


def only_run(stage: Stage, state: str) -> bool:
    """Whether the stage's one run ended so, and somebody is to hear of it."""
    assert untold(stage.store) == [(stage.last_run.run_id, state)]
    return len(stage.store.runs()) == 1


def abandon(stage: Stage, *, survivors: bool = False) -> None:
    """Have the owner die as it starts a task; with `survivors`, that lives on for now."""
    ran = stage.runner.on_submit

    def die(launches):
        raise Killed

    stage.runner.on_submit = die
    with pytest.raises(Killed):
        stage.run()
    stage.runner.on_submit = ran
    stage.processes.alive.clear()


# -- by its own owner ---------------------------------------------------------------------------------------------


def test_a_run_that_succeeds_is_untold(store: Store) -> None:
    stage = telling(store)
    stage.run()
    assert only_run(stage, "succeeded")


def test_a_run_that_fails_is_untold(store: Store) -> None:
    stage = telling(store, script=fail_first(9, "a"))
    stage.run()
    assert only_run(stage, "failed")


def test_a_run_over_its_time_limit_is_untold(store: Store) -> None:
    stage = telling(store, script=lambda name, number: (100.0, Signalled(15), {}))
    stage.project = stage.project._replace(run=RunPolicy(timeout_s=5.0))
    stage.run()
    assert only_run(stage, "timed_out")


def test_a_run_that_is_interrupted_is_untold(store: Store) -> None:
    stage = telling(store, script=lambda name, number: (100.0, Signalled(15), {}))
    stage.runner.on_submit = lambda launches: stage.interrupts.numbers.append(15)
    stage.run()
    assert only_run(stage, "cancelled")


def test_a_run_that_somebody_stops_is_untold(store: Store) -> None:
    stage = telling(store, script=lambda name, number: (100.0, Signalled(15), {}))

    def ask(launches):
        store.request(stage.last_run.run_id, "stop", stage.clock.now())
        stage.interrupts.numbers.append(15)

    stage.runner.on_submit = ask
    stage.run()
    assert only_run(stage, "cancelled")


def test_a_run_that_is_resumed_and_the_one_that_resumes_it_are_both_untold(store: Store) -> None:
    stage = telling(store, script=fail_first(9, "a"))
    stage.run()
    first = stage.last_run.run_id
    stage.clock.seconds += 60
    stage.run(again=Again(first), trigger="resume")
    assert untold(store) == [(first, "failed"), (stage.last_run.run_id, "failed")]
    assert stage.last_run.resumes == first


def test_a_run_for_a_slot_is_untold(store: Store) -> None:
    given = scheduled(schedule())._replace(alerting=Alerting())
    stage = GuardStage(given, lambda name, number: (1.0, Exited(1), {}), store=store)
    stage.at(utc(2026, 3, 2, 5))
    stage.wake()
    stage.at(utc(2026, 3, 2, 6))
    stage.wake()
    assert only_run(stage, "failed")
    assert stage.last_run.schedule == "nightly"


def test_a_run_that_waits_for_its_turn_and_is_interrupted_is_untold(store: Store) -> None:
    stage = telling(store)
    stage.processes.alive.add("other")
    other = Run("20200101T000000Z-aaaaaa", "tetra", "all", "manual", "running", "c0ffee", stage.clock.now())
    store.open_run(other._replace(owner="other"), [TaskRun(other.run_id, "a", "a", 0, "pending")], (), "{}")
    stage.locks.taken.add("pipeline-a")
    waited = stage.clock.on_wait
    stage.clock.on_wait = lambda: stage.interrupts.numbers.append(15) or waited()
    stage.run(overlap="queue")
    assert untold(store) == [(stage.last_run.run_id, "cancelled")]


# -- by somebody else ---------------------------------------------------------------------------------------------


def test_a_run_that_is_found_lost_is_untold_for_whoever_finds_it(store: Store) -> None:
    stage = telling(store)
    abandon(stage)
    assert untold(store) == []
    reconcile(stage.scene, end_survivors=False)
    assert only_run(stage, "lost")


@pytest.mark.parametrize(("outcome", "state"), [(Exited(0), "succeeded"), (Exited(3), "failed")])
def test_a_run_whose_tasks_ended_without_their_owner_is_untold(store: Store, outcome: Exited, state: str) -> None:
    stage = telling(store, task("a", survive=True))
    abandon(stage)
    [attempt] = store.attempts(stage.last_run.run_id)
    stage.processes.records[attempt.token] = outcome, NO_FACTS
    reconcile(stage.scene, end_survivors=False)
    assert only_run(stage, state)


def test_a_run_that_is_cancelled_when_its_owner_was_dead_is_untold(store: Store) -> None:
    stage = telling(store, task("a", survive=True))
    abandon(stage)
    cancel(stage.last_run.run_id, stage.scene, wait_s=1.0)
    assert only_run(stage, "cancelled")


# -- a death at the very end --------------------------------------------------------------------------------------


def test_a_death_behind_the_commit_that_ends_a_run_leaves_it_untold(store: Store, dies: Callable[[str], None]) -> None:
    stage = telling(store, script=fail_first(9, "a"))
    dies("run.finish.commit")
    with pytest.raises(Killed, match=r"run\.finish\.commit"):
        stage.run()
    assert only_run(stage, "failed")


def test_a_death_before_that_commit_leaves_it_untold_for_whoever_settles_it(
    store: Store, dies: Callable[[str], None]
) -> None:
    stage = telling(store, script=fail_first(9, "a"))
    dies("run.finish")
    with pytest.raises(Killed, match=r"run\.finish$"):
        stage.run()
    assert untold(store) == []
    stage.processes.alive.clear()
    reconcile(stage.scene, end_survivors=False)
    assert only_run(stage, "lost")


# -- and nobody else ----------------------------------------------------------------------------------------------


def test_a_run_of_a_project_that_tells_nobody_is_not_untold_however_it_ends(store: Store) -> None:
    stage = Stage(project(task("a")), fail_first(9, "a"), store=store)
    stage.run()
    assert (untold(store), stage.last_run.state, stage.last_run.tells) == ([], "failed", False)
