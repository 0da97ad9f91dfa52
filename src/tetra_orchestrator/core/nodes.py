"""Where each task of a plan stands, what waits behind it and on which condition, and how urgent it is."""

from __future__ import annotations

from tetra_orchestrator.core.condition import FINISHED, READY
from tetra_orchestrator.core.model import LOCAL
from tetra_orchestrator.core.states import SATISFIED, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tetra_orchestrator.core.admission import Room, Share
    from tetra_orchestrator.core.model import Reason, Task
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.core.recovery import Rescue


#: In what takes less than this, one task differs from another by chance, and the order of the file is the better one.
SHORTEST_S = 0.05


class Node:
    """One task. `unmet` is how many things it waits for; `behind` are the nodes that want it succeeded.

    `others` are those that want it finished or ready. A service counts the unfinished tasks that `use` it while it
    runs; what is no service is `batch`. `place` is how many of the run's places the task takes, `share` what of its
    pools and of the host. `order` is its turn among all that could start, `since` the time (seconds) at which it could,
    `passed` how often others have gone before it meanwhile. `delayed` is true until the time of its retry, `done` where
    an earlier run did the task.
    `why` is a reason of its own for its first attempt, `rescue` what stands in for it since it has failed for good.
    """

    __slots__ = (
        "attempts", "batch", "behind", "delayed", "done", "failures", "order", "others", "passed", "place", "position",
        "queued", "ready", "rescue", "share", "since", "state", "stopping", "task", "unmet", "used", "users", "uses",
        "version", "why",
    )  # fmt: skip

    def __init__(self, task: Task, position: int, share: Share):
        self.task = task
        self.position = position
        self.order = position
        self.share = share
        self.batch = task.service is None
        self.place = 1 if self.batch and task.runner == LOCAL else 0
        self.state = TaskState.PENDING
        self.version = 0
        self.attempts = self.failures = task.retry.before or 0
        self.unmet = 0
        self.behind: list[Node] = []
        self.others: list[tuple[Node, str]] | None = None
        self.uses: Sequence[Node] = ()
        self.users = 0
        self.used = False
        self.ready = False
        self.queued = False
        self.delayed = False
        self.done = False
        self.since = 0.0
        self.passed = 0
        self.stopping: Outcome | None = None
        self.why: Reason | None = None
        self.rescue: Rescue | None = None

    @property
    def satisfied(self) -> bool:
        """True when what wants it succeeded may start."""
        return self.done or self.state in SATISFIED


def tied(tasks: Sequence[Task], expected_s: Mapping[str, float], room: Room) -> dict[str, Node]:
    """A node for every task, in their order, tied together by what they depend on.

    The most urgent has the highest priority, then the longest path behind it by `estimates`, then the first place.
    """
    nodes = {task.id: Node(task, i, room.share(task, (task.retry.before or 0) + 1)) for i, task in enumerate(tasks)}
    for node in nodes.values():
        upstream = dict.fromkeys(node.task.depends_on)
        node.unmet = len(upstream)
        if node.task.conditions:
            _tie(node, [nodes[name] for name in upstream])
        else:
            for name in upstream:
                nodes[name].behind.append(node)
    rank = _ranks(list(nodes.values()), estimates(tasks, expected_s))
    urgent_first = sorted(nodes.values(), key=lambda node: (-node.task.priority, -rank[node.position]))
    for order, node in enumerate(urgent_first):
        node.order = order
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


def _ranks(nodes: Sequence[Node], seconds: Mapping[str, float]) -> list[float]:
    """By position, the longest time from the node's start to the end of everything behind it."""
    rank = [0.0] * len(nodes)
    for node in reversed(_ordered(nodes)):
        own = seconds[node.task.id]
        rank[node.position] = (own and max(own, SHORTEST_S)) + max(
            [rank[c.position] for c in _children(node)], default=0.0
        )
    return rank


def _ordered(nodes: Sequence[Node]) -> list[Node]:
    """Every node after what it waits for."""
    missing = [node.unmet for node in nodes]
    found = [node for node in nodes if not node.unmet]
    for node in found:
        for child in _children(node):
            missing[child.position] -= 1
            if not missing[child.position]:
                found.append(child)
    return found


def _children(node: Node) -> list[Node]:
    return node.behind + [child for child, _ in node.others] if node.others else node.behind


def within(tasks: Iterable[Task]) -> dict[str, tuple[str, ...]]:
    """Each of these tasks with what it depends on among them."""
    wiring = {task.id: task.depends_on for task in tasks}
    return {name: tuple(other for other in upstream if other in wiring) for name, upstream in wiring.items()}


def known_s(task: Task, learned_s: Mapping[str, float]) -> float | None:
    """Seconds as learned from earlier runs, else as the file declares them, else None. A service takes none."""
    return 0.0 if task.service else learned_s.get(task.id, task.expected_s)


def estimates(tasks: Sequence[Task], learned_s: Mapping[str, float]) -> dict[str, float]:
    """Seconds by task id. What is not known takes the median of what is, and 1 where nothing is.

    So a new task stands among the others like an ordinary one of them, and a project without any history goes by depth.
    """
    known = {task.id: known_s(task, learned_s) for task in tasks}
    found = sorted(s for task in tasks if not task.service and (s := known[task.id]) is not None)
    usual = found[len(found) // 2] if found else 1.0
    return {name: usual if seconds is None else seconds for name, seconds in known.items()}
