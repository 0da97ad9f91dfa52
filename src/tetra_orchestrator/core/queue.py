"""The tasks of a plan that could start, in their turn, and which of them the room allows to."""

from __future__ import annotations

from heapq import heappop, heappush

from tetra_orchestrator.core.admission import is_of_one

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.admission import Room, Share
    from tetra_orchestrator.core.nodes import Node

#: Few enough that nothing waits for ever; in simulations of crowded hosts, keeping room sooner made runs longer.
ROUNDS = 8


class Queue:
    """What could start, most urgent first. One heap for all tasks that take the same, so a full pool is asked once.

    What does not fit lets others pass, because room that it cannot use is lost otherwise. But when as many tasks as
    fill all places of the run `ROUNDS` times have gone before it and taken of what it waits for, that is kept for it:
    of its pools, and of what it takes of the host, nothing less urgent gets any more until it has started.
    """

    def __init__(self, nodes: Mapping[str, Node], room: Room):
        self._turns: list[Node] = sorted(nodes.values(), key=lambda node: node.order)
        self._room = room
        self._patience = ROUNDS * room.places
        self._heaps: dict[tuple[int, Share], list[int]] = {}
        self._fresh: list[Node] = []

    def put(self, node: Node) -> None:
        """From now on the task could start."""
        node.queued = True
        heappush(self._heaps.setdefault((node.place, node.share), []), node.order)
        self._fresh.append(node)

    def stamp(self, now: float) -> None:
        """The tasks put since the last call could start from `now` on."""
        for node in self._fresh:
            node.since = now
        self._fresh.clear()

    def take(self) -> Node | None:
        """Remove and return the task whose turn it is among those that there is room for."""
        held_back: list[Node] = []
        for node in self._heads(self._room.places):
            fits = self._room.fits(node.share, node.place)
            if fits and not (held_back and _keepers(node, held_back, self._patience)):
                for other in held_back:
                    other.passed += _meet(node.share, other.share)
                return self._remove(node)
            held_back.append(node)
        return None

    def force(self) -> Node | None:
        """Remove and return one though nothing fits that may start: one that fits, else the most urgent.

        What other runs hold is left to them.
        """
        heads = [node for node in self._heads(self._room.places) if self._room.spares(node.share)]
        fitting = [node for node in heads if self._room.fits(node.share, node.place)]
        return self._remove((fitting or heads)[0]) if heads else None

    def batch_waits(self) -> bool:
        """True when a task could start that is no service."""
        return any(node.batch for node in self._heads())

    def waits_for(self) -> dict[str, int]:
        """The most of each thing that a task lacks which could start, and of which other runs take some."""
        lacking: dict[str, int] = {}
        for node in self._heads():
            for name, amount in self._room.crowded(node.place, node.share).items():
                lacking[name] = max(amount, lacking.get(name, 0))
        return lacking

    def holds_back(self, node: Node) -> Node | None:
        """The task for which something is kept that the queued task takes, or None."""
        before = [head for head in self._heads(self._room.places) if head.order < node.order]
        return next(iter(_keepers(node, before, self._patience)), None)

    def _heads(self, places: int = 1) -> list[Node]:
        """The first of every heap, most urgent first; with no places, only services."""
        heads = [node for (place, _), heap in self._heaps.items() if place <= places and (node := self._head(heap))]
        if len(heads) > 1:
            heads.sort(key=lambda node: node.order)
        return heads

    def _head(self, heap: list[int]) -> Node | None:
        """The heap's first task; those that have left the queue since they were put are dropped."""
        while heap and not self._turns[heap[0]].queued:
            heappop(heap)
        return self._turns[heap[0]] if heap else None

    def _remove(self, node: Node) -> Node:
        heap = self._heaps[node.place, node.share]
        heappop(heap)
        if not heap:
            del self._heaps[node.place, node.share]
        node.queued = False
        node.passed = 0
        return node


def _keepers(node: Node, held_back: list[Node], patience: int) -> list[Node]:
    """Those among the more urgent that wait long enough for something that the task takes too."""
    return [other for other in held_back if other.passed >= patience and _meet(node.share, other.share)]


def _meet(one: Share, other: Share) -> bool:
    """True when both take of the same pool, or of the same of the host."""
    return any(name == its and not is_of_one(name) for name, _ in one for its, _ in other)
