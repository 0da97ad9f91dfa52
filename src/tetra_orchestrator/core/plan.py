"""The pure plan: told what happened, it answers what to do next, each time with a reason.

It never sees a process or a clock. `now` is a monotonic time in seconds that the caller supplies, so the same plan
drives real processes, a dry run and a simulation.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from tetra_orchestrator.core.graph import dependants, remaining_s
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.outcome import Cancelled, Lost, TimedOut, describe, succeeded
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.retry import delay_s, refusal
from tetra_orchestrator.core.states import ACTIVE, SATISFIED, TERMINAL, Event, RunState, TaskState, advance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tetra_orchestrator.core.model import Task
    from tetra_orchestrator.core.outcome import Outcome

FIRST_TRY = Reason("dependencies_succeeded", "everything it depends on has succeeded")
NO_DEPENDENCIES = Reason("no_dependencies", "it depends on nothing in this run")
DISABLED = Reason("disabled", "`enabled: false` in the configuration")


class Limits(Record):
    """What may run at the same time: tasks in all, and weights per pool."""

    max_parallel: int
    pools: tuple[tuple[str, int], ...] = ()


class Start(Record):
    """Start this attempt of the task now."""

    task: Task
    attempt: int
    reason: Reason


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
    """What to do now, and the time at which to ask again even if nothing happens (None: only when it does)."""

    starts: tuple[Start, ...]
    stops: tuple[Stop, ...]
    wake_at: float | None


class _Node:
    """Where one task stands."""

    __slots__ = ("attempts", "behind", "failures", "position", "rank", "state", "stopping", "task", "unmet", "version")

    def __init__(self, task: Task, position: int, rank: float):
        self.task = task
        self.position = position
        self.rank = rank
        self.state = TaskState.PENDING
        self.version = 0
        self.attempts = 0
        self.failures = 0
        self.unmet = len(set(task.depends_on))
        self.behind: list[_Node] = []
        self.stopping: Outcome | None = None


class Plan:
    """One run's tasks from `pending` to a verdict.

    `tasks` must be acyclic and closed (every dependency is among them); their order breaks ties. `expected_s` maps
    task ids to learned durations: the task with the longest path behind it starts first.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        limits: Limits,
        expected_s: Mapping[str, float],
        random: Callable[[], float] = lambda: 0.5,
    ):
        graph = {task.id: tuple(dict.fromkeys(task.depends_on)) for task in tasks}
        rank = remaining_s(graph, {task.id: expected_s.get(task.id, task.expected_s or 1.0) for task in tasks})
        self._nodes = {task.id: _Node(task, i, rank[task.id]) for i, task in enumerate(tasks)}
        for name, behind in dependants(graph).items():
            self._nodes[name].behind = [self._nodes[child] for child in behind]
        self._free = limits.max_parallel
        self._pools = dict(limits.pools)
        self._random = random
        self._moves: list[Move] = []
        self._deadlines: list[tuple[float, int, str, int]] = []
        self._retries: list[tuple[float, int, str]] = []
        self._stops: list[Stop] = []
        self._open = len(self._nodes)
        self.cancelled: Reason | None = None
        disabled = [node for node in self._nodes.values() if not node.task.enabled]
        for node in disabled:
            self._advance(node, Event.SKIP, DISABLED)
            self._open -= 1
        for node in disabled:
            self._block_behind(node)
        self._ready = [self._rank(n) for n in self._nodes.values() if not n.unmet and n.state is TaskState.PENDING]
        heapify(self._ready)

    # -- what happened ------------------------------------------------------------------------------------------

    def started(self, task_id: str) -> None:
        """The runner holds the task's process."""
        self._advance(self._nodes[task_id], Event.START, None)

    def ended(self, task_id: str, outcome: Outcome, now: float) -> Outcome:
        """The attempt is over and its process tree gone; returns the outcome that counts.

        Where we had asked for its end, that cause counts and not how the process died of it.
        """
        node = self._nodes[task_id]
        outcome = outcome if node.stopping is None else node.stopping
        node.stopping = None
        self._release(node)
        if succeeded(outcome):
            self._close(node, Event.SUCCEED, Reason("succeeded", describe(outcome)))
            return outcome
        node.failures += 1
        refused = refusal(node.task.retry, node.failures, outcome)
        if refused is None and self.cancelled is None:
            self._retry(node, outcome, now)
        else:
            self._close(node, _ending(outcome), Reason(_code(outcome), describe(outcome)))
        return outcome

    def cancel(self, reason: Reason) -> None:
        """Start nothing more and end what runs."""
        if self.cancelled or self.finished:
            return
        self.cancelled = reason
        for node in list(self._nodes.values()):
            if node.state in ACTIVE:
                self._stop(node, Cancelled(), reason)
            elif node.state not in TERMINAL:
                self._advance(node, Event.CANCEL, reason)
                self._open -= 1

    # -- what to do ---------------------------------------------------------------------------------------------

    def decide(self, now: float) -> Decision:
        """What is due at `now`: attempts to start while there is room, process trees to end."""
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, task_id, attempt = heappop(self._deadlines)
            self._overdue(self._nodes[task_id], attempt)
        while self._retries and self._retries[0][0] <= now:
            self._requeue(heappop(self._retries)[2])
        starts = self._fill(now)
        # an attempt may have ended by itself since its end was asked for
        stops = [stop for stop in self._stops if self._nodes[stop.task.id].stopping is not None]
        self._stops = []
        return Decision(tuple(starts), tuple(stops), self._wake_at())

    def take_moves(self) -> list[Move]:
        """The state changes since the last call, in order."""
        moves, self._moves = self._moves, []
        return moves

    @property
    def finished(self) -> bool:
        """True when every task is terminal."""
        return not self._open

    def verdict(self) -> tuple[RunState, Reason]:
        """The run's final state and why."""
        states = {node.state for node in self._nodes.values()}
        failed = [
            n.task.id
            for n in self._nodes.values()
            if n.state in (TaskState.FAILED, TaskState.TIMED_OUT, TaskState.LOST)
        ]
        if self.cancelled:
            return RunState.CANCELLED, self.cancelled
        if failed:
            return RunState.FAILED, Reason("task_failed", f"{', '.join(failed[:5])} failed")
        if TaskState.PARTIAL in states:
            return RunState.PARTIAL, Reason("task_partial", "some tasks ended partial")
        return RunState.SUCCEEDED, Reason("succeeded", "every task succeeded or was skipped")

    def state(self, task_id: str) -> TaskState:
        """The task's present state."""
        return self._nodes[task_id].state

    # -- inside -------------------------------------------------------------------------------------------------

    def _rank(self, node: _Node) -> tuple[int, float, int, str]:
        return (-node.task.priority, -node.rank, node.position, node.task.id)

    def _fill(self, now: float) -> list[Start]:
        starts = []
        held_back = []
        while self._ready and self._free > 0:
            entry = heappop(self._ready)
            node = self._nodes[entry[3]]
            if node.state in TERMINAL:
                continue
            if not self._fits(node):
                held_back.append(entry)
                continue
            starts.append(self._start(node, now))
        for entry in held_back:
            heappush(self._ready, entry)
        return starts

    def _start(self, node: _Node, now: float) -> Start:
        node.attempts += 1
        self._free -= 1
        for pool, weight in node.task.pool:
            self._pools[pool] -= weight
        if node.task.timeout_s is not None:
            heappush(self._deadlines, (now + node.task.timeout_s, node.position, node.task.id, node.attempts))
        reason = self._why_start(node)
        self._advance(node, Event.SUBMIT, reason)
        return Start(node.task, node.attempts, reason)

    def _why_start(self, node: _Node) -> Reason:
        if node.failures:
            return Reason("retry", f"attempt {node.attempts} of {node.task.retry.max_attempts}")
        return FIRST_TRY if node.task.depends_on else NO_DEPENDENCIES

    def _fits(self, node: _Node) -> bool:
        return all(self._pools[pool] >= weight for pool, weight in node.task.pool)

    def _release(self, node: _Node) -> None:
        self._free += 1
        for pool, weight in node.task.pool:
            self._pools[pool] += weight

    def _retry(self, node: _Node, outcome: Outcome, now: float) -> None:
        wait = delay_s(node.task.retry, node.failures, self._random())
        heappush(self._retries, (now + wait, node.position, node.task.id))
        text = f"{describe(outcome)}; next attempt in {wait:g} s"
        self._advance(node, Event.RETRY, Reason("retry_scheduled", text))

    def _requeue(self, task_id: str) -> None:
        node = self._nodes[task_id]
        if node.state is TaskState.WAITING_RETRY:
            heappush(self._ready, self._rank(node))

    def _overdue(self, node: _Node, attempt: int) -> None:
        limit = node.task.timeout_s
        if node.state in ACTIVE and node.attempts == attempt and limit is not None:
            self._stop(node, TimedOut(limit), Reason("timeout", f"its time limit of {limit:g} s has passed"))

    def _stop(self, node: _Node, cause: Outcome, reason: Reason) -> None:
        if node.stopping is None:
            node.stopping = cause
            self._stops.append(Stop(node.task, node.attempts, reason))

    def _close(self, node: _Node, event: Event, reason: Reason) -> None:
        """End the task, then release or block what waits behind it."""
        self._advance(node, event, reason)
        self._open -= 1
        if node.state in SATISFIED:
            for child in node.behind:
                child.unmet -= 1
                if not child.unmet and child.state is TaskState.PENDING:
                    heappush(self._ready, self._rank(child))
        else:
            self._block_behind(node)

    def _block_behind(self, node: _Node) -> None:
        skip = node.state is TaskState.SKIPPED
        stack = [(child, node) for child in reversed(node.behind)]
        while stack:
            child, cause = stack.pop()
            if child.state is not TaskState.PENDING:
                continue
            word = "was skipped" if skip else cause.state.replace("_", " ")
            code = "upstream_skipped" if skip else "upstream_failed"
            reason = Reason(code, f"{cause.task.id} {word}")
            self._advance(child, Event.SKIP if skip else Event.BLOCK, reason)
            self._open -= 1
            stack.extend((grandchild, child) for grandchild in reversed(child.behind))

    def _advance(self, node: _Node, event: Event, reason: Reason | None) -> None:
        before, node.state = node.state, advance(node.state, event)
        self._moves.append(Move(node.task.id, before, node.state, node.version, node.attempts, reason))
        node.version += 1

    def _wake_at(self) -> float | None:
        due = [heap[0][0] for heap in (self._deadlines, self._retries) if heap]
        return min(due, default=None)


def _ending(outcome: Outcome) -> Event:
    if isinstance(outcome, TimedOut):
        return Event.TIME_OUT
    if isinstance(outcome, Lost):
        return Event.LOSE
    return Event.CANCEL if isinstance(outcome, Cancelled) else Event.FAIL


def _code(outcome: Outcome) -> str:
    codes = {Event.TIME_OUT: "timeout", Event.LOSE: "lost", Event.CANCEL: "cancelled"}
    return codes.get(_ending(outcome), "failed")
