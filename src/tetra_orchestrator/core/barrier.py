"""Level barriers: no task starts before all tasks of the earlier levels are over."""

from __future__ import annotations

from tetra_orchestrator.core.graph import levels
from tetra_orchestrator.core.states import TERMINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.nodes import Node


class Barrier:
    """The levels of a run's whole graph. To every task beyond the first, its level is one more thing to wait for.

    A level holds up the next until all of its tasks are over, retries and all, however the others ended. Its services
    do not: they may be there for the levels to come.
    """

    def __init__(self, nodes: Mapping[str, Node]):
        groups = levels({name: node.task.depends_on for name, node in nodes.items()})
        self._levels = [[nodes[name] for name in group] for group in groups]
        self._next = 1
        self._open = _batch(self._levels[0]) if self._levels else []
        for level in self._levels[1:]:
            for node in level:
                node.unmet += 1

    def lift(self) -> list[Node]:
        """The tasks of the next level when it has come to its turn, else none."""
        while self._open and self._open[-1].state in TERMINAL:
            self._open.pop()
        if self._open or self._next == len(self._levels):
            return []
        level = self._levels[self._next]
        self._next += 1
        self._open = _batch(level)
        return level


def _batch(level: list[Node]) -> list[Node]:
    return [node for node in level if node.batch]
