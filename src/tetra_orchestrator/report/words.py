"""Why a task is in its state, in the words of `tetra why`."""

from __future__ import annotations

from tetra_orchestrator.core.failed_how import BAD
from tetra_orchestrator.core.failed_why import cause
from tetra_orchestrator.core.states import TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.history import Attempt, TaskRun

#: Characters of the end of a log that are looked at, and shown.
LETTERS = 8000


def why(task: TaskRun, last: Attempt | None, most: int | None = None) -> str:
    """What made it fail, or what is said of it; nothing where it did what it should.

    `last` is its last attempt; `most` how many it may have, where known.
    """
    if task.state in BAD:
        shown = last and last._replace(tail=(last.tail or "")[-LETTERS:])
        return cause(task, shown, most).text
    is_plain = task.state == TaskState.SUCCEEDED and last is not None and last.kind == "exited"
    return task.reason.text if task.reason and not is_plain else ""
