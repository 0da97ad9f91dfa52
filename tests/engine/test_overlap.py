"""What a run does while another has one of its pipelines: give up, wait, end that, or go beside."""

from __future__ import annotations

import pytest

from support.worlds import Stage, project, task
from tetra_orchestrator.core.history import Run, TaskRun
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.engine.overlap import REPLACE_S
from tetra_orchestrator.errors import NotNow


def beside_another(state=RunState.RUNNING, owner="other", run_id="20200101T000000Z-aaaaaa", backfill=None):
    """A stage whose pipeline `a` another run has, with its lock where it is running."""
    stage = Stage(project(task("a"), task("b")))
    stage.processes.alive.add("other")
    rows = [TaskRun(run_id, "a", "a", 0, "pending")]
    other = Run(run_id, "tetra", "all", "manual", state, "c0ffee", stage.clock.now(), owner=owner)
    other = other._replace(backfill=backfill)
    stage.store.open_run(other, rows, (), "{}")
    if state == RunState.RUNNING:
        stage.locks.taken.add("pipeline-a")
    return stage, other


def after_waiting(stage, seconds, act):
    """Have `act()` happen once so much time has passed."""
    waited, until = stage.clock.on_wait, stage.clock.seconds + seconds

    def on_wait():
        if stage.clock.seconds >= until and act not in done:
            done.append(act)
            act()
        return waited()

    done = []
    stage.clock.on_wait = on_wait


def let_go(stage):
    """The other run is over, and its lock free."""
    stage.processes.alive.discard("other")
    stage.locks.taken.discard("pipeline-a")


def test_by_default_a_run_gives_up():
    stage, _ = beside_another()
    with pytest.raises(NotNow, match="pipeline-a is taken"):
        stage.run()
    assert len(stage.store.runs()) == 1


def test_a_queued_run_is_in_the_store_while_it_waits_and_runs_when_its_turn_comes():
    stage, other = beside_another()
    seen = []

    def end():
        seen.append(stage.last_run)
        let_go(stage)

    after_waiting(stage, 5.0, end)
    assert stage.run(overlap="queue") == 0
    [waiting] = seen
    assert (waiting.state, waiting.started_at) == ("queued", None)
    run = stage.last_run
    assert (run.run_id, run.state) == (waiting.run_id, "succeeded")
    assert (run.started_at - other.started_at).total_seconds() >= 5.0
    assert stage.told == ["waiting: pipeline-a is taken"]


def test_T_260_a_run_that_need_not_wait_is_never_queued():
    stage = Stage(project(task("a")))
    assert stage.run(overlap="queue") == 0
    assert stage.told == []


def test_who_has_waited_longer_goes_first():
    stage, other = beside_another(RunState.QUEUED)
    stage.locks.taken.add("pipeline-a")
    after_waiting(stage, 2.0, lambda: stage.locks.taken.discard("pipeline-a"))
    after_waiting(stage, 7.0, lambda: stage.processes.alive.discard("other"))
    began = stage.clock.seconds
    assert stage.run(overlap="queue") == 0
    assert stage.clock.seconds - began >= 7.0, "it was its turn only when the older one had gone"
    assert stage.store.run(other.run_id).state == "lost"


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_a_signal_ends_the_waiting_and_the_queued_run_is_cancelled(number, code):
    stage, _ = beside_another()
    after_waiting(stage, 1.0, lambda: stage.interrupts.numbers.append(number))
    assert stage.run(overlap="queue") == code
    assert stage.last_run.state == "cancelled"
    assert stage.states() == {"a": "cancelled", "b": "cancelled"}
    assert stage.runner.launches == []


def test_a_queued_run_that_may_not_start_after_all_does_not_stay_queued():
    stage, _ = beside_another()
    stage.project = project(task("a"), task("b", "c"), task("c"))
    after_waiting(stage, 1.0, lambda: let_go(stage))
    with pytest.raises(NotNow, match="b cannot start: c has never run"):
        stage.run(mode=None, names=("a", "b"), overlap="queue")
    assert stage.last_run.state == "cancelled"


def test_replace_asks_the_owner_to_end_tells_it_why_and_takes_its_place():
    stage, other = beside_another()

    after_waiting(stage, 1.0, lambda: let_go(stage))
    stage.store.run = _ended(stage.store.run, other, lambda: "other" not in stage.processes.alive)
    assert stage.run(overlap="replace") == 0
    assert stage.store.requests(other.run_id) == ["replace"]
    assert stage.processes.signals == [("other", 15)]
    assert stage.told == [f"replacing run {other.run_id}"]


def test_who_replaces_a_run_of_a_backfill_is_queued_before_its_end_and_outlasts_the_next_one():
    stage, other = beside_another(backfill="bf-1")
    seen = []

    def end():
        seen.append(stage.last_run.state)
        stage.processes.alive.discard("other")  # the next one of the backfill has the lock already

    after_waiting(stage, 1.0, end)
    after_waiting(stage, 5.0, lambda: let_go(stage))
    stage.store.run = _ended(stage.store.run, other, lambda: "other" not in stage.processes.alive)
    assert stage.run(overlap="replace") == 0
    assert seen == ["queued"]
    assert stage.told == [f"replacing run {other.run_id}"]
    assert stage.last_run.state == "succeeded"


def test_a_run_that_does_not_end_in_time_is_not_replaced():
    stage, other = beside_another()
    with pytest.raises(NotNow) as refused:
        stage.run(overlap="replace")
    assert str(refused.value) == (
        f"run {other.run_id} has not ended within {REPLACE_S:g} s of being asked to\n"
        f"  hint: `tetra show {other.run_id}` tells what it waits for"
    )
    assert stage.last_run.run_id == other.run_id


def test_who_does_not_allow_others_keeps_away_from_a_run_that_went_beside_one_that_has_ended():
    stage, other = beside_another()
    stage.locks.taken.discard("pipeline-a")
    with pytest.raises(NotNow) as refused:
        stage.run()
    assert str(refused.value) == (
        f"run {other.run_id} is running beside others, and this one does not allow that\n"
        f"  hint: wait until it ends, or end it with `tetra cancel {other.run_id}`"
    )


def test_a_queued_run_that_somebody_cancels_ends_with_the_code_of_that():
    stage, _ = beside_another()

    def cancel():
        stage.store.request(stage.last_run.run_id, "stop", stage.clock.now())
        stage.interrupts.numbers.append(15)

    after_waiting(stage, 1.0, cancel)
    assert stage.run(overlap="queue") == 2
    assert stage.reasons() == dict.fromkeys("ab", "ended by `tetra stop`")


def test_allow_runs_beside_the_other_and_keeps_away_whoever_does_not_allow_it():
    stage, other = beside_another()
    assert stage.run(overlap="allow") == 0
    assert stage.store.run(other.run_id).state == "running"
    stage.locks.taken.discard("pipeline-a")
    stage.runner.on_submit = lambda launches: seen.append(list(stage.locks.sharers))
    seen = []
    assert stage.run(overlap="allow") == 0
    assert seen[0] == ["pipeline-a", "pipeline-b"]


def _ended(run, other, over):
    """The store's `run`, by which the other is cancelled once `over()`."""
    return lambda run_id: other._replace(state="cancelled") if run_id == other.run_id and over() else run(run_id)
