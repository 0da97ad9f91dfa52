"""The states of tasks and runs, and the one table that says how they may change."""

from __future__ import annotations

from tetra_orchestrator.core.word import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tetra_orchestrator.core.history import TaskRun


class TaskState(Word):
    """Where a task stands in its run."""

    PENDING = "pending"
    SUBMITTED = "submitted"
    RUNNING = "running"
    READY = "ready"
    WAITING_RETRY = "waiting_retry"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    LOST = "lost"


class RunState(Word):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"


class Event(Word):
    """What can happen to a task or a run."""

    SUBMIT = "submit"
    START = "start"
    BECOME_READY = "become_ready"
    SUCCEED = "succeed"
    DEGRADE = "degrade"
    FAIL = "fail"
    TIME_OUT = "time_out"
    RETRY = "retry"
    CANCEL = "cancel"
    SKIP = "skip"
    BLOCK = "block"
    LOSE = "lose"


_T, _R, _E = TaskState, RunState, Event

_ENDINGS = {
    _E.SUCCEED: _T.SUCCEEDED,
    _E.DEGRADE: _T.PARTIAL,
    _E.FAIL: _T.FAILED,
    _E.TIME_OUT: _T.TIMED_OUT,
    _E.CANCEL: _T.CANCELLED,
    _E.LOSE: _T.LOST,
    _E.RETRY: _T.WAITING_RETRY,
}

TRANSITIONS: dict[TaskState, dict[Event, TaskState]] = {
    _T.PENDING: {
        _E.SUBMIT: _T.SUBMITTED,
        _E.SKIP: _T.SKIPPED,
        _E.BLOCK: _T.UPSTREAM_FAILED,
        _E.CANCEL: _T.CANCELLED,
        _E.FAIL: _T.FAILED,
        _E.LOSE: _T.LOST,
    },
    _T.SUBMITTED: {_E.START: _T.RUNNING, **_ENDINGS},
    _T.RUNNING: {_E.BECOME_READY: _T.READY, **_ENDINGS},
    _T.READY: dict(_ENDINGS),
    _T.WAITING_RETRY: {_E.SUBMIT: _T.SUBMITTED, _E.CANCEL: _T.CANCELLED, _E.FAIL: _T.FAILED, _E.LOSE: _T.LOST},
}

RUN_TRANSITIONS: dict[RunState, dict[Event, RunState]] = {
    _R.QUEUED: {_E.START: _R.RUNNING, _E.CANCEL: _R.CANCELLED, _E.LOSE: _R.LOST},
    _R.RUNNING: {
        _E.SUCCEED: _R.SUCCEEDED,
        _E.DEGRADE: _R.PARTIAL,
        _E.FAIL: _R.FAILED,
        _E.TIME_OUT: _R.TIMED_OUT,
        _E.CANCEL: _R.CANCELLED,
        _E.LOSE: _R.LOST,
    },
}

#: The event that ends a run in the state.
VERDICTS = {state: event for event, state in RUN_TRANSITIONS[_R.RUNNING].items()}

#: A process may exist.
ACTIVE = frozenset({_T.SUBMITTED, _T.RUNNING, _T.READY})
#: Nothing more will happen to the task in this run.
TERMINAL = frozenset(set(TaskState) - set(TRANSITIONS))
#: What depends on the task may start.
SATISFIED = frozenset({_T.SUCCEEDED, _T.PARTIAL})
#: A new run that resumes this one does the task again.
RESUMABLE = TERMINAL - {_T.SUCCEEDED, _T.SKIPPED}

#: From best to worst; a state's place here is its rank. A state that is not terminal outranks them all.
WORST = (
    _T.SKIPPED,
    _T.SUCCEEDED,
    _T.PARTIAL,
    _T.UPSTREAM_FAILED,
    _T.CANCELLED,
    _T.LOST,
    _T.TIMED_OUT,
    _T.FAILED,
)
RANKS = {state.value: rank for rank, state in enumerate(WORST)}
#: The rank of a pipeline with a task that is not terminal.
UNFINISHED = len(WORST)
#: Why tasks are skipped that have still to run: the codes of reasons.
STILL_TO_RUN = ("not_retried", "not_selected")

RUN_ACTIVE = frozenset(RUN_TRANSITIONS)
RUN_TERMINAL = frozenset(set(RunState) - RUN_ACTIVE)
assert frozenset(WORST) == TERMINAL


class IllegalTransition(Exception):
    """Our own mistake: an event that the state does not know."""


def advance(state: TaskState, event: Event) -> TaskState:
    """The task state that `event` leads to; raises `IllegalTransition` for an event the state does not know."""
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransition(f"a {state} task cannot {event}") from None


def advance_run(state: RunState, event: Event) -> RunState:
    """The run state that `event` leads to; raises `IllegalTransition` for an event the state does not know."""
    try:
        return RUN_TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransition(f"a {state} run cannot {event}") from None


def rank(tasks: Iterable[TaskRun]) -> int:
    """How a pipeline with these tasks stands within one run: the rank of the worst of them.

    Where all that ran succeeded, and somebody had left out tasks that have still to run, it is `partial`.
    """
    tasks = list(tasks)
    worst = max(RANKS.get(task.state, UNFINISHED) for task in tasks)
    if worst == RANKS["succeeded"] and any(task.reason and task.reason.code in STILL_TO_RUN for task in tasks):
        return RANKS["partial"]
    return worst


def word(rank: int) -> str:
    """The rank as a state: `running`, or that of the worst task."""
    return RunState.RUNNING.value if rank == UNFINISHED else WORST[rank].value
