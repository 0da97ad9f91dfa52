"""How long a run will still take, told again and again while it goes on, for the cost of looking at what runs."""

from __future__ import annotations

from tetra_orchestrator.core.graph import remaining_s
from tetra_orchestrator.core.nodes import known_s, within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.model import Task


class Countdown:
    """The tasks of a run that have not ended, and how long each of them usually takes.

    `places` is how many run side by side. The time that is left is bounded from below by the longest chain, and by the
    work shared out among the places; with few tasks behind each other or many side by side one of them is close to it.
    """

    def __init__(self, tasks: Sequence[Task], expected_s: Mapping[str, float], places: int):
        known = {task.id: known_s(task, expected_s) for task in tasks}
        self._unknown = {name for name, seconds in known.items() if seconds is None}
        self._own = {name: seconds or 0.0 for name, seconds in known.items()}
        self._chains = remaining_s(within(tasks), self._own)
        self._longest = sorted(self._own, key=self._chains.__getitem__, reverse=True)
        self._next = 0
        self._ahead = set(self._own)
        self._work_s = sum(self._own.values())
        self._places = places

    def started(self, task: str) -> None:
        """From now on it is one of those that run, or wait to be tried again."""
        self._ahead.discard(task)

    def ended(self, task: str) -> None:
        """Nothing more will happen to it."""
        self._ahead.discard(task)
        self._unknown.discard(task)
        self._work_s -= self._own.pop(task, 0.0)

    def left_s(self, elapsed_s: Mapping[str, float]) -> float | None:
        """Seconds until the run ends, None while that of a task is not known.

        `elapsed_s` is how long each task that has started runs by now; less than 0 until its next attempt.
        """
        if self._unknown:
            return None
        own = self._own
        used = {task: min(elapsed, own[task]) for task, elapsed in elapsed_s.items() if task in own}
        chains = [self._chains[task] - elapsed for task, elapsed in used.items()]
        while self._next < len(self._longest) and self._longest[self._next] not in self._ahead:
            self._next += 1
        chains += [self._chains[name] for name in self._longest[self._next : self._next + 1]]
        work = self._work_s - sum(seconds for seconds in used.values() if seconds > 0)
        return max([0.0, work / self._places, *chains])
