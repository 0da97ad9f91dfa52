"""Why a task is in its state, in the words of `tetra why`."""

from __future__ import annotations

from tetra_orchestrator.core.failed_how import BAD
from tetra_orchestrator.core.failed_why import cause
from tetra_orchestrator.core.states import TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.history import Attempt, TaskRun


def why(task: TaskRun, last: Attempt | None, most: int | None = None) -> str:
    """What made it fail, or what is said of it; nothing where it did what it should.

    `last` is its last attempt; `most` how many it may have, where known.
    """
    if task.state in BAD:
        return cause(task, last, most).text
    if task.reason is None or (task.state == TaskState.SUCCEEDED and task.reason.code == "exited"):
        return ""
    return task.reason.text
