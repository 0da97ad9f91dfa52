"""What runs for the names that a user's file leaves open: `bindings.yaml` beside it, or the file of `--bindings`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator

from tetra_orchestrator.config.complaints import check_shape
from tetra_orchestrator.config.values import Closed, Filled, Free, FreeMap, Name, Text, fault, text_of
from tetra_orchestrator.config.yaml_tree import Entry, Map, Scalar, find

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.source import Source, Translation

_DOTTED = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*"
_TARGET = re.compile(f"{_DOTTED}:{_DOTTED}")


def _target(value: Any) -> str:
    text = text_of(value)
    if not _TARGET.fullmatch(text):
        raise fault("does not name something in a module", "write it like package.module:name")
    return text


Target = Annotated[str, BeforeValidator(_target)]


class Binding(Closed):
    """What runs for one name: a Python function, or a program in the words of a native file."""

    call: Target | None = None
    command: Free = None
    shell: Free = None
    module: Free = None
    function: Free = None
    type: Free = None
    args: Free = None
    env: Free = None
    cwd: Free = None
    python: Free = None
    outputs: Free = None


class Document(Closed):
    """A file of bindings. One file may serve several configurations, so names that one of them lacks are no fault."""

    bindings: dict[Name, Binding] = {}
    types: dict[Name, Target] = {}
    plugins: list[Filled] = []
    connectors: FreeMap = {}
    path_map: dict[Filled, Text] = {}


class Bindings:
    """The bindings of a source, checked; empty where it has none."""

    def __init__(self, source: Source):
        """Read them; faults go to the source's problems."""
        self._tree = source.bindings
        checked = check_shape(self._tree, source.problems, Document) if self._tree else None
        self.document = checked or Document()

    def program(self, name: str) -> Map | None:
        """The native keys of what runs for `name`, or None where nothing is bound to it. `call` becomes `function`."""
        if name not in self.document.bindings or self._tree is None:
            return None
        entry = self._tree.entries["bindings"].value
        assert isinstance(entry, Map)
        bound = entry.entries[name].value
        assert isinstance(bound, Map)
        return Map(bound.mark, dict(_native(key, item) for key, item in bound.entries.items()))

    def put_plugins(self, translation: Translation) -> None:
        """Have the native document register the task types that the file names."""
        if self._tree is None:
            return
        modules = [find(self._tree, ("plugins", i))[0] for i, _ in enumerate(self.document.plugins)]
        types = [{name: find(self._tree, ("types", name))[0]} for name in self.document.types]
        if modules or types:
            translation.put(("plugins",), [*modules, *types], self._tree)


def _native(key: str, entry: Entry) -> tuple[str, Entry]:
    if key != "call" or not isinstance(entry.value, Scalar):
        return key, entry
    scalar = entry.value
    return "function", Entry(entry.mark, Scalar(scalar.mark, scalar.text.replace(":", "."), scalar.plain))
