"""How a task has ended, in one clause: `exit code 3`."""

from __future__ import annotations

from tetra_orchestrator.core.outcome import SIGNALS
from tetra_orchestrator.core.spoken import printable
from tetra_orchestrator.core.states import RunState, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tetra_orchestrator.core.history import Attempt, TaskRun

#: States of tasks that have failed by themselves: what waited for them has not.
BAD = frozenset((TaskState.FAILED, TaskState.TIMED_OUT, TaskState.LOST))
#: States of runs that somebody has to be told of. One that a user has cancelled is none.
BAD_RUNS = frozenset((RunState.FAILED, RunState.TIMED_OUT, RunState.LOST))
#: Characters that are shown of a line of a log.
WIDTH = 200


def first_ended(tasks: Iterable[TaskRun]) -> TaskRun:
    """That of the tasks which ended first; of those that have no end, the first in the order of the plan."""
    return min(tasks, key=lambda task: (task.finished_at is None, task.finished_at or task.position))


def last(task: TaskRun, attempts: Sequence[Attempt]) -> Attempt | None:
    """The task's last attempt."""
    own = [one for one in attempts if one.task_id == task.task_id]
    return max(own, key=lambda one: one.number, default=None)


def in_short(task: TaskRun, attempt: Attempt | None) -> str:
    """How it ended in one clause: `exit code 3`."""
    kind = attempt.kind if attempt else None
    if attempt is not None and kind == "exited" and attempt.exit_code:
        return f"exit code {attempt.exit_code}"
    if attempt is not None and kind == "signalled" and attempt.signal:
        return f"killed by signal {attempt.signal} ({SIGNALS.get(attempt.signal, 'unknown')})"
    if task.reason is not None and task.state != TaskState.PENDING:
        return task.reason.text
    return TaskState(task.state).value.replace("_", " ")


def end_of_log(attempt: Attempt | None, most: int) -> list[str]:
    """The last lines of its log, at most so many, as they can be shown; a very long one is cut."""
    text = (attempt.tail or "") if attempt else ""
    lines = printable(text.replace("\r\n", "\n")).rstrip().splitlines()[-most:]
    return [shortened(line, WIDTH) for line in lines]


def in_a_line(text: str, most: int) -> str:
    """Text as one line of so many characters, which nothing can break or rearrange."""
    return shortened(" ".join(printable(text).split()), most)


def shortened(text: str, most: int) -> str:
    """The text in so many characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."
