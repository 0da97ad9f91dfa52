"""How an attempt ended, in the words that are stored and shown."""

import pytest

from tetra_orchestrator.core import outcome as outcomes
from tetra_orchestrator.core.outcome import (
    Cancelled,
    Exited,
    LimitExceeded,
    Lost,
    OutOfMemory,
    OutputsInvalid,
    Signalled,
    SpawnFailed,
    Stopped,
    TimedOut,
    Unkillable,
    code_of,
    describe,
    ending,
    kind_of,
    succeeded,
)
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import Event

CASES = [
    (Exited(0), ("exited", 0, None), "exited with code 0"),
    (Exited(3), ("exited", 3, None), "exited with code 3"),
    (Signalled(9), ("signalled", None, 9), "killed by signal 9 (KILL)"),
    (Signalled(11), ("signalled", None, 11), "killed by signal 11 (SEGV)"),
    (Signalled(34), ("signalled", None, 34), "killed by signal 34 (unknown)"),
    (TimedOut(1.5), ("timed_out", None, None), "ended by its time limit of 1.5 s"),
    (TimedOut(7200.0), ("timed_out", None, None), "ended by its time limit of 7200 s"),
    (OutOfMemory(1024), ("oom", None, 9), "killed by the kernel at its memory limit of 1024 bytes"),
    (OutOfMemory(), ("oom", None, 9), "killed by the kernel, because the host ran out of memory"),
    (
        LimitExceeded("disk", "2048 bytes in /data are more than 1024"),
        ("limit_exceeded", None, None),
        "ended by its limit of disk: 2048 bytes in /data are more than 1024",
    ),
    (
        Unkillable("process 7 is in uninterruptible sleep"),
        ("unkillable", None, None),
        "cannot be ended: process 7 is in uninterruptible sleep",
    ),
    (Cancelled(), ("cancelled", None, None), "cancelled"),
    (Stopped(), ("stopped", None, None), "stopped, because nothing in the run needed it any more"),
    (
        SpawnFailed("ENOENT", "no such file: extract"),
        ("spawn_error", None, None),
        "could not start: no such file: extract (ENOENT)",
    ),
    (
        OutputsInvalid("line 2 is not JSON"),
        ("outputs_invalid", 0, None),
        "exited with code 0, but its outputs cannot be read: line 2 is not JSON",
    ),
    (Lost("its owner died"), ("lost", None, None), "lost: its owner died"),
]


@pytest.mark.parametrize(("outcome", "kind", "text"), CASES)
def test_every_outcome_has_a_kind_and_one_clause_of_text(
    outcome: outcomes.Record, kind: tuple[str, int | None, int | None], text: str
) -> None:
    assert kind_of(outcome) == kind
    assert describe(outcome) == text


def test_the_cases_above_hold_every_kind_of_outcome() -> None:
    kinds = {
        value for value in vars(outcomes).values() if isinstance(value, type) and value.__module__ == outcomes.__name__
    }
    assert kinds == {type(outcome) for outcome, _, _ in CASES}
    assert Record not in kinds


@pytest.mark.parametrize("outcome", [case[0] for case in CASES])
def test_only_an_exit_status_of_0_and_a_service_that_was_stopped_is_a_success(outcome: outcomes.Record) -> None:
    assert succeeded(outcome) is (outcome in (Exited(0), Stopped()))


@pytest.mark.parametrize(
    ("outcome", "event", "code"),
    [
        (Exited(3), Event.FAIL, "failed"),
        (Signalled(9), Event.FAIL, "failed"),
        (OutputsInvalid("x"), Event.FAIL, "failed"),
        (TimedOut(1.5), Event.TIME_OUT, "timeout"),
        (Lost("x"), Event.LOSE, "lost"),
        (Cancelled(), Event.CANCEL, "cancelled"),
    ],
)
def test_a_failure_is_an_event_for_the_task_with_a_code(outcome: outcomes.Record, event: Event, code: str) -> None:
    assert (ending(outcome), code_of(outcome)) == (event, code)


@pytest.mark.parametrize("function", [kind_of, describe])
def test_something_else_than_an_outcome_is_our_own_mistake(function: object) -> None:
    with pytest.raises(AssertionError) as caught:
        function((0,))  # type: ignore[operator]
    assert str(caught.value) == "not an outcome: (0,)"
