"""Order, cycles and levels of a dependency graph. Iterative throughout: a chain of 100,000 is ordinary."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Graph = Mapping[str, Sequence[str]]  # node -> the nodes it depends on


def dependants(graph: Graph) -> dict[str, list[str]]:
    """The reversed graph: node -> the nodes that depend on it, in the order of `graph`."""
    reverse: dict[str, list[str]] = {node: [] for node in graph}
    for node, upstream in graph.items():
        for name in upstream:
            reverse[name].append(node)
    return reverse


def levels(graph: Graph) -> list[list[str]]:
    """Groups of nodes that may run side by side, earliest first, each in the order of `graph`.

    Nodes on or behind a cycle are left out; `find_cycle` names it.
    """
    distinct = {node: tuple(dict.fromkeys(upstream)) for node, upstream in graph.items()}
    missing = {node: len(upstream) for node, upstream in distinct.items()}
    reverse = dependants(distinct)
    position = {node: index for index, node in enumerate(graph)}
    level = [node for node, count in missing.items() if not count]
    groups = []
    while level:
        groups.append(level)
        following = []
        for node in level:
            for child in reverse[node]:
                missing[child] -= 1
                if not missing[child]:
                    following.append(child)
        level = sorted(following, key=position.__getitem__)
    return groups


def order(graph: Graph) -> list[str]:
    """Every node after what it depends on, level by level."""
    return [node for level in levels(graph) for node in level]


def find_cycle(graph: Graph) -> list[str] | None:
    """One cycle as `[a, b, a]`, where a depends on b, or None."""
    sound = set(order(graph))
    stuck = {node: [n for n in upstream if n not in sound] for node, upstream in graph.items() if node not in sound}
    if not stuck:
        return None
    node = next(iter(stuck))
    seen: dict[str, int] = {}
    path: list[str] = []
    while node not in seen:
        seen[node] = len(path)
        path.append(node)
        node = stuck[node][0]
    return [*path[seen[node] :], node]


def upstream_of(graph: Graph, node: str) -> set[str]:
    """Everything `node` depends on, directly or not."""
    found: set[str] = set()
    stack = list(graph[node])
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack.extend(graph[name])
    return found


def remaining_s(graph: Graph, duration_s: Mapping[str, float]) -> dict[str, float]:
    """Per node the longest time from its start to the end of everything behind it, in seconds."""
    reverse = dependants(graph)
    rest: dict[str, float] = {}
    for node in reversed(order(graph)):
        rest[node] = duration_s[node] + max((rest[child] for child in reverse[node]), default=0.0)
    return rest


def critical_path(graph: Graph, duration_s: Mapping[str, float]) -> list[str]:
    """The chain of nodes that bounds the finish time, first to last; empty for an empty graph."""
    rest = remaining_s(graph, duration_s)
    reverse = dependants(graph)
    candidates = [node for node, upstream in graph.items() if not upstream]
    path: list[str] = []
    while candidates:
        node = max(candidates, key=rest.__getitem__)
        path.append(node)
        candidates = reverse[node]
    return path


def slack_s(graph: Graph, duration_s: Mapping[str, float]) -> dict[str, float]:
    """Per node how many seconds longer it could take without the whole taking longer; 0 on the critical path.

    By the dependencies alone, as if there were room for everything at once.
    """
    ends: dict[str, float] = {}
    for node in order(graph):
        ends[node] = duration_s[node] + max((ends[name] for name in graph[node]), default=0.0)
    rest = remaining_s(graph, duration_s)
    total = max(ends.values(), default=0.0)
    return {node: max(total - (ends[node] - duration_s[node]) - rest[node], 0.0) for node in ends}
