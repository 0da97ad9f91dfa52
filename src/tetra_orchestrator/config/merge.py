"""One document over another: overlays and `--set`. Every value keeps the place it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.problems import Mark, Problems, Source
from tetra_orchestrator.config.yaml_tree import Entry, Map, parse
from tetra_orchestrator.errors import UsageError

if TYPE_CHECKING:
    from tetra_orchestrator.config.yaml_tree import Node


def merge(base: Node, over: Node) -> Node:
    """`over` laid over `base`: mappings merge key by key, everything else is replaced."""
    if not (isinstance(base, Map) and isinstance(over, Map)):
        return over
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        below = entries.get(key)
        entries[key] = Entry(entry.mark, merge(below.value, entry.value)) if below else entry
    return Map(base.mark, entries)


def set_value(base: Node, assignment: str) -> Node:
    """`base` with `a.b.c=value` applied, the value read as YAML. Raises `UsageError` for one that does not fit."""
    option = f"--set {assignment}"
    path, equals, text = assignment.partition("=")
    keys = path.split(".")
    if not equals or not all(keys):
        raise UsageError("this is not KEY=VALUE", hint="write it like --set host.max_parallel=2", where=option)
    if not text.strip():
        raise UsageError(f"'{path}' has no value", hint=f"write --set '{path}=\"\"' for empty text", where=option)
    _check_path(base, keys, option)
    problems = Problems(option)
    value = parse(text.encode("utf-8", "surrogateescape"), option, problems, option=True)
    problems.raise_any()
    assert value is not None
    mark = Mark(Source(option, (), option=True), 1, 1)
    for key in reversed(keys):
        value = Map(mark, {key: Entry(mark, value)})
    return merge(base, value)


def _check_path(node: Node, keys: list[str], option: str) -> None:
    for depth, key in enumerate(keys):
        if not isinstance(node, Map):
            raise UsageError(
                f"'{'.'.join(keys[:depth])}' is not a mapping, so it has no '{key}'",
                hint=f"set '{'.'.join(keys[:depth])}' as a whole",
                where=option,
            )
        if key not in node.entries:
            return
        node = node.entries[key].value
