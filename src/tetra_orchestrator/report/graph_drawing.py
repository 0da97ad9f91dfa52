"""The graph of a run, from left to right, each task with how it ended; of very large ones, that of the pipelines."""

from __future__ import annotations

from tetra_orchestrator.core.graph import levels
from tetra_orchestrator.core.layering import effort, layout
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import duration
from tetra_orchestrator.report.markup import Html, join, number, tag
from tetra_orchestrator.report.signs import sign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tetra_orchestrator.core.graph import Graph

#: More nodes, or nodes and passages of lines, are not drawn.
MOST, MOST_EFFORT = 300, 3000
#: Pixels: a node, and from one to the next.
WIDTH, HEIGHT, ACROSS, DOWN, EDGE = 200, 42, 238, 58, 10
#: Columns that are made smaller to stand in a page without scrolling: names stay legible.
COLUMNS = 7
#: The state that its symbol alone tells.
GOOD = "succeeded"
#: Characters of a name that fit into a node.
LETTERS = 23


class Node(Record):
    """What is drawn of a task or pipeline. `href` is where it is told of."""

    name: str
    state: str
    took_s: float | None
    href: str | None
    critical: bool = False
    note: str = ""


def fits(graph: Graph) -> bool:
    """Whether it is drawn: it has few enough nodes and lines, and no cycle."""
    return len(graph) <= MOST and sum(map(len, levels(graph))) == len(graph) and effort(graph) <= MOST_EFFORT


def folded(graph: Graph, pipelines: Mapping[str, str]) -> dict[str, list[str]]:
    """The graph of the pipelines. `pipelines` has that of each task."""
    found: dict[str, dict[str, None]] = {pipelines[task]: {} for task in graph}
    for task, upstream in graph.items():
        for name in upstream:
            if pipelines[name] != pipelines[task]:
                found[pipelines[task]][pipelines[name]] = None
    return {name: list(upstream) for name, upstream in found.items()}


def drawing(title: str, graph: Graph, nodes: Mapping[str, Node]) -> Html:
    """The drawing, in a frame that scrolls by itself. Nodes on the critical path have a thick border.

    One of few columns is as wide as the page at most, and one of many says that it scrolls.
    """
    found = layout(graph)
    critical = {name for name, node in nodes.items() if node.critical}
    edges = sorted(found.lines.items(), key=lambda line: set(line[0]) <= critical)
    lines = (_line(points, critical=set(ends) <= critical) for ends, points in edges)
    boxes = (_node(nodes[name], *found.places[name], graph[name]) for level in levels(graph) for name in level)
    wide = ACROSS * (found.columns - 1) + WIDTH + 2 * EDGE
    high = DOWN * (found.rows - 1) + HEIGHT + 2 * EDGE
    picture = tag(
        "svg",
        tag("defs", _arrow("arrow", 7), _arrow("arrow-critical", 10)),
        *lines,
        *boxes,
        class_=f"graph c{found.columns}" if found.columns <= COLUMNS else "graph",
        role="group",
        aria_label=title,
        width=number(wide),
        height=number(high),
        viewBox=f"0 0 {number(wide)} {number(high)}",
    )
    frame = tag("div", picture, class_="frame picture", role="group", aria_label=f"{title}, scrolling", tabindex="0")
    hint = f"It is {found.columns} columns wide: scroll it sideways, or go along it with the arrow keys."
    return join((tag("p", hint, class_="hint"), frame)) if found.columns > COLUMNS else frame


def _arrow(key: str, length: int) -> Html:
    """The head of a line, whose point is the line's end."""
    return tag(
        "marker",
        tag("path", d="M0 0L10 5L0 10Z"),
        id=key,
        viewBox="0 0 10 10",
        refX=10,
        refY=5,
        markerWidth=length,
        markerHeight=length,
        markerUnits="userSpaceOnUse",
        orient="auto",
        class_=key,
    )


def _line(points: Sequence[tuple[int, float]], *, critical: bool) -> Html:
    path = ""
    for at, ((left, above), (right, below)) in enumerate(zip(points, points[1:], strict=False)):
        x, to = EDGE + left * ACROSS + WIDTH, EDGE + right * ACROSS
        y, end = (EDGE + row * DOWN + HEIGHT / 2 for row in (above, below))
        if at:  # it has passed the column of the left one
            path += f"L{number(x)} {number(y)}"
        else:
            path = f"M{number(x)} {number(y)}"
        middle = number((x + to) / 2)
        path += f"C{middle} {number(y)} {middle} {number(end)} {number(to)} {number(end)}"
    kind, head = ("edge critical", "arrow-critical") if critical else ("edge", "arrow")
    return tag("path", d=path, class_=kind, marker_end=f"url(#{head})")


def _node(node: Node, column: int, row: float, upstream: Collection[str]) -> Html:
    x, y = EDGE + column * ACROSS, EDGE + row * DOWN
    of = sign(node.state)
    word = node.state.replace("_", " ")
    spent = "" if node.took_s is None else duration(node.took_s)
    told = " · ".join([part for part in (word if node.state != GOOD else "", spent, node.note) if part][:2])
    short = _short(node.name)
    more = (word, "on the critical path" if node.critical else "", f"after {', '.join(upstream)}" if upstream else "")
    return tag(
        "a",
        tag("title", f"{short} {told}: {node.name}") if short != node.name else None,
        tag("desc", ", ".join(filter(None, more))),
        tag("rect", x=number(x), y=number(y), width=WIDTH, height=HEIGHT, rx=6),
        tag("text", of.symbol, x=number(x + 12), y=number(y + 26), class_="symbol", aria_hidden="true"),
        tag("text", short, x=number(x + 32), y=number(y + 18), class_="name"),
        tag("text", told, x=number(x + 32), y=number(y + 33), class_="told"),
        href=node.href,
        class_=f"node {of.colour}{' critical' if node.critical else ''}",
    )


def _short(name: str) -> str:
    """Without its middle where it is too long: names differ at their ends."""
    head = LETTERS // 2
    return name if len(name) <= LETTERS else f"{name[: head - 1]}…{name[-(LETTERS - head) :]}"
