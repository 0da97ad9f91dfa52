"""What a dialect is given, and what it answers: a user's document in, a native document out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tetra_orchestrator.config.interpolate import INSIDE
from tetra_orchestrator.config.yaml_tree import Entry, Map, Null, Scalar, Seq, find
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.template import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol

    from tetra_orchestrator.config.problems import Mark, Path, Problems
    from tetra_orchestrator.config.yaml_tree import Node

    class Dialect(Protocol):
        """One way to write a configuration; each module of this package is one."""

        NAME: str

        # Whether a document of this shape is of this dialect. `path` is where it was read from.
        def recognises(self, tree: Map, path: str) -> bool: ...

        # The native document, or None after reporting why there is none.
        def translate(self, source: Source) -> Map | None: ...


_BRACES = re.compile(rf"\$\{{{INSIDE}\}}|[{{}}]")
_VARIABLE = re.compile(rf"(?<!\$)(\$\{{{INSIDE}\}})")


class Source(Record):
    """A user's document on its way to the native form. `${VAR}` is filled in already.

    `path` is the file's and `root` the project's absolute path; `bindings` says what runs for the names that the file
    leaves open, None without such a file. `read` gives the tree of a further YAML file by its absolute path, or None
    when it cannot be read, after reporting why; `exists` tells whether there is one.
    """

    path: str
    root: str
    tree: Map
    problems: Problems
    bindings: Map | None
    environ: Mapping[str, str]
    read: Callable[[str], Map | None]
    exists: Callable[[str], bool]


class Translation:
    """A native document that is put together piece by piece. Every value keeps the place of the user's own words."""

    def __init__(self, tree: Map):
        """`tree` is the user's document, in which the origins are looked up."""
        self._user = tree
        self.tree = Map(tree.mark, {})

    def put(self, path: Path, value: object, origin: Path | Node = ()) -> None:
        """Set the value at a native path (mappings on the way are made), as if it stood at `origin`.

        `value` is text, a number, a truth value, None for an empty value, a list or mapping of these, or a node, which
        stays as it is. `origin` is a path in the user's document or a node of any document.
        """
        mark, key_mark = self._marks(origin)
        target = self.tree
        for key in path[:-1]:
            known = target.entries.get(str(key))
            if known is None:
                known = target.entries[str(key)] = Entry(key_mark, Map(mark, {}))
            assert isinstance(known.value, Map)
            target = known.value
        target.entries[str(path[-1])] = Entry(key_mark, node(value, mark))

    def copy(self, path: Path, origin: Path) -> None:
        """Set the user's own node at a native path; nothing happens where the user has none."""
        found, _, existing = find(self._user, origin)
        if existing == origin:
            self.put(path, found, origin)

    def _marks(self, origin: Path | Node) -> tuple[Mark, Mark]:
        if isinstance(origin, (Map, Seq, Scalar, Null)):
            return origin.mark, origin.mark
        found, key_mark, _ = find(self._user, origin)
        return found.mark, key_mark


def node(value: object, mark: Mark) -> Node:
    """A value as a tree whose every part stands at `mark`; parts that are nodes stay as they are."""
    if isinstance(value, (Map, Seq, Scalar, Null)):
        return value
    if value is None:
        return Null(mark)
    if isinstance(value, dict):
        return Map(mark, {str(key): Entry(mark, node(item, mark)) for key, item in value.items()})
    if isinstance(value, (list, tuple)):
        return Seq(mark, [node(item, mark) for item in value])
    if isinstance(value, bool):
        return Scalar(mark, "true" if value else "false", True)
    if isinstance(value, (int, float)):
        return Scalar(mark, str(value), True)
    return Scalar(mark, str(value), False)


def literal(tree: Node) -> Node:
    """The tree with every brace doubled, for a dialect in which no text is a template."""
    match tree:
        case Map():
            return Map(tree.mark, {key: Entry(e.mark, literal(e.value)) for key, e in tree.entries.items()})
        case Seq():
            return Seq(tree.mark, [literal(item) for item in tree.items])
        case Scalar():
            raw = None if tree.raw is None else doubled(tree.raw)
            return tree._replace(text=escaped(tree.text), raw=raw)
    return tree


def doubled(text: str) -> str:
    """The text with every brace doubled, except those of `${VAR}`."""
    return _BRACES.sub(lambda braces: braces[0] if braces[0][0] == "$" else braces[0] * 2, text)


def in_parts(scalar: Scalar, own: Callable[[str], str], given: Callable[[str], str] = str) -> Scalar:
    """The scalar after `own` was applied to what stands in the file and `given` to what variables have given."""
    parts = _VARIABLE.split(scalar.raw or "")
    said = [part.replace("$${", "${") for part in parts[::2]]
    found = re.fullmatch("(.*?)".join(map(re.escape, said)), scalar.text, re.DOTALL)
    if scalar.raw is None or found is None:
        return scalar._replace(text=own(scalar.text))
    values = [*map(given, found.groups()), ""]
    text = "".join(own(part) + value for part, value in zip(said, values, strict=True))
    raw = "".join(part if at % 2 else own(part) for at, part in enumerate(parts))
    return scalar._replace(text=text, raw=raw)
