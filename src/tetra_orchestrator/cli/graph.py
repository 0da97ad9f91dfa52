"""`graph`: the tasks and what depends on what, for a terminal, Mermaid, Graphviz or a program."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import (
    BindingsOption,
    ConfigOption,
    DialectOption,
    JsonOption,
    OverlayOption,
    SetOption,
)
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.cli.verdict import groups
from tetra_orchestrator.core.selection import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.core.model import Task

Format = Literal["ascii", "mermaid", "dot"]


def command(
    mode: Annotated[str | None, typer.Option("--mode", "-m", metavar="MODE", help="Only what this mode runs.")] = None,
    form: Annotated[Format, typer.Option("--format", help="How to draw it.")] = "ascii",
    config: ConfigOption = None,
    overlay: OverlayOption = None,
    set_: SetOption = None,
    dialect: DialectOption = None,
    bindings: BindingsOption = None,
    as_json: JsonOption = False,
) -> int:
    """Draw the graph of dependencies.

    Examples: `graph`, `graph --mode weekly --format mermaid`.
    """
    loaded = load(Source(config, tuple(overlay or ()), tuple(set_ or ()), dialect, bindings))
    tasks = select(loaded.project, mode).tasks
    if as_json:
        edges = [[upstream, task.id] for task in tasks for upstream in task.depends_on]
        print_json("graph", {"groups": groups(tasks), "edges": edges})
    else:
        print(_DRAW[form](tasks))
    return 0


def as_ascii(tasks: Sequence[Task]) -> str:
    """One line per task, level by level, with what it waits for."""
    by_id = {task.id: task for task in tasks}
    lines = []
    for depth, group in enumerate(groups(tasks)):
        for name in group:
            waits = ", ".join(by_id[name].depends_on)
            lines.append(f"{'   ' * depth}{name}{f'  <- {waits}' if waits else ''}")
    return "\n".join(lines)


def as_mermaid(tasks: Sequence[Task]) -> str:
    """A Mermaid flowchart; node names are numbered because ids may hold dots and reserved words."""
    number = {task.id: f"t{index}" for index, task in enumerate(tasks)}
    nodes = [f'    {number[task.id]}["{task.id}"]' for task in tasks]
    edges = [f"    {number[up]} --> {number[task.id]}" for task in tasks for up in task.depends_on]
    return "\n".join(["graph LR", *nodes, *edges])


def as_dot(tasks: Sequence[Task]) -> str:
    """A Graphviz digraph."""
    nodes = [f'    "{task.id}";' for task in tasks]
    edges = [f'    "{upstream}" -> "{task.id}";' for task in tasks for upstream in task.depends_on]
    return "\n".join(["digraph tasks {", "    rankdir=LR;", *nodes, *edges, "}"])


_DRAW = {"ascii": as_ascii, "mermaid": as_mermaid, "dot": as_dot}
