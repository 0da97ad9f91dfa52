"""Values of variables put back into references where a dialect has made new text of them, so that none is stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tetra_orchestrator.config.yaml_tree import Entry, Map, Scalar, Seq
from tetra_orchestrator.core.template import escaped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.config.yaml_tree import Node

#: Shorter values are left alone: they would be found in everything.
SHORTEST = 6


def with_references(tree: Node, values: Mapping[str, str], written: str) -> Node:
    """The tree in which a text that holds one of the values, and not from where it came, is told with the reference.

    `written` is all that the user wrote, as JSON: what stands in it is no secret of the environment's.
    """
    forms = {
        form: f"${{{name}}}"
        for name, value in sorted(values.items())
        for form in (value, _in_json(value), escaped(value), escaped(_in_json(value)))
        if len(value) >= SHORTEST and _in_json(value) not in written
    }
    return _Pass(dict(sorted(forms.items(), key=lambda item: -len(item[0])))).over(tree) if forms else tree


def _in_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


class _Pass:
    def __init__(self, references: Mapping[str, str]):
        self._references = references

    def over(self, node: Node) -> Node:
        match node:
            case Map():
                return Map(node.mark, {key: Entry(e.mark, self.over(e.value)) for key, e in node.entries.items()})
            case Seq():
                return Seq(node.mark, [self.over(item) for item in node.items])
            case Scalar() if node.raw is None:
                raw = node.text
                for value, reference in self._references.items():
                    raw = raw.replace(value, reference)
                return node if raw == node.text else node._replace(raw=raw)
        return node
