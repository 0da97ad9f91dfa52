"""What the ledger of every Store must do: no slot is settled twice, and a run's end settles the slot that it is for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from adapters.store.history import AT, DAY, later, run, task
from contracts.stores import STORES
from tetra_orchestrator.core.changes import RunMoved
from tetra_orchestrator.core.history import PipelineState
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.slots import (
    EXPECTED,
    FINAL,
    LATE,
    MISSED,
    QUEUED,
    RAN,
    RUNNING,
    SKIPPED_POLICY,
    Cursor,
    Slot,
    Span,
)
from tetra_orchestrator.core.states import RUN_TERMINAL, RunState
from tetra_orchestrator.errors import StateConflict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from tetra_orchestrator.ports import Store
    from tetra_orchestrator.store_parts import Ledger

FIRST = Cursor("nightly", "0 6 * * *\tUTC\tshift\tfirst", AT, AT, 1)
WHY = Reason("late_wake", "nothing woke us")
FASTER = (
    "schedule nightly: another process has settled its slots at the same time"
    "\n  hint: nothing is lost; run the command again"
)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return store.ledger


def slot(seconds: float, outcome: str = EXPECTED, **fields) -> Slot:
    at = later(seconds)
    return Slot("nightly", at, outcome, at + timedelta(seconds=60), "daily", **fields)


def judged(number: int) -> Cursor:
    """The cursor after so many judgements, an hour further each time."""
    return FIRST._replace(judged=later(number * 3600.0), version=number)


def settled(ledger: Ledger, *slots: Slot) -> None:
    """The slots, by a first judgement and one that follows it."""
    ledger.settle(None, FIRST, [])
    ledger.settle(FIRST, judged(2), slots)


def refused(act: Callable[[], None]) -> str:
    with pytest.raises(StateConflict) as caught:
        act()
    return str(caught.value)


def start(store: Store, at: datetime, state: str = "running", run_id: str = "r1") -> None:
    """A run for the slot at that instant, ten seconds after it."""
    begun = at + timedelta(seconds=10) if state == "running" else None
    fields = {"schedule": "nightly", "slot": at, "state": state, "started_at": begun, "trigger": "schedule"}
    store.open_run(run(run_id)._replace(**fields), [task(run_id, "a", 0)], [PipelineState("a")], "{}")


def the(ledger: Ledger, seconds: float) -> Slot:
    [found] = ledger.slots("nightly", since=later(seconds), until=later(seconds))
    return found


def test_an_empty_ledger_has_nothing(ledger: Ledger) -> None:
    assert (ledger.cursors(), ledger.slots(), ledger.spans("nightly", ["a"], AT)) == ([], [], [])


def test_cursors_and_slots_come_back_as_they_were_given(ledger: Ledger) -> None:
    other = Cursor("Hourly", "", AT, later(0.000001), 7, "/project/orchestration.yaml")
    whole = slot(20, MISSED, reason=WHY, settled_at=later(90))
    ledger.settle(None, other, [])
    settled(ledger, slot(10, QUEUED, owner="1 2 boot"), whole, slot(30)._replace(mode=None))
    assert ledger.cursors() == [other, judged(2)]
    assert (ledger.cursor("Hourly"), ledger.cursor("hourly")) == (other, None)
    assert ledger.slots() == [slot(10, QUEUED, owner="1 2 boot"), whole, slot(30)._replace(mode=None)]


def test_slots_are_found_by_schedule_by_time_and_by_whether_they_are_open(ledger: Ledger) -> None:
    settled(ledger, slot(10, RAN), slot(20), slot(30, MISSED))
    ledger.settle(None, FIRST._replace(name="other"), [])
    ledger.settle(FIRST._replace(name="other"), judged(2)._replace(name="other"), [slot(20)._replace(schedule="other")])
    assert [(one.at, one.schedule) for one in ledger.slots(since=later(20))] == [
        (later(20), "nightly"), (later(20), "other"), (later(30), "nightly"),
    ]  # fmt: skip
    assert [one.at for one in ledger.slots("nightly", until=later(20))] == [later(10), later(20)]
    assert [one.at for one in ledger.slots("nightly", unsettled=True)] == [later(20)]


def test_two_judges_do_not_both_go_on_from_the_same_cursor(ledger: Ledger) -> None:
    settled(ledger, slot(10))
    assert refused(lambda: ledger.settle(FIRST, judged(2), [slot(20)])) == FASTER
    assert refused(lambda: ledger.settle(None, FIRST, [slot(20)])) == FASTER
    assert ledger.slots() == [slot(10)]


@pytest.mark.parametrize("outcome", FINAL)
def test_a_slot_that_is_settled_is_never_settled_again(ledger: Ledger, outcome: str) -> None:
    settled(ledger, slot(10, outcome))
    assert refused(lambda: ledger.settle(judged(2), judged(3), [slot(5), slot(10, SKIPPED_POLICY)])) == FASTER
    assert ledger.slots() == [slot(10, outcome)]
    assert ledger.cursors() == [judged(2)]


@pytest.mark.parametrize("outcome", [EXPECTED, QUEUED])
def test_an_open_slot_without_a_run_is_settled(ledger: Ledger, outcome: str) -> None:
    settled(ledger, slot(10, outcome, owner="somebody"))
    ledger.settle(judged(2), judged(3), [slot(10, MISSED, reason=WHY, settled_at=later(99))])
    assert ledger.slots() == [slot(10, MISSED, reason=WHY, settled_at=later(99))]


def test_what_a_clock_that_was_ahead_has_settled_without_a_run_is_settled_again(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(5, QUEUED), slot(10, MISSED, settled_at=later(9999)), slot(20, MISSED, settled_at=later(50)))
    start(store, later(5))
    store.record([RunMoved("r1", RunState.RUNNING, RunState.SUCCEEDED, later(9999))])
    now = judged(3)._replace(judged=later(60))
    ledger.settle(judged(2), now, [slot(10, QUEUED)])
    assert [(one.at, one.outcome) for one in ledger.slots()] == [
        (later(5), RAN), (later(10), QUEUED), (later(20), MISSED),
    ]  # fmt: skip
    for again in (5, 20):
        assert refused(lambda at=again: ledger.settle(now, now._replace(version=4), [slot(at, QUEUED)])) == FASTER


def test_a_slot_with_a_run_stays_whatever_the_clock_says(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(7000, QUEUED))
    start(store, later(7000))
    ledger.settle(judged(2), judged(3)._replace(judged=later(-9999)), [])
    assert the(ledger, 7000).run_id == "r1"


def test_a_run_takes_the_slot_that_is_queued_for_it_in_the_commit_that_opens_it(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(10, QUEUED, owner="me"))
    start(store, later(10))
    assert the(ledger, 10) == slot(10, RUNNING, run_id="r1", lateness_s=10.0)
    found = store.run("r1")
    assert found is not None
    assert (found.schedule, found.slot) == ("nightly", later(10))


TAKEN = (
    "schedule nightly: the slot 2026-03-01T20:00:10Z is taken by another run, or settled"
    "\n  hint: `tetra schedule audit` tells what became of it; `tetra schedule run-now nightly` runs it again"
)


@pytest.mark.parametrize("outcome", [None, EXPECTED, *FINAL])
def test_a_run_whose_slot_is_not_queued_is_not_opened(store: Store, ledger: Ledger, outcome: str | None) -> None:
    settled(ledger, *([slot(10, outcome)] if outcome else []))
    assert refused(lambda: start(store, later(10))) == TAKEN
    assert store.runs() == []


def test_of_two_runs_for_one_slot_the_second_is_not_opened(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(10, QUEUED))
    start(store, later(10))
    assert refused(lambda: start(store, later(10), run_id="r2")) == TAKEN
    assert [one.run_id for one in store.runs()] == ["r1"]


@pytest.mark.parametrize("state", sorted(RUN_TERMINAL))
def test_the_end_of_its_run_settles_a_slot_however_that_ended(store: Store, ledger: Ledger, state: RunState) -> None:
    settled(ledger, slot(10, QUEUED))
    start(store, later(10))
    store.record([RunMoved("r1", RunState.RUNNING, state, later(500), exit_code=2)])
    assert the(ledger, 10) == slot(10, RAN, run_id="r1", lateness_s=10.0, settled_at=later(500))


def test_a_run_that_began_after_its_slot_was_due_is_late(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(10, QUEUED)._replace(due_by=later(19)))
    start(store, later(10))
    store.record([RunMoved("r1", RunState.RUNNING, RunState.SUCCEEDED, later(500))])
    assert the(ledger, 10).outcome == LATE


def test_a_run_that_waits_for_its_turn_keeps_its_slot_queued_and_begins_it_later(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(10, QUEUED))
    start(store, later(10), "queued")
    assert (the(ledger, 10).outcome, the(ledger, 10).run_id) == (QUEUED, "r1")
    store.record([RunMoved("r1", RunState.QUEUED, RunState.RUNNING, later(100))])
    assert (the(ledger, 10).outcome, the(ledger, 10).lateness_s) == (RUNNING, 90.0)
    store.record([RunMoved("r1", RunState.RUNNING, RunState.SUCCEEDED, later(200))])
    assert the(ledger, 10).outcome == LATE


def test_a_run_that_never_got_its_turn_leaves_its_slot_missed_with_the_reason(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(10, QUEUED))
    start(store, later(10), "queued")
    why = Reason("interrupted", "interrupted while it waited")
    store.record([RunMoved("r1", RunState.QUEUED, RunState.CANCELLED, later(60), reason=why)])
    assert the(ledger, 10) == slot(10, MISSED, run_id="r1", reason=why, settled_at=later(60))


def test_a_run_that_was_lost_while_it_waited_leaves_its_slot_to_the_next_wake(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(10, QUEUED))
    start(store, later(10), "queued")
    store.record([RunMoved("r1", RunState.QUEUED, RunState.LOST, later(60), reason=WHY)])
    assert the(ledger, 10) == slot(10, EXPECTED)


def test_a_run_that_resumes_one_of_a_schedule_takes_no_slot(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(10, QUEUED))
    start(store, later(10))
    store.record([RunMoved("r1", RunState.RUNNING, RunState.FAILED, later(50))])
    again = run("r2")._replace(schedule="nightly", slot=later(10), trigger="resume")
    store.open_run(again, [task("r2", "a", 0)], [], "{}")
    store.record([RunMoved("r2", RunState.RUNNING, RunState.SUCCEEDED, later(90))])
    assert the(ledger, 10) == slot(10, RAN, run_id="r1", lateness_s=10.0, settled_at=later(50))


def test_a_slot_that_has_a_run_is_not_settled_by_a_judge(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(10, QUEUED))
    start(store, later(10), "queued")
    assert refused(lambda: ledger.settle(judged(2), judged(3), [slot(10, MISSED)])) == FASTER


def test_a_change_that_does_not_fit_leaves_the_slot_as_it_was(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(10, QUEUED))
    start(store, later(10))
    with pytest.raises(StateConflict):
        store.record(
            [
                RunMoved("r1", RunState.RUNNING, RunState.SUCCEEDED, later(500)),
                RunMoved("r1", RunState.RUNNING, RunState.FAILED, later(500)),
            ]
        )
    assert the(ledger, 10).outcome == RUNNING


def test_spans_are_the_runs_of_the_pipelines_that_were_active_since(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(0, QUEUED))
    start(store, AT)
    for run_id, pipeline in (("r2", "b"), ("r3", "a"), ("r4", "a")):
        store.open_run(run(run_id), [task(run_id, pipeline, 0)], [], "{}")
    store.record([RunMoved("r3", RunState.RUNNING, RunState.SUCCEEDED, later(30))])
    store.record([RunMoved("r4", RunState.RUNNING, RunState.SUCCEEDED, later(50))])
    assert ledger.spans("nightly", ["a"], later(40)) == [
        Span("r1", later(10), None, own=True),
        Span("r4", AT, later(50), own=False),
    ]
    assert [one.run_id for one in ledger.spans("nightly", ["a", "b"], AT)] == ["r1", "r2", "r3", "r4"]


def test_a_run_that_is_active_is_a_span_however_many_came_after_it(store: Store, ledger: Ledger) -> None:
    for number in range(502):
        run_id = f"r{number}"
        store.open_run(run(run_id), [task(run_id, "a", 0)], [], "{}")
        if number:
            store.record([RunMoved(run_id, RunState.RUNNING, RunState.SUCCEEDED, later(1))])
    assert [one.run_id for one in ledger.spans("nightly", ["a"], later(5))] == ["r0"]


def test_a_run_that_waits_for_its_turn_is_no_span(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(0, QUEUED))
    start(store, AT, "queued")
    assert ledger.spans("nightly", ["a"], AT) == []


def test_a_run_that_is_forgotten_leaves_its_slot(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(10, QUEUED))
    start(store, later(10))
    store.record([RunMoved("r1", RunState.RUNNING, RunState.SUCCEEDED, later(500))])
    store.forget("r1")
    assert (the(ledger, 10).outcome, the(ledger, 10).run_id) == (RAN, "r1")


# -- forgetting ---------------------------------------------------------------------------------------------------


def test_settled_slots_from_before_an_instant_are_forgotten_oldest_first(ledger: Ledger) -> None:
    settled(
        ledger, slot(5), slot(10, QUEUED), *(slot(20 + n, outcome) for n, outcome in enumerate(FINAL)), slot(99, RAN)
    )
    assert ledger.outdated(later(99)) == len(FINAL)
    assert ledger.forget(later(99), 2) == 2
    assert [one.at for one in ledger.slots()][2:] == [*(later(22 + n) for n in range(len(FINAL) - 2)), later(99)]
    assert ledger.forget(later(99), 100) == len(FINAL) - 2
    assert [(one.at, one.outcome) for one in ledger.slots()] == [
        (later(5), EXPECTED), (later(10), QUEUED), (later(99), RAN),
    ]  # fmt: skip
    assert (ledger.outdated(later(99)), ledger.forget(later(99), 100)) == (0, 0)


def test_the_slot_of_a_run_that_goes_on_is_not_forgotten(store: Store, ledger: Ledger) -> None:
    settled(ledger, slot(10, QUEUED))
    start(store, later(10))
    assert (ledger.outdated(later(DAY)), ledger.forget(later(DAY), 9)) == (0, 0)
    store.record([RunMoved("r1", RunState.RUNNING, RunState.SUCCEEDED, later(90))])
    assert ledger.forget(later(DAY), 9) == 1
