"""Which dialect a document is written in: as said, or by its shape."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from tetra_orchestrator.config.yaml_tree import Map, Scalar
from tetra_orchestrator.errors import UsageError

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.source import Dialect
    from tetra_orchestrator.config.yaml_tree import Node

#: In the order in which they are asked: a file of a later one may look like one of an earlier, not the reverse.
DIALECTS = ("dativo", "stages", "recomart", "tetra", "tauro")
NATIVE = "native"


def recognise(tree: Node, path: str, said: str | None = None) -> Dialect | None:
    """The dialect of a document, None for a native one. Raises `UsageError` for a name that is none."""
    if said is not None:
        return None if said == NATIVE else _dialect(said)
    if not isinstance(tree, Map) or _is_native(tree):
        return None
    return next((each for each in map(_dialect, DIALECTS) if each.recognises(tree, path)), None)


def _dialect(name: str) -> Dialect:
    if name not in DIALECTS:
        raise UsageError(f"Unknown dialect: {name}", hint=f"--dialect takes {', '.join((NATIVE, *DIALECTS))}")
    module: Dialect = import_module(f"tetra_orchestrator.config.dialects.{name}")
    return module


def _is_native(tree: Map) -> bool:
    """A native file names its project; one that forgot to has at least the number of its version."""
    version = tree.entries.get("version")
    numbered = version is not None and isinstance(version.value, Scalar) and version.value.text.isdecimal()
    return "project" in tree.entries or (numbered and "pipelines" in tree.entries)
