"""Where each task of a plan stands, and what waits behind it under which condition."""

from __future__ import annotations

from tetra_orchestrator.core.condition import FINISHED, READY
from tetra_orchestrator.core.graph import remaining_s
from tetra_orchestrator.core.states import TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.admission import Room, Share
    from tetra_orchestrator.core.model import Task
    from tetra_orchestrator.core.outcome import Outcome


class Node:
    """One task. `unmet` dependencies hold it back; `behind` are those that want it succeeded.

    `others` are those that want it finished or ready. A service counts the unfinished tasks that `use` it while it
    runs; `place` is how many of the run's places the task takes, `share` what of its pools and of the host.
    """

    __slots__ = (
        "attempts", "behind", "failures", "others", "place", "position", "rank", "ready", "share", "state", "stopping",
        "task", "unmet", "used", "users", "uses", "version",
    )  # fmt: skip

    def __init__(self, task: Task, position: int, rank: float, share: Share):
        self.task = task
        self.position = position
        self.rank = rank
        self.share = share
        self.place = 1 if task.service is None else 0
        self.state = TaskState.PENDING
        self.version = 0
        self.attempts = 0
        self.failures = 0
        self.unmet = 0
        self.behind: list[Node] = []
        self.others: list[tuple[Node, str]] | None = None
        self.uses: Sequence[Node] = ()
        self.users = 0
        self.used = False
        self.ready = False
        self.stopping: Outcome | None = None


def tied(tasks: Sequence[Task], expected_s: Mapping[str, float], room: Room) -> dict[str, Node]:
    """A node for every task, in their order, tied together by what they depend on."""
    graph = {task.id: tuple(dict.fromkeys(task.depends_on)) for task in tasks}
    rank = remaining_s(graph, {task.id: expected_s.get(task.id, task.expected_s or 1.0) for task in tasks})
    nodes = {task.id: Node(task, i, rank[task.id], room.share(task)) for i, task in enumerate(tasks)}
    for node in nodes.values():
        upstream = graph[node.task.id]
        node.unmet = len(upstream)
        if node.task.conditions:
            _tie(node, [nodes[name] for name in upstream])
        else:
            for name in upstream:
                nodes[name].behind.append(node)
    return nodes


def _tie(node: Node, upstream: Sequence[Node]) -> None:
    """Put the node behind each that it depends on, under the condition it has for it."""
    conditions = dict(node.task.conditions)
    for each in upstream:
        condition = conditions.get(each.task.id)
        if condition not in (FINISHED, READY):
            each.behind.append(node)
            continue
        each.others = each.others or []
        each.others.append((node, condition))
        if condition == READY and each.task.service is not None:
            node.uses = (*node.uses, each)
            each.users += 1
            each.used = True
