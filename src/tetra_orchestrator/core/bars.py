"""The attempts of a run along its time: since when each could have started, when it did, and when it was over."""

from __future__ import annotations

from tetra_orchestrator.core.history import lasted_s
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.history import Attempt, Run


class Bar(Record):
    """An attempt: seconds since the run began at which it might have started, did start, and ended.

    `of` is how many attempts its task has had so far.
    """

    attempt: Attempt
    of: int
    ready_s: float
    start_s: float
    end_s: float

    @property
    def name(self) -> str:
        """The task's, with the number where that tells one attempt from another."""
        return f"{self.attempt.task_id} {self.attempt.number}" if self.of > 1 else self.attempt.task_id


def span_s(run: Run, now: datetime) -> float:
    """How long the run took, or has taken so far."""
    if run.duration_s is not None or run.started_at is None:
        return run.duration_s or 0.0
    return max((now - run.started_at).total_seconds(), 0.0)


def bars(run: Run, attempts: Iterable[Attempt], total_s: float) -> list[Bar]:
    """The attempts of each task side by side, in the order of the plan; all within the `total_s` seconds of the run."""
    if run.started_at is None:
        return []
    of_task: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        of_task.setdefault(attempt.task_id, []).append(attempt)
    return [bar for own in of_task.values() for bar in _of_task(run.started_at, own, total_s)]


def _of_task(began: datetime, own: Sequence[Attempt], total: float) -> list[Bar]:
    found: list[Bar] = []
    for attempt in own:
        start = _within((attempt.started_at - began).total_seconds() if attempt.started_at else total, total)
        lasted = attempt.duration_s
        if lasted is None:
            lasted = lasted_s(attempt.started_at, attempt.finished_at, total)
        end = total if lasted is None else _within(start + lasted, total)
        ready = min(found[-1].end_s, start) if found else start - (attempt.waited_s or 0.0)
        found.append(Bar(attempt, len(own), _within(ready, total), start, end))
    return found


def _within(seconds: float, total: float) -> float:
    """Within the run: the wall clock may have been set meanwhile."""
    return min(max(seconds, 0.0), total)
