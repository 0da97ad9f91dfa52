"""A run whose owner died: nobody knows how long it went on, so it holds back no slot that comes after it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.builders import utc
from support.schedules import GuardStage, schedule, scheduled
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.engine.reconcile import reconcile

SIX = utc(2026, 3, 2, 6)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class PowerCut(BaseException):
    """The machine is gone in the middle of a run."""


def cut_at_six(**fields) -> GuardStage:
    """A stage on which the power went in the run at six; the next guard is somebody new."""
    fields = {"cron": "0 6 * * *"} | fields
    stage = GuardStage(scheduled(schedule(**fields)), _cut)
    stage.look()
    stage.at(SIX)
    with pytest.raises(PowerCut):
        stage.wake()
    stage.runner.script = lambda task_id, number: (1.0, Exited(0), {})
    stage.runner.jobs.clear()
    stage.locks.taken.clear()
    stage.locks.sharers.clear()
    stage.processes.alive = {"another"}
    stage.processes.own = lambda: "another"
    return stage


def _cut(task_id, number):
    raise PowerCut


def wake_at(stage: GuardStage, when) -> None:
    stage.at(when)
    reconcile(stage.scene, end_survivors=True)
    stage.wake()


def test_the_slot_of_the_next_day_runs_although_nobody_had_noticed_before() -> None:
    stage = cut_at_six()
    wake_at(stage, SIX + DAY + timedelta(seconds=1))
    assert stage.outcomes() == [("02 06:00", "ran", None), ("03 06:00", "ran", None)]
    assert [run.state for run in stage.store.runs()] == ["succeeded", "lost"]


def test_what_was_due_between_the_cut_and_the_return_is_made_up_for_as_after_any_other_outage() -> None:
    stage = cut_at_six(cron="0 * * * *", catch_up="all")
    wake_at(stage, SIX + 3 * HOUR + timedelta(minutes=30))
    assert [outcome for _, outcome, _ in stage.outcomes()[-3:]] == ["late", "late", "late"]


def test_a_run_that_somebody_saw_end_holds_back_what_was_due_while_it_was_active() -> None:
    stage = GuardStage(scheduled(schedule(cron="0 * * * *")), lambda task_id, number: (5400.0, Exited(1), {}))
    stage.look()
    stage.at(SIX)
    stage.wake()
    assert stage.outcomes()[-1] == ("02 07:00", "skipped_overlap", "run_active")
