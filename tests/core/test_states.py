"""The one table of states, and the page that is generated from it."""

from pathlib import Path

import pytest

from support.state_machine import page
from tetra_orchestrator.core.states import (
    ACTIVE,
    RESUMABLE,
    RUN_ACTIVE,
    RUN_TERMINAL,
    RUN_TRANSITIONS,
    SATISFIED,
    TERMINAL,
    TRANSITIONS,
    Event,
    IllegalTransition,
    RunState,
    TaskState,
    advance,
    advance_run,
)

T, R, E = TaskState, RunState, Event


def reachable(first: TaskState | RunState, transitions: dict) -> set:
    found, stack = {first}, [first]
    while stack:
        for after in transitions.get(stack.pop(), {}).values():
            if after not in found:
                found.add(after)
                stack.append(after)
    return found


def test_every_state_of_a_task_and_of_a_run_can_be_reached() -> None:
    assert reachable(T.PENDING, TRANSITIONS) == set(T)
    assert reachable(R.QUEUED, RUN_TRANSITIONS) == set(R)


@pytest.mark.parametrize("state", sorted(set(T) - TERMINAL))
def test_every_task_that_is_not_over_can_end_be_cancelled_and_get_lost(state: TaskState) -> None:
    assert TERMINAL & set(TRANSITIONS[state].values())
    assert advance(state, E.CANCEL) is T.CANCELLED
    assert advance(state, E.LOSE) is T.LOST


@pytest.mark.parametrize("state", sorted(set(R) - RUN_TERMINAL))
def test_every_run_that_is_not_over_can_end_be_cancelled_and_get_lost(state: RunState) -> None:
    assert RUN_TERMINAL & set(RUN_TRANSITIONS[state].values())
    assert advance_run(state, E.CANCEL) is R.CANCELLED
    assert advance_run(state, E.LOSE) is R.LOST


def test_the_groups_are_these() -> None:
    assert {T.SUBMITTED, T.RUNNING, T.READY} == ACTIVE
    assert {
        T.SUCCEEDED, T.PARTIAL, T.FAILED, T.TIMED_OUT, T.CANCELLED, T.SKIPPED, T.UPSTREAM_FAILED, T.LOST,
    } == TERMINAL  # fmt: skip
    assert {T.SUCCEEDED, T.PARTIAL} == SATISFIED
    assert {T.PARTIAL, T.FAILED, T.TIMED_OUT, T.CANCELLED, T.UPSTREAM_FAILED, T.LOST} == RESUMABLE
    assert {R.QUEUED, R.RUNNING} == RUN_ACTIVE
    assert {R.SUCCEEDED, R.PARTIAL, R.FAILED, R.TIMED_OUT, R.CANCELLED, R.LOST} == RUN_TERMINAL


def test_only_an_active_task_can_succeed_time_out_or_be_retried() -> None:
    for event in (E.SUCCEED, E.DEGRADE, E.TIME_OUT, E.RETRY):
        assert {state for state, exits in TRANSITIONS.items() if event in exits} == ACTIVE


def test_only_a_task_that_waits_can_be_started_skipped_or_blocked() -> None:
    waiting = {T.PENDING, T.WAITING_RETRY}
    assert {state for state, exits in TRANSITIONS.items() if E.SUBMIT in exits} == waiting
    assert {state for state, exits in TRANSITIONS.items() if E.SKIP in exits} == {T.PENDING}
    assert {state for state, exits in TRANSITIONS.items() if E.BLOCK in exits} == {T.PENDING}


def test_an_ordinary_task_goes_from_pending_to_succeeded() -> None:
    state = T.PENDING
    for event in (E.SUBMIT, E.START, E.RETRY, E.SUBMIT, E.START, E.BECOME_READY, E.SUCCEED):
        state = advance(state, event)
    assert state is T.SUCCEEDED


@pytest.mark.parametrize("state", sorted(TERMINAL))
@pytest.mark.parametrize("event", sorted(E))
def test_a_terminal_task_never_changes(state: TaskState, event: Event) -> None:
    with pytest.raises(IllegalTransition) as caught:
        advance(state, event)
    assert str(caught.value) == f"a {state.value} task cannot {event.value}"


@pytest.mark.parametrize("state", sorted(RUN_TERMINAL))
@pytest.mark.parametrize("event", sorted(E))
def test_a_terminal_run_never_changes(state: RunState, event: Event) -> None:
    with pytest.raises(IllegalTransition) as caught:
        advance_run(state, event)
    assert str(caught.value) == f"a {state.value} run cannot {event.value}"


def test_an_event_that_the_state_does_not_know_is_our_own_mistake() -> None:
    with pytest.raises(IllegalTransition) as caught:
        advance(T.PENDING, E.SUCCEED)
    assert str(caught.value) == "a pending task cannot succeed"
    with pytest.raises(IllegalTransition) as caught:
        advance_run(R.QUEUED, E.SUCCEED)
    assert str(caught.value) == "a queued run cannot succeed"


def test_the_words_that_are_stored_are_these() -> None:
    assert [state.value for state in T] == [
        "pending", "submitted", "running", "ready", "waiting_retry", "succeeded", "partial", "failed", "timed_out",
        "cancelled", "skipped", "upstream_failed", "lost",
    ]  # fmt: skip
    assert [state.value for state in R] == [
        "queued", "running", "succeeded", "partial", "failed", "timed_out", "cancelled", "lost",
    ]  # fmt: skip


def test_the_page_of_the_state_machine_is_the_one_generated_from_the_table() -> None:
    file = Path(__file__).resolve().parents[2] / "docs" / "state_machine.md"
    assert file.read_text(encoding="utf-8") == page()
