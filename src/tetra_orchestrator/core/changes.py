"""What a store commits: each change is a whole transition or a fact beside one. Several make one commit."""

from __future__ import annotations

from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import TypeAlias

    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.core.facts import Facts
    from tetra_orchestrator.core.history import Attempt
    from tetra_orchestrator.core.model import Json, Reason
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.core.states import RunState, TaskState


class TaskMoved(Record):
    """A task changed state. Applies only while the row is in state `before` at `version`; then version + 1."""

    run_id: str
    task_id: str
    before: TaskState
    after: TaskState
    version: int
    attempts: int
    at: datetime
    reason: Reason | None = None


class RunMoved(Record):
    """The run changed state. Applies only while the row is in state `before`."""

    run_id: str
    before: RunState
    after: RunState
    at: datetime
    duration_s: float | None = None
    exit_code: int | None = None
    reason: Reason | None = None


class AttemptOpened(Record):
    """The attempt's row, written before its process starts."""

    attempt: Attempt


class AttemptRunning(Record):
    """The runner accepted the attempt; `handle` is how the runner finds it again."""

    run_id: str
    task_id: str
    number: int
    handle: str


class AttemptClosed(Record):
    """How the attempt ended; `tail` is the end of its log when it failed, `duration_s` by a clock that never jumps."""

    run_id: str
    task_id: str
    number: int
    outcome: Outcome
    at: datetime
    tail: str | None = None
    facts: Facts = NO_FACTS
    duration_s: float | None = None


class OutputsSaved(Record):
    """The outputs of a task that succeeded."""

    run_id: str
    task_id: str
    values: Mapping[str, Json]


class EventLogged(Record):
    """An event of the run's stream, kept beside its cause."""

    event: RunEvent


if TYPE_CHECKING:
    Change: TypeAlias = (
        TaskMoved | RunMoved | AttemptOpened | AttemptRunning | AttemptClosed | OutputsSaved | EventLogged
    )
