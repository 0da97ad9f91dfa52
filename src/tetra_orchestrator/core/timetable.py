"""What falls due in a plan at a known time: the limits of attempts and of the run, and retries."""

from __future__ import annotations

from heapq import heappop, heappush

from tetra_orchestrator.core.model import LOCAL
from tetra_orchestrator.core.outcome import TimedOut
from tetra_orchestrator.core.states import ACTIVE, TERMINAL, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.core.nodes import Node

    Entries = list[tuple[float, int, int, Node]]  # due, the node's order, the attempt: no two entries agree in these

#: A sleeping machine's timers sleep too, so where a limit counts on meanwhile the time is looked at every so often.
LOOK_S = 30.0


class Timetable:
    """Times are seconds: `now` of a clock that stops while the machine sleeps, `elapsed` of one that goes on.

    The run's own limit, `run_limit_s`, counts from the first look at the clock.
    """

    def __init__(self, run_limit_s: float | None):
        self._run_limit_s = run_limit_s
        self._run_until: float | None = None
        self._awake: Entries = []
        self._wall: Entries = []
        self._retries: list[tuple[float, int, Node]] = []

    def starts(self, node: Node, now: float, elapsed: float) -> None:
        """The attempt starts; on this machine its limits count from here."""
        if node.task.runner == LOCAL:
            self._limit(node, now, elapsed)

    def begins(self, node: Node, now: float, elapsed: float) -> None:
        """The attempt runs; on another machine, where it may have waited for that, its limits count from here."""
        if node.task.runner != LOCAL:
            self._limit(node, now, elapsed)

    def _limit(self, node: Node, now: float, elapsed: float) -> None:
        task = node.task
        if task.timeout_s is not None:
            heappush(self._awake, (now + task.timeout_s, node.order, node.attempts, node))
        if task.wall_timeout_s is not None:
            heappush(self._wall, (elapsed + task.wall_timeout_s, node.order, node.attempts, node))

    def retry(self, node: Node, at: float) -> None:
        """The task is delayed until then."""
        node.delayed = True
        heappush(self._retries, (at, node.order, node))

    def run_is_over(self, now: float) -> bool:
        """True from the time on at which the run's limit has passed."""
        if self._run_limit_s is None:
            return False
        if self._run_until is None:
            self._run_until = now + self._run_limit_s
        return self._run_until <= now

    def forget_the_run(self) -> None:
        """The run's limit matters no more."""
        self._run_limit_s = self._run_until = None

    def overdue(self, now: float, elapsed: float) -> Iterator[tuple[Node, TimedOut]]:
        """The attempts whose limit has passed; where both have, the one of the clock that stops counts."""
        for heap, time, wall in ((self._awake, now, False), (self._wall, elapsed, True)):
            while (entry := _first(heap)) and entry[0] <= time:
                _, _, _, node = heappop(heap)
                limit = node.task.wall_timeout_s if wall else node.task.timeout_s
                yield node, TimedOut(limit or 0.0, wall)

    def due_retries(self, now: float) -> Iterator[Node]:
        """The tasks whose delay is over."""
        while self._retries and self._retries[0][0] <= now:
            node = heappop(self._retries)[2]
            if node.state is TaskState.WAITING_RETRY:
                node.delayed = False
                yield node

    def retrying(self) -> bool:
        """True while a task that is no service waits for the time of its next attempt."""
        return any(node.batch and node.state is TaskState.WAITING_RETRY for _, _, node in self._retries)

    def wake_at(self, now: float, elapsed: float) -> float | None:
        """The next time (of the clock of `now`) at which something is due, or at which to look at the other clock."""
        while self._retries and self._retries[0][2].state in TERMINAL:
            heappop(self._retries)
        due = [] if self._run_until is None else [self._run_until]
        if self._retries:
            due.append(self._retries[0][0])
        if entry := _first(self._awake):
            due.append(entry[0])
        if entry := _first(self._wall):
            due.append(now + min(entry[0] - elapsed, LOOK_S))
        return min(due, default=None)


def _first(heap: Entries) -> tuple[float, int, int, Node] | None:
    """The next entry; those of attempts that are over, or being ended, are dropped."""
    while heap:
        _, _, attempt, node = heap[0]
        if node.attempts == attempt and node.state in ACTIVE and node.stopping is None:
            return heap[0]
        heappop(heap)
    return None
