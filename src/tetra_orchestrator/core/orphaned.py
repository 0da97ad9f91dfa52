"""What settles a run whose owner has died: changes as the owner itself would have made them."""

from __future__ import annotations

from tetra_orchestrator.core import events
from tetra_orchestrator.core.changes import AttemptClosed, EventLogged, OutputsSaved, RunMoved, TaskMoved
from tetra_orchestrator.core.events import RunEvent
from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.outcome import Cancelled, Lost, code_of, describe, ending, succeeded
from tetra_orchestrator.core.reasons import FALLBACK
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import ACTIVE, TERMINAL, Event, RunState, TaskState, advance, advance_run
from tetra_orchestrator.errors import Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.changes import Change
    from tetra_orchestrator.core.facts import Facts
    from tetra_orchestrator.core.history import Attempt, Run, TaskRun
    from tetra_orchestrator.core.model import Json
    from tetra_orchestrator.core.outcome import Outcome

    #: An event without its number and time: name, task, attempt, state, reason.
    Logged = tuple[str, str | None, int | None, str, Reason | None]

OWNER_DIED = Reason("owner_died", "the process that ran it died")
#: The first of these that a task of the run ended in is how the run ended.
_VERDICTS = (
    (TaskState.LOST, Event.LOSE),
    (TaskState.CANCELLED, Event.LOSE),
    (TaskState.TIMED_OUT, Event.FAIL),
    (TaskState.FAILED, Event.FAIL),
    (TaskState.UPSTREAM_FAILED, Event.FAIL),
    (TaskState.PARTIAL, Event.DEGRADE),
)
_EXIT_CODES = {RunState.SUCCEEDED: Exit.OK, RunState.PARTIAL: Exit.PARTIAL}


class Found(Record):
    """How an attempt that its owner left open ended. Nothing is known of a bare one: `outcome` is None."""

    attempt: Attempt
    outcome: Outcome | None = None
    facts: Facts = NO_FACTS
    outputs: Mapping[str, Json] | None = None
    tail: str | None = None


def settling(
    run: Run, tasks: Sequence[TaskRun], found: Sequence[Found], seq: int, now: datetime, *, asked: Reason | None
) -> list[Change]:
    """All changes that settle what is over, with their events from the number `seq` on.

    An active task of which nothing is in `found` still runs: then the run goes on. `asked` is why somebody wanted the
    run to end, if anybody did.
    """
    known = {one.attempt.task_id: _judged(one, asked) for one in found}
    changes: list[Change] = [_closed(one, now) for one in known.values()]
    changes += [OutputsSaved(run.run_id, name, one.outputs) for name, one in known.items() if one.outputs]
    why = asked or OWNER_DIED
    moves = [_moved(task, known.get(task.task_id), why, now) for task in tasks if _is_over(task, known)]
    logged = [each for move in moves for each in _events_of(move, known.get(move.task_id))]
    states = {task.task_id: task.state for task in tasks} | {move.task_id: move.after for move in moves}
    if all(state in TERMINAL for state in states.values()):
        ended = _ended(run, list(states.values()), why, now)
        changes.append(ended)
        logged.append((events.RUN_FINISHED, None, None, ended.after.value, ended.reason))
    told = [
        EventLogged(RunEvent(name, number, now, run.run_id, task, attempt, state, reason))
        for number, (name, task, attempt, state, reason) in enumerate(logged, seq)
    ]
    return [*changes, *moves, *told]


def _events_of(move: TaskMoved, one: Found | None) -> list[Logged]:
    attempt, state = move.attempts or None, move.after.value
    ended = events.TASK_SKIPPED if move.after is TaskState.SKIPPED else events.TASK_FINISHED
    names = [events.ATTEMPT_FINISHED, ended] if one else [ended]
    return [(name, move.task_id, attempt, state, move.reason) for name in names]


def _is_over(task: TaskRun, known: Mapping[str, Found]) -> bool:
    """Whether the task can be settled: it is not over in its row, and no process of it lives."""
    return task.state not in TERMINAL and (task.state not in ACTIVE or task.task_id in known)


def _judged(one: Found, asked: Reason | None) -> Found:
    """The attempt with the outcome that counts: where we were asked to end it, that is why it did not succeed."""
    outcome: Outcome = Lost(OWNER_DIED.text) if one.outcome is None else one.outcome
    if asked is not None and not succeeded(outcome):
        outcome = Cancelled()
    return one._replace(outcome=outcome)


def _closed(one: Found, now: datetime) -> AttemptClosed:
    attempt, outcome = one.attempt, one.outcome
    assert outcome is not None
    tail = None if succeeded(outcome) else one.tail
    return AttemptClosed(attempt.run_id, attempt.task_id, attempt.number, outcome, now, tail, one.facts)


def _moved(task: TaskRun, one: Found | None, why: Reason, now: datetime) -> TaskMoved:
    before = TaskState(task.state)
    outcome = None if one is None else one.outcome
    if outcome is None and before is TaskState.PENDING and task.reason is not None:
        event, reason = Event.SKIP, task.reason
    elif outcome is None:
        event, reason = Event.CANCEL, why
    elif succeeded(outcome) and task.reason is not None and task.reason.code == FALLBACK:
        event, reason = Event.DEGRADE, task.reason  # of the fallback, which has stood in
    elif succeeded(outcome):
        event, reason = Event.SUCCEED, Reason("succeeded", describe(outcome))
    elif isinstance(outcome, (Lost, Cancelled)):
        event, reason = ending(outcome), why
    else:
        event, reason = ending(outcome), Reason(code_of(outcome), describe(outcome))
    after = advance(before, event)
    return TaskMoved(task.run_id, task.task_id, before, after, task.version, task.attempts, now, reason)


def _ended(run: Run, states: Sequence[str], why: Reason, now: datetime) -> RunMoved:
    event = next((event for state, event in _VERDICTS if state in states), Event.SUCCEED)
    reason = why if event is Event.LOSE else Reason("adopted", f"{why.text}, and its tasks ended by themselves")
    if event is Event.LOSE and why is not OWNER_DIED:
        event = Event.CANCEL
    before = RunState(run.state)
    after = advance_run(before, event)
    exit_code = _EXIT_CODES.get(after, Exit.FAILED)
    return RunMoved(run.run_id, before, after, now, exit_code=exit_code, reason=reason)
