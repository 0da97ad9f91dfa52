"""The state of every task of a plan, and the changes of it that nobody has taken yet."""

from __future__ import annotations

from tetra_orchestrator.core.decision import Move
from tetra_orchestrator.core.states import Event, TaskState, advance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.model import Reason
    from tetra_orchestrator.core.nodes import Node

FAILURES = (TaskState.FAILED, TaskState.TIMED_OUT, TaskState.LOST)


class Progress:
    """Moves tasks by the one table of states. `open` counts those that are not over, `failed` those that failed."""

    def __init__(self, nodes: Mapping[str, Node]):
        self._nodes = nodes
        self._moves: list[Move] = []
        self.open = len(nodes)
        self.failed = 0

    def advance(self, node: Node, event: Event, reason: Reason | None) -> None:
        """Move the task, which is not over by that."""
        before, node.state = node.state, advance(node.state, event)
        self._moves.append(Move(node.task.id, before, node.state, node.version, node.attempts, reason))
        node.version += 1

    def end(self, node: Node, event: Event, reason: Reason) -> None:
        """Move the task to where it stays."""
        self.advance(node, event, reason)
        node.queued = False
        self.open -= 1
        self.failed += node.state in FAILURES
        for service in node.uses:
            service.users -= 1

    def failures(self) -> list[str]:
        """The ids of the tasks that failed, in their order."""
        return [node.task.id for node in self._nodes.values() if node.state in FAILURES]

    def any(self, state: TaskState) -> bool:
        """Whether a task is in that state."""
        return any(node.state is state for node in self._nodes.values())

    def take_moves(self) -> list[Move]:
        """The changes since the last call, in order."""
        moves, self._moves = self._moves, []
        return moves
