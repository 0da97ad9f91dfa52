"""The ledger on a clock that goes on between two looks at it, as a real one does: no slot is lost by that."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from support.builders import utc
from support.schedules import GuardStage, schedule, scheduled
from tetra_orchestrator.adapters.store.memory import MemoryStore
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.engine import ledger

if TYPE_CHECKING:
    from pathlib import Path

SIX = utc(2026, 3, 2, 6)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path):
    opened = MemoryStore() if request.param == "memory" else SqliteStore(str(tmp_path / "state" / "tetra.db"))
    yield opened
    opened.close()


def ticking(store, **fields) -> GuardStage:
    """A stage that has known its schedule since the evening before; each look at its clock takes a millisecond."""
    stage = GuardStage(scheduled(schedule(**fields)), store=store)
    stage.look()
    shown = stage.clock.now

    def tick():
        stage.clock.seconds += 0.001
        return shown()

    stage.clock.now = tick
    return stage


def outcomes(stage: GuardStage) -> list[str]:
    return [outcome for _, outcome, _ in stage.outcomes()]


def test_what_was_settled_with_a_slot_that_could_not_be_run_stays_settled(store) -> None:
    stage = ticking(store)
    stage.locks.taken.add("pipeline-load")
    stage.at(SIX + 2 * DAY)
    stage.wake()
    assert outcomes(stage) == ["skipped_policy", "skipped_policy", "skipped_overlap"]


def test_of_several_slots_that_could_not_be_run_each_stays_settled(store) -> None:
    stage = ticking(store, catch_up="all")
    stage.locks.taken.add("pipeline-load")
    stage.at(SIX + 2 * DAY + HOUR)
    stage.wake()
    stage.look()
    assert outcomes(stage) == ["skipped_overlap"] * 3


def test_what_a_broken_file_has_missed_stays_missed(store) -> None:
    stage = ticking(store, catch_up="all")
    stage.at(SIX + 2 * DAY + HOUR)
    ledger.miss_all(stage.project, "a mistake", stage.scene)
    stage.look()
    assert outcomes(stage) == ["missed"] * 3


def test_a_slot_that_is_left_to_a_process_and_taken_over_takes_no_other_away(store) -> None:
    stage = ticking(store, overlap="allow")
    stage.at(SIX + 2 * DAY)
    [left] = ledger.claim(stage.project.schedules[0], stage.project, stage.scene, dispatched=True)
    ledger.adopt(stage.project.schedules[0], left.at, stage.scene)
    assert outcomes(stage) == ["skipped_policy", "skipped_policy", "queued"]
