"""The tasks of a plan whose result may be there already: each is looked at once, just before it would start.

Until the answer is there it keeps the room that it would take, so that nothing less urgent gets in before it.
"""

from __future__ import annotations

from tetra_orchestrator.core.states import TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.admission import Room
    from tetra_orchestrator.core.model import Task
    from tetra_orchestrator.core.nodes import Node


class Looks:
    """Which tasks have been asked about, and of which the answer is there."""

    def __init__(self, nodes: Mapping[str, Node], room: Room):
        self._nodes = nodes
        self._room = room
        self._asked: list[Task] = []
        # Whether the answer is there, by task.
        self._answered: dict[str, bool] = {}

    def wanted(self, node: Node) -> bool:
        """Whether the task must not start before the answer is there; it is asked for where it was not yet."""
        name = node.task.id
        if node.task.cache is None:
            return False
        if name in self._answered:
            return not self._answered[name]
        self._answered[name] = False
        node.share = self._room.take(node.place, node.share)
        self._asked.append(node.task)
        return True

    def answered(self, task_id: str) -> Node | None:
        """Free the room that the task has kept; returns it unless it was ended meanwhile."""
        node = self._nodes[task_id]
        self._answered[task_id] = True
        node.share = self._room.give_back(node.place, node.share)
        return node if node.state is TaskState.PENDING else None

    def take(self) -> tuple[Task, ...]:
        """The tasks that were asked about since the last call."""
        asked, self._asked = self._asked, []
        return tuple(asked)
