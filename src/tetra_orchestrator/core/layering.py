"""Where the nodes of a graph stand in a drawing from left to right, so that few of its lines cross.

Sugiyama's way: each node in the column of its level, places for the lines that pass a column, and a few sweeps in
which every column is sorted by where its neighbours stand.
"""

from __future__ import annotations

from tetra_orchestrator.core.graph import levels
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.graph import Graph

    Point = tuple[int, float]

SWEEPS = 8
#: A line that passes a column takes this part of a row.
PASSING = 0.45


class Layout(Record):
    """`places` are (column, row) by node, rows from 0; `lines` lead through such points, by (upstream, node)."""

    places: Mapping[str, Point]
    lines: Mapping[tuple[str, str], Sequence[Point]]
    columns: int
    rows: float


def effort(graph: Graph) -> int:
    """How many nodes and places of lines a drawing has."""
    column = {node: at for at, level in enumerate(levels(graph)) for node in level}
    return len(graph) + sum(column[node] - column[name] for node in column for name in graph[node])


def layout(graph: Graph) -> Layout:
    """A drawing of the graph, which has no cycle."""
    grid, chains = _with_passages(graph)
    below, above = _neighbours(chains)
    index: dict[str, float] = {}
    for column in grid:
        index.update(_index(column))
    for _ in range(SWEEPS):
        for column in grid[1:]:
            _sort(column, below, index)
        for column in reversed(grid[:-1]):
            _sort(column, above, index)
    rows = _rows(grid, below, above)
    places = {node: (at, rows[node]) for at, column in enumerate(grid) for node in column}
    lines = {ends: [places[one] for one in chain] for ends, chain in chains.items()}
    deepest = max(rows.values(), default=0.0) + 1
    return Layout({node: places[node] for node in graph}, lines, len(grid), deepest)


def _with_passages(graph: Graph) -> tuple[list[list[str]], dict[tuple[str, str], list[str]]]:
    """The columns, and each dependency as the chain of what it leads through. No node's name has a `\\n`."""
    grid = [list(level) for level in levels(graph)]
    column = {node: at for at, level in enumerate(grid) for node in level}
    chains = {}
    for node, upstream in graph.items():
        for name in dict.fromkeys(upstream):
            chain = [name]
            for at in range(column[name] + 1, column[node]):
                chain.append(f"{name}\n{node}\n{at}")
                grid[at].append(chain[-1])
            chains[name, node] = [*chain, node]
    return grid, chains


def _neighbours(chains: Mapping[tuple[str, str], Sequence[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    below: dict[str, list[str]] = {}
    above: dict[str, list[str]] = {}
    for chain in chains.values():
        for left, right in zip(chain, chain[1:], strict=False):
            below.setdefault(right, []).append(left)
            above.setdefault(left, []).append(right)
    return below, above


def _index(column: Sequence[str]) -> dict[str, float]:
    return {node: at / len(column) for at, node in enumerate(column)}


def _sort(column: list[str], near: Mapping[str, Sequence[str]], index: dict[str, float]) -> None:
    """By the mean place of the neighbours; what has none stays where it is."""

    def middle(node: str) -> float:
        others = near.get(node)
        return sum(index[one] for one in others) / len(others) if others else index[node]

    column.sort(key=middle)
    index.update(_index(column))


def _rows(
    grid: Sequence[Sequence[str]], below: Mapping[str, Sequence[str]], above: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """A row for each, as near to its neighbours' as the order in its column allows."""
    rows: dict[str, float] = {}
    for column in grid:
        _place(column, {node: at for at, node in enumerate(column)}, rows)
    for sweep in range(SWEEPS):
        near = below if sweep % 2 == 0 else above
        for column in grid if sweep % 2 == 0 else reversed(grid):
            wanted = {n: sum(rows[o] for o in near[n]) / len(near[n]) if near.get(n) else rows[n] for n in column}
            _place(column, wanted, rows)
    least = min(rows.values(), default=0.0)
    return {node: row - least for node, row in rows.items()}


def _place(column: Sequence[str], wanted: Mapping[str, float], rows: dict[str, float]) -> None:
    """Each as near to where it wants to be as the order and the heights allow: those that push each other stand in a
    block, in the mean of their wishes."""
    blocks: list[tuple[float, int]] = []
    deep, found = 0.0, []
    for at, node in enumerate(column):
        deep += max(_height(column[at - 1]), _height(node)) if at else 0.0
        found.append(deep)
        mean, count = wanted[node] - deep, 1
        while blocks and blocks[-1][0] > mean:
            before, others = blocks.pop()
            mean, count = (mean * count + before * others) / (count + others), count + others
        blocks.append((mean, count))
    starts = [mean for mean, count in blocks for _ in range(count)]
    rows.update({node: start + own for node, start, own in zip(column, starts, found, strict=True)})


def _height(node: str) -> float:
    return PASSING if "\n" in node else 1.0
