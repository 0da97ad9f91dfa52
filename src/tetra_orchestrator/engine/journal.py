"""Collects what one turn of the loop changed, commits it in one go, and then tells the reporters."""

from __future__ import annotations

from tetra_orchestrator.core import events
from tetra_orchestrator.core.changes import EventLogged, TaskMoved
from tetra_orchestrator.core.events import RunEvent
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.states import ACTIVE, TERMINAL, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tetra_orchestrator.core.changes import Change
    from tetra_orchestrator.core.decision import Move
    from tetra_orchestrator.ports import Clock, Reporter, Store


class Journal:
    """The pending changes of one run. Nothing is shown before it is durable."""

    def __init__(self, run_id: str, store: Store, reporter: Reporter, clock: Clock):
        self._run_id = run_id
        self._store = store
        self._reporter = reporter
        self._clock = clock
        self._seq = 1
        self._changes: list[Change] = []

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
        """Make everything kept durable in one commit, then report the events."""
        if not self._changes:
            return
        changes, self._changes = self._changes, []
        self._store.record(changes)
        for change in changes:
            if isinstance(change, EventLogged):
                self._reporter.event(change.event)
        self._reporter.flush()


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
