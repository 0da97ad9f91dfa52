"""The services of a plan: which are still to become ready, and which nothing in the run needs any more."""

from __future__ import annotations

from tetra_orchestrator.core.states import ACTIVE, TERMINAL, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tetra_orchestrator.core.nodes import Node


class Services:
    """The services among the nodes of a plan; false when there are none.

    One that others use while it runs is needed until these are over. Any other accompanies the tasks that can run
    beside it; where there are none, it is what the run is for, and runs until somebody ends it.
    """

    def __init__(self, nodes: Mapping[str, Node]):
        self._nodes = [node for node in nodes.values() if node.task.service is not None]
        self._companions = _with_companions(nodes, self._nodes) if self._nodes else frozenset()

    def __bool__(self) -> bool:
        return bool(self._nodes)

    def starting(self) -> list[str]:
        """The ids of running services of which it matters when they become ready."""
        return [node.task.id for node in self._nodes if node.state is TaskState.RUNNING and _awaited(node)]

    def unused(self) -> list[Node]:
        """Services whose users are all over."""
        return [node for node in self._present() if node.used and not node.users]

    def idle(self, *, called_off: bool) -> list[Node]:
        """Services that accompany others, once these are over; all that nobody uses in a run that starts no more."""
        return [node for node in self._present() if not node.used and (called_off or node.task.id in self._companions)]

    def could_start(self) -> bool:
        """True when one that others use could start."""
        return any(node.queued and node.users for node in self._nodes)

    def settled(self) -> bool:
        """True when none is about to become ready for its users, and none is about to end."""
        return not any(node.stopping is not None or _coming(node) for node in self._nodes)

    def _present(self) -> list[Node]:
        return [node for node in self._nodes if node.state not in TERMINAL and node.stopping is None]


def needed_again(nodes: Mapping[str, Node], done: Collection[str]) -> set[str]:
    """The services among `done` that tasks use which are not, or which are needed again themselves."""
    found: set[str] = set()
    users = [node for node in nodes.values() if node.uses and node.task.id not in done]
    for user in users:
        again = [each for each in user.uses if each.task.id in done and each.task.id not in found]
        found.update(each.task.id for each in again)
        users += again
    return found


def _awaited(node: Node) -> bool:
    service = node.task.service
    return node.stopping is None and (node.used or (service is not None and service.ready_when is not None))


def _coming(node: Node) -> bool:
    """It becomes ready for its users, or is tried again at a known time. One that waits for room may wait in vain."""
    if node.ready or not node.users:
        return False
    return node.state in ACTIVE or (node.delayed and node.state is TaskState.WAITING_RETRY)


def _with_companions(nodes: Mapping[str, Node], services: list[Node]) -> frozenset[str]:
    """The unused services beside which another task can run: one that is neither before nor behind them."""
    from tetra_orchestrator.core.graph import dependants, upstream_of

    graph = {name: node.task.depends_on for name, node in nodes.items()}
    reverse = dependants(graph)
    batch = {name for name, node in nodes.items() if node.task.service is None}
    alone = [node.task.id for node in services if not node.used]
    return frozenset(name for name in alone if batch - upstream_of(graph, name) - upstream_of(reverse, name))
