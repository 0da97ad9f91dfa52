"""What past attempts teach: how long each task takes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Successful attempts of a task that count, newest first.
RECENT = 10


def medians(durations: Iterable[tuple[str, int]]) -> dict[str, float]:
    """Task id -> median in seconds, from pairs of task id and microseconds."""
    return {task_id: _median(found) / 1e6 for task_id, found in _by_task(durations).items()}


def in_seconds(durations: Iterable[tuple[str, int]]) -> dict[str, list[float]]:
    """Task id -> all of them in seconds, shortest first."""
    return {task_id: [micros / 1e6 for micros in found] for task_id, found in _by_task(durations).items()}


def latest(durations: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """Those that count of each task, given newest first."""
    seen: dict[str, int] = {}
    for task_id, micros in durations:
        seen[task_id] = seen.get(task_id, 0) + 1
        if seen[task_id] <= RECENT:
            yield task_id, micros


def _by_task(durations: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    by_task: dict[str, list[int]] = {}
    for task_id, micros in durations:
        by_task.setdefault(task_id, []).append(micros)
    return {task_id: sorted(found) for task_id, found in by_task.items()}


def _median(ordered: list[int]) -> float:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
