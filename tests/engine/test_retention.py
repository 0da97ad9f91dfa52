"""Old runs are removed, files first."""

from __future__ import annotations

import pytest

from support.fakes import FakeClock, FakeWorkspace
from support.worlds import Stage, project, task
from tetra_orchestrator.core.model import Keep
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.engine.retention import LONGEST_S, prune
from tetra_orchestrator.errors import CannotWrite


def after_runs(count):
    """A stage on which so many runs have ended, and their ids, oldest first."""
    stage = Stage(project(task("a")))
    for _ in range(count):
        stage.run()
        stage.clock.seconds += 60
    return stage, [one.run_id for one in stage.store.runs()][::-1]


def left(stage):
    return [one.run_id for one in stage.store.runs()][::-1]


def test_runs_beyond_the_limit_go_with_their_files():
    stage, ids = after_runs(5)
    assert prune(Keep(runs=2), stage.store, stage.workspace, stage.clock) == ids[:3]
    assert stage.workspace.removed == ids[:3]
    assert left(stage) == ids[3:]


def test_the_latest_success_stays_and_with_it_freshness_and_what_was_learned():
    stage, ids = after_runs(3)
    known = stage.store.summaries()[0].last_success_at, dict(stage.store.expected_s())
    stage.runner.script = lambda name, number: (1.0, Exited(1), {})
    for _ in range(3):
        stage.run()
    prune(Keep(runs=1), stage.store, stage.workspace, stage.clock)
    assert left(stage)[0] == ids[2]
    assert len(left(stage)) == 2
    assert (stage.store.summaries()[0].last_success_at, dict(stage.store.expected_s())) == known


def test_rows_stay_where_files_cannot_be_removed_and_the_others_go_all_the_same():
    stage, ids = after_runs(5)
    stage.workspace.stubborn = {ids[1]}
    with pytest.raises(CannotWrite, match=f"^{ids[1]} stays$"):
        prune(Keep(runs=2), stage.store, stage.workspace, stage.clock)
    assert left(stage) == [ids[1], *ids[3:]]
    stage.workspace.stubborn = set()
    assert prune(Keep(runs=2), stage.store, stage.workspace, stage.clock) == [ids[1]]


class SlowWorkspace(FakeWorkspace):
    """Takes a minute to remove the files of a run."""

    def __init__(self, clock: FakeClock):
        super().__init__()
        self.clock = clock

    def remove(self, run):
        super().remove(run)
        self.clock.seconds += 60


def test_when_it_takes_too_long_the_rest_waits_for_the_end_of_the_next_run():
    stage, ids = after_runs(4)
    assert LONGEST_S < 60
    slow = SlowWorkspace(stage.clock)
    assert [prune(Keep(runs=1), stage.store, slow, stage.clock) for _ in range(4)] == [[ids[0]], [ids[1]], [ids[2]], []]
