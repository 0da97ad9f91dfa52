"""What past attempts teach: how long each task takes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

#: Successful attempts of a task that count, newest first.
RECENT = 10


def medians(durations: Iterable[tuple[str, int]]) -> dict[str, float]:
    """Task id -> median in seconds, from pairs of task id and microseconds."""
    by_task: dict[str, list[int]] = {}
    for task_id, micros in durations:
        by_task.setdefault(task_id, []).append(micros)
    return {task_id: _median(sorted(found)) / 1e6 for task_id, found in by_task.items()}


def _median(ordered: list[int]) -> float:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
