"""`--on NAME`: the same configuration with its tasks on another runner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.problems import Mark, Source
from tetra_orchestrator.config.yaml_tree import Entry, Map, Scalar
from tetra_orchestrator.core.model import LOCAL

if TYPE_CHECKING:
    from tetra_orchestrator.config.yaml_tree import Node

KEY = "runner"


def elsewhere(tree: Node, name: str) -> Node:
    """The native document with that runner for the project, and for what chose another one; `local` stays that."""
    if not isinstance(tree, Map):
        return tree
    chosen = Scalar(Mark(Source(f"--on {name}", (), option=True), 1, 1), name, False)
    entries = {**tree.entries, KEY: Entry(chosen.mark, chosen)}
    return _below(Map(tree.mark, entries), ("pipelines", "*", "tasks", "*"), chosen)


def _below(node: Node, path: tuple[str, ...], chosen: Scalar) -> Node:
    if not isinstance(node, Map):
        return node
    entries = dict(node.entries)
    for key in path[:1] if path[:1] != ("*",) else tuple(entries):
        if key in entries:
            entries[key] = Entry(entries[key].mark, _below(_moved(entries[key].value, chosen), path[1:], chosen))
    return Map(node.mark, entries)


def _moved(node: Node, chosen: Scalar) -> Node:
    """A pipeline or a task that says where it runs, there instead."""
    said = node.entries.get(KEY) if isinstance(node, Map) else None
    if said is None or not isinstance(said.value, Scalar) or said.value.text == LOCAL:
        return node
    assert isinstance(node, Map)
    return Map(node.mark, {**node.entries, KEY: Entry(chosen.mark, chosen)})
