"""From the path of a configuration to one native document: its files, variables and dialect come together here."""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING

from tetra_orchestrator.config.dialects.registry import recognise
from tetra_orchestrator.config.find import project_root, read_bytes
from tetra_orchestrator.config.interpolate import interpolate, read_dotenv
from tetra_orchestrator.config.loaded import Configuration
from tetra_orchestrator.config.merge import merge, set_value
from tetra_orchestrator.config.problems import Problems
from tetra_orchestrator.config.secrets import with_secrets
from tetra_orchestrator.config.yaml_tree import Map, Scalar, Seq, find, parse, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.config.dialects.source import Dialect
    from tetra_orchestrator.config.yaml_tree import Node

VERSION = "1"
BINDINGS = "bindings.yaml"
#: Dialects that leave no name open.
WITHOUT_BINDINGS = ("tetra", "tauro")


def read(
    path: str,
    *,
    environ: Mapping[str, str],
    overlays: Sequence[str] = (),
    sets: Sequence[str] = (),
    dialect: str | None = None,
    bindings: str | None = None,
) -> Configuration:
    """The document in `path`, in the native form, before anything in it is checked.

    Raises `ConfigError` with every problem met so far, `UsageError` for an unknown dialect or a `--set` that does not
    fit.
    """
    shelf = _Shelf(path, environ)
    tree = shelf.merged(overlays, sets)
    form = recognise(tree, path, dialect)
    if form is None:
        tree = _with_includes(tree, shelf)
        _check_version(tree, shelf.problems)
        text = to_json(tree)
        tree = shelf.filled(tree, text)
    else:
        tree = _translated(form, shelf.filled(tree, to_json(tree)), bindings, shelf)
        text = to_json(tree)
    name = form.NAME if form else "native"
    return Configuration(tree, text, name, tuple(shelf.files), tuple(shelf.looked_for), shelf.problems)


class _Shelf:
    """The files of one configuration: reads them, fills in variables, and keeps account of what was looked at."""

    def __init__(self, path: str, environ: Mapping[str, str]):
        self.path = path
        self.environ = environ
        self.root = project_root(os.path.abspath(path))
        self.problems = Problems(path)
        self.files: list[str] = []
        self.looked_for: list[str] = []
        self._values: Mapping[str, str] | None = None

    def tree(self, path: str) -> Node | None:
        """The document in a file, None after reporting why there is none."""
        self.files.append(path)
        return parse(read_bytes(path), path, self.problems)

    def exists(self, path: str) -> bool:
        """Whether there is such a file; its coming or going changes the configuration."""
        self.looked_for.append(path)
        return os.path.isfile(path)

    def merged(self, overlays: Sequence[str], sets: Sequence[str]) -> Node:
        """The main file under its overlays and single values. Raises `ConfigError` where one cannot be read."""
        tree, *over = [self.tree(name) for name in (self.path, *overlays)]
        for each in over:
            tree = merge(tree, each) if tree and each else None
        if tree is None:
            self.problems.raise_any()
        assert tree is not None
        for assignment in sets:
            tree = set_value(tree, assignment)
        return tree

    def filled(self, tree: Node, text: str) -> Node:
        """The tree, which is `text` as JSON, with its `${VAR}` filled in."""
        if "${" not in text:
            return tree
        if self._values is None:
            dotenv = read_dotenv(os.path.dirname(os.path.abspath(self.path)), self.problems)
            self._values = with_secrets({**dotenv, **self.environ}, tree, text, self.root, self.problems)
        return interpolate(tree, self._values, self.problems)

    def further(self, path: str) -> Map | None:
        """A further file of the same user, with its variables filled in; None after reporting why there is none."""
        tree = self.tree(path)
        if tree is None:
            return None
        filled = self.filled(tree, to_json(tree))
        if isinstance(filled, Map):
            return filled
        self.problems.error("bad_value", tree.mark, (), "the file must be a mapping")
        return None


def _with_includes(tree: Node, shelf: _Shelf) -> Node:
    """The tree laid over the files that its `include` names."""
    node, _, existing = find(tree, ("include",))
    if existing != ("include",) or not isinstance(node, Seq):
        return tree
    base: Node | None = None
    for index, item in enumerate(node.items):
        pattern = item.text if isinstance(item, Scalar) else ""
        full = os.path.join(shelf.root, pattern)
        shelf.looked_for.append(full)
        found = sorted(glob.glob(full, recursive=True)) if pattern else []
        if not found:
            hint = "a path is taken from the project's root; * stands for any name"
            shelf.problems.error("no_file", item.mark, ("include", index), f"no file is called {pattern!r}", hint)
        for name in found:
            part = shelf.tree(name)
            base = merge(base, part) if base and part else base or part
    return merge(base, tree) if base else tree


def _check_version(tree: Node, problems: Problems) -> None:
    """A file of another version may use anything: tell that, and nothing else."""
    node = find(tree, ("version",))[0]
    if isinstance(tree, Map) and isinstance(node, Scalar) and node.text.isdecimal() and node.text != VERSION:
        message = f"this file is of version {node.text}, and this program reads version {VERSION}"
        problems.error("version", node.mark, ("version",), message, "upgrade tetra-orchestrator, or correct the number")
        problems.raise_any()


def _translated(form: Dialect, tree: Node, bindings: str | None, shelf: _Shelf) -> Node:
    from tetra_orchestrator.config.dialects.source import Source

    beside = bindings or os.path.join(os.path.dirname(os.path.abspath(shelf.path)), BINDINGS)
    bound = shelf.further(beside) if bindings or shelf.exists(beside) else None
    if not isinstance(tree, Map):
        shelf.problems.error("bad_value", tree.mark, (), "the file must be a mapping")
    shelf.problems.raise_any()
    assert isinstance(tree, Map)
    path = os.path.abspath(shelf.path)
    if bound and form.NAME in WITHOUT_BINDINGS:
        message = f"a file of the {form.NAME} dialect names what runs itself, so this file has no effect"
        shelf.problems.warning("no_effect", bound.mark, (), message, "remove it")
    source = Source(path, shelf.root, tree, shelf.problems, bound, shelf.environ, shelf.further, shelf.exists)
    native = form.translate(source)
    if native is None:
        shelf.problems.raise_any()
    assert native is not None
    return native
