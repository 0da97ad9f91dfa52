"""What a plan answers: what to start and to end, and which tasks have changed their state."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.model import Reason, Task
    from tetra_orchestrator.core.states import TaskState


class Start(Record):
    """Start this attempt of the task now; it has waited `waited_s` for room since it might have started.

    Where it is its fallback, `failed` tells why the task itself has failed.
    """

    task: Task
    attempt: int
    reason: Reason
    waited_s: float = 0.0
    failed: str | None = None


class Stop(Record):
    """End the task's process tree."""

    task: Task
    attempt: int
    reason: Reason


class Move(Record):
    """A task changed state; `version` is its version before the change."""

    task_id: str
    before: TaskState
    after: TaskState
    version: int
    attempts: int
    reason: Reason | None = None


class Decision(Record):
    """What to do now, and the time at which to ask again even if nothing happens (None: only when it does).

    Of the tasks in `looks` the plan wants to know whether their result is there already: see `Plan.unchanged`.
    """

    starts: tuple[Start, ...]
    stops: tuple[Stop, ...]
    wake_at: float | None
    looks: tuple[Task, ...] = ()
