"""Collects what one turn of the loop changed, commits it in one go, and then tells the reporters."""

from __future__ import annotations

from tetra_orchestrator import failpoints
from tetra_orchestrator.core import events
from tetra_orchestrator.core.changes import (
    AttemptClosed,
    AttemptOpened,
    AttemptRunning,
    EventLogged,
    OutputsSaved,
    RunMoved,
    TaskMoved,
)
from tetra_orchestrator.core.events import RunEvent
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.outcome import describe
from tetra_orchestrator.core.states import ACTIVE, TERMINAL, TaskState
from tetra_orchestrator.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tetra_orchestrator.core.changes import Change
    from tetra_orchestrator.core.decision import Move
    from tetra_orchestrator.errors import CannotWrite
    from tetra_orchestrator.ports import Clock, Reporter, Store


#: How often a commit waits for a store that somebody else keeps locked; each time the store itself waits, too.
TRIES = 6
#: The code of the error of a store that is locked.
BUSY = "store_busy"
#: The failpoints of states that tasks come into.
_OF_STATE = {TaskState.WAITING_RETRY: "retry.scheduled", TaskState.UPSTREAM_FAILED: "downstream.skip"}


class Journal:
    """The pending changes of one run. Nothing is shown before it is durable."""

    def __init__(self, run_id: str, store: Store, reporter: Reporter, clock: Clock):
        self._run_id = run_id
        self._store = store
        self._reporter = reporter
        self._clock = clock
        self._seq = 1
        self._changes: list[Change] = []
        # How many of them a commit was tried of, and how many are in the store although it seemed to fail.
        self._doubtful = 0
        self._there = 0

    def add(self, change: Change) -> None:
        """Keep a change for the next commit."""
        self._changes.append(change)

    def moves(self, moves: Iterable[Move]) -> None:
        """Keep the plan's state changes and the events they mean."""
        now = self._clock.now()
        for move in moves:
            self.add(TaskMoved(self._run_id, move.task_id, *move[1:5], now, move.reason))
            for name in _events_of(move):
                self.event(name, move.task_id, move.attempts or None, move.after.value, move.reason)

    def event(
        self,
        name: str,
        task: str | None = None,
        attempt: int | None = None,
        state: str | None = None,
        reason: Reason | None = None,
    ) -> None:
        """Keep an event for the next commit; it is reported after it."""
        self.add(EventLogged(RunEvent(name, self._seq, self._clock.now(), self._run_id, task, attempt, state, reason)))
        self._seq += 1

    def commit(self) -> None:
        """Make everything kept durable in one commit, then report the events.

        Raises what the store raises; then everything is still kept.
        """
        if not self._changes:
            return
        self._record()
        changes, self._changes = self._changes, []
        self._doubtful = self._there = 0
        for change in changes:
            if isinstance(change, EventLogged):
                self._reporter.event(change.event)
        self._reporter.flush()

    def unrecorded(self, fault: StoreError | CannotWrite) -> StoreError | CannotWrite:
        """The fault that kept us from recording, with the ends of attempts that nobody will find in the store."""
        left = self._changes[self._there :]
        ends = [f"{c.task_id} {describe(c.outcome)}" for c in left if isinstance(c, AttemptClosed)]
        message = f"{fault.message}; not recorded any more: {'; '.join(ends)}" if ends else fault.message
        return type(fault)(message, hint=fault.hint, where=fault.where, code=fault.code)

    def _record(self) -> None:
        """Commit; a store that somebody else keeps locked is waited for longer, as tasks are running."""
        names = points(self._changes) if failpoints.armed else ()
        for name in names:
            failpoints.hit(name)
        for left in reversed(range(TRIES)):
            try:
                self._try()
                break
            except StoreError as error:
                if error.code != BUSY or not left:
                    raise
        for name in names:
            failpoints.hit(f"{name}.commit")

    def _try(self) -> None:
        """Commit what the store does not have yet: one that seemed to fail may have been made all the same."""
        if self._doubtful > self._there and self._is_recorded(self._changes[: self._doubtful]):
            self._there = self._doubtful
        self._doubtful = len(self._changes)
        if left := self._changes[self._there :]:
            self._store.record(left)

    def _is_recorded(self, changes: Sequence[Change]) -> bool:
        """Whether the commit of these was made. It is whole or not at all, so the last move or event tells."""
        for change in reversed(changes):
            if isinstance(change, EventLogged):
                return change.event in self._store.events(self._run_id)
            if isinstance(change, TaskMoved):
                row = next(row for row in self._store.task_runs(self._run_id) if row.task_id == change.task_id)
                return (row.state, row.version) == (change.after, change.version + 1)
        return False


def points(changes: Iterable[Change]) -> list[str]:
    """The failpoints of changes that are about to be committed, each once."""
    return list(dict.fromkeys(name for change in changes if (name := _point(change))))


def _point(change: Change) -> str | None:
    match change:
        case AttemptOpened():
            return "attempt.insert"
        case AttemptRunning():
            return "attempt.running"
        case AttemptClosed():
            return "attempt.finish"
        case OutputsSaved():
            return "outputs.insert"
        case RunMoved():
            return "run.finish"
        case TaskMoved(after=after):
            return _OF_STATE.get(after)
    return None


def _events_of(move: Move) -> tuple[str, ...]:
    """The events of the published stream that a state change stands for."""
    if move.after is TaskState.SUBMITTED:
        return (events.ATTEMPT_STARTED,)
    if move.after is TaskState.WAITING_RETRY:
        return (events.ATTEMPT_FINISHED, events.RETRY_SCHEDULED)
    if move.after is TaskState.SKIPPED:
        return (events.TASK_SKIPPED,)
    if move.after in TERMINAL:
        return (events.ATTEMPT_FINISHED, events.TASK_FINISHED) if move.before in ACTIVE else (events.TASK_FINISHED,)
    return (events.TASK_READY,) if move.after is TaskState.READY else ()
