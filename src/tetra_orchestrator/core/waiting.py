"""What each task of a plan waits for that is not over and does not run."""

from __future__ import annotations

from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.reasons import listed
from tetra_orchestrator.core.states import TERMINAL, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.admission import Room
    from tetra_orchestrator.core.barrier import Barrier
    from tetra_orchestrator.core.nodes import Node
    from tetra_orchestrator.core.queue import Queue

NEXT = Reason("next", "it starts next")
RETRY = Reason("retry_scheduled", "its next attempt is not due yet")
LEVEL = Reason("barrier", "not all tasks of the levels before its own are over")


def waiting(nodes: Mapping[str, Node], room: Room, queue: Queue, barrier: Barrier | None) -> dict[str, Reason]:
    """By task id, what holds back each task that has still to start, as of the last decision."""
    return {
        name: _for_room(node, room, queue) if node.queued else _for_others(node, nodes, barrier)
        for name, node in nodes.items()
        if node.state in (TaskState.PENDING, TaskState.WAITING_RETRY)
    }


def _for_room(node: Node, room: Room, queue: Queue) -> Reason:
    if node.place > room.places:
        return room.lacking_place()
    lacking = room.lacking(node.share)
    if lacking:
        return lacking
    first = queue.holds_back(node)
    return Reason("kept", f"what it takes is kept for {first.task.id}, which has waited longer") if first else NEXT


def _for_others(node: Node, nodes: Mapping[str, Node], barrier: Barrier | None) -> Reason:
    if node.delayed:
        return RETRY
    upstream = [nodes[name] for name in dict.fromkeys(node.task.depends_on)]
    open_ = [each.task.id for each in upstream if each.state not in TERMINAL and not (each.ready and each in node.uses)]
    if barrier is not None and not open_:
        return LEVEL
    return Reason("dependencies", f"it waits for {listed(open_)}")
