"""What follows for the tasks of a plan when one is over, or a service becomes ready or has to start again."""

from __future__ import annotations

from tetra_orchestrator.core.condition import FINISHED, READY, unmet
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.reasons import not_run_behind
from tetra_orchestrator.core.states import Event, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tetra_orchestrator.core.model import Reason
    from tetra_orchestrator.core.nodes import Node
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.core.progress import Progress
    from tetra_orchestrator.core.queue import Queue


class Settlement:
    """Lets tasks into the queue when they wait for nothing any more, and ends those that can no longer start."""

    def __init__(self, nodes: Mapping[str, Node], progress: Progress, queue: Queue):
        self._nodes = nodes
        self._progress = progress
        self._queue = queue
        self._asked = frozenset(rule.task for node in nodes.values() for rule in node.task.run_if)
        self._ends: dict[str, tuple[Outcome, str]] = {}

    def remember(self, node: Node, outcome: Outcome, tail: str) -> None:
        """Keep how an attempt ended, where the condition of another task asks for it."""
        if node.task.id in self._asked:
            self._ends[node.task.id] = (outcome, tail)

    def settle(self, node: Node) -> None:
        """Release or block what waits behind a task that is over, and what waits behind those that this ends."""
        over = [node]
        for cause in over:
            good = cause.satisfied
            if cause.behind:
                over += self._release(cause.behind) if good else self._block(cause.behind, cause)
            if cause.others:
                # what waited for a service to be ready has been released when it was
                freed = [n for n, condition in cause.others if condition == FINISHED or (good and not cause.ready)]
                over += self._release(freed)
                over += [] if good else self._block([n for n, c in cause.others if c == READY], cause)

    def release(self, nodes: Iterable[Node]) -> None:
        """Each of the nodes waits for one thing less."""
        for over in self._release(nodes):
            self.settle(over)

    def ready(self, service: Node) -> None:
        """Release what waits for the service to be ready."""
        service.ready = True
        self.release(_users(service))

    def unready(self, service: Node) -> None:
        """What needs the service waits for it again, unless it runs; if it does, its next attempt will."""
        service.ready = False
        for user in _users(service):
            user.unmet += 1
            user.queued = False

    def offer(self, node: Node) -> None:
        """Let the task into the queue unless something holds it back."""
        if not node.unmet and not node.delayed:
            self._queue.put(node)

    def _release(self, nodes: Iterable[Node]) -> list[Node]:
        """Returns those that end by it, as a condition on what they waited for does not hold."""
        over = []
        for node in nodes:
            node.unmet -= 1
            if node.unmet:
                continue
            if node.state is TaskState.WAITING_RETRY:
                self.offer(node)
            elif node.state is TaskState.PENDING:
                reason = self._not_met(node) if node.task.run_if else None
                if reason is None:
                    self._queue.put(node)
                else:
                    self._progress.end(node, Event.SKIP, reason)
                    over.append(node)
        return over

    def _not_met(self, node: Node) -> Reason | None:
        for rule in node.task.run_if:
            if rule.task in self._nodes:
                cause = self._nodes[rule.task]
                state = TaskState.SUCCEEDED if cause.done else cause.state
                outcome, tail = self._ends.get(rule.task, (Exited(0) if cause.done else None, ""))
                reason = unmet(rule, state, outcome, tail)
                if reason is not None:
                    return reason
        return None

    def _block(self, nodes: Iterable[Node], cause: Node) -> list[Node]:
        """End those that can no longer start, and return them; one that has been tried before has failed."""
        never = Event.SKIP if cause.state is TaskState.SKIPPED else Event.BLOCK
        events = {TaskState.PENDING: never, TaskState.WAITING_RETRY: Event.FAIL}
        over = [node for node in nodes if node.state in events]
        for node in over:
            self._progress.end(node, events[node.state], not_run_behind(cause))
        return over


def _users(service: Node) -> list[Node]:
    return [child for child, condition in service.others or () if condition == READY]
