"""From the path of a configuration to one native document: its files, variables and dialect come together here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tetra_orchestrator.config.dialects.registry import recognise
from tetra_orchestrator.config.elsewhere import elsewhere
from tetra_orchestrator.config.find import MAX_BYTES, matching, project_root, read_bytes
from tetra_orchestrator.config.hidden import Hidden
from tetra_orchestrator.config.interpolate import interpolate, read_dotenv, variables_in
from tetra_orchestrator.config.loaded import Configuration
from tetra_orchestrator.config.masking import is_secret
from tetra_orchestrator.config.merge import merge, set_value
from tetra_orchestrator.config.own_secrets import own_secrets
from tetra_orchestrator.config.problems import Problems
from tetra_orchestrator.config.secrets import declared, with_secrets
from tetra_orchestrator.config.tenant_secrets import with_tenant_secrets
from tetra_orchestrator.config.unresolved import with_references
from tetra_orchestrator.config.yaml_tree import Map, Scalar, Seq, find, parse, to_json
from tetra_orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tetra_orchestrator.config.dialects.source import Dialect
    from tetra_orchestrator.config.hidden import Secrets
    from tetra_orchestrator.config.problems import Mark
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
    on: str | None = None,
    snapshot: str | None = None,
) -> Configuration:
    """The document in `path`, in the native form, before anything in it is checked.

    `on` names a runner for its tasks. With a `snapshot` that is taken for what the file says: a native document with
    its references unresolved.

    Raises `ConfigError` with every problem met so far, `UsageError` for an unknown dialect or a `--set` that does not
    fit.
    """
    shelf = _Shelf(path, environ, snapshot)
    tree = shelf.merged(overlays, sets)
    form = recognise(tree, path, dialect)
    if form is None:
        tree = tree if snapshot is not None else _with_includes(tree, shelf)
        _check_version(tree, shelf.problems)
        tree = elsewhere(tree, on) if on else tree
        text = to_json(tree)
        shelf.hide(own_secrets(tree))
        told = with_tenant_secrets(tree, shelf.problems)
        tree = shelf.filled(told, text if told is tree else to_json(told))
    else:
        tree = shelf.unresolved(_translated(form, shelf.filled(tree, to_json(tree)), bindings, shelf))
        tree = elsewhere(tree, on) if on else tree
        text = to_json(tree)
        shelf.hide(own_secrets(tree))
    name = form.NAME if form else "native"
    variables = tuple(sorted(shelf.variables))
    files, looked_for = tuple(shelf.files), tuple(shelf.looked_for)
    return Configuration(tree, text, name, files, looked_for, shelf.problems, variables, shelf.secrets_in(tree))


class _Shelf:
    """The files of one configuration: reads them, fills in variables, and keeps account of what was looked at."""

    def __init__(self, path: str, environ: Mapping[str, str], snapshot: str | None):
        self.path = path
        self._snapshot = snapshot
        self.environ = environ
        self.root = project_root(os.path.abspath(path))
        self.problems = Problems(path)
        self.files: list[str] = []
        self.looked_for: list[str] = []
        self.variables: set[str] = set()
        self._hidden = Hidden(self.problems)
        self._written: list[str] = []
        self._values: Mapping[str, str] | None = None
        self._bytes = 0

    def tree(self, path: str) -> Node | None:
        """The document in a file, None after reporting why there is none. Raises `ConfigError` for no readable file."""
        self.files.append(path)
        data = read_bytes(path) if self._snapshot is None else self._snapshot.encode()
        self._bytes += len(data)
        if self._bytes > MAX_BYTES:
            raise ConfigError(
                f"with this file there are {self._bytes >> 20} MB, and at most {MAX_BYTES >> 20} MB are read",
                hint="are these the right files?",
                where=path,
            )
        return parse(data, path, self.problems)

    def exists(self, path: str) -> bool:
        """Whether there is such a file, be it one to read or not; its coming or going changes the configuration."""
        self.looked_for.append(path)
        return os.path.exists(path) and not os.path.isdir(path)

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
        self._written.append(text)
        if "${" not in text:
            return tree
        named = variables_in(text)
        self.variables |= named
        if self._values is None:
            dotenv = read_dotenv(os.path.dirname(os.path.abspath(self.path)), self.problems)
            self._values = with_secrets({**dotenv, **self.environ}, tree, text, self.root, self.problems)
            self._hidden.declared = declared(tree)
        for name in named:
            if is_secret((), f"${{{name}}}"):
                self.problems.hide(self._values.get(name, ""))
        done = interpolate(tree, self._values, self.problems)
        self._hidden.note_names(done, self._values)
        return done

    def secrets_in(self, tree: Node) -> Secrets:
        """Every secret value that the native tree or the files behind it were given."""
        if self.variables:
            self._hidden.note_places(tree, self._values or {})
        self._hidden.note_passed(tree, self.environ)
        return self._hidden.values()

    def unresolved(self, tree: Node) -> Node:
        """A translated tree that says as which reference the user wrote what a dialect has made new text of."""
        known = self._values or {}
        values = {name: known[name] for name in self.variables if name in known}
        return with_references(tree, values, "\n".join(self._written)) if values else tree

    def hide(self, secrets: Iterable[str]) -> None:
        """Have no message show what stands in the file and is secret."""
        for secret in secrets:
            self.problems.hide(secret)

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
        if os.path.isabs(pattern) or ".." in pattern.split("/"):
            hint = "copy it there, or lay it over with --overlay"
            message = f"{pattern!r} is not in the project's folder"
            shelf.problems.error("outside", item.mark, ("include", index), message, hint)
            continue
        if pattern.count("**") > 1:
            message = f"{pattern!r} has ** more than once"
            shelf.problems.error("bad_value", item.mark, ("include", index), message, "write several patterns")
            continue
        found = matching(full) if pattern else []
        if not found:
            hint = "a path is taken from the project's root; * stands for any name"
            shelf.problems.error("no_file", item.mark, ("include", index), f"no file is called {pattern!r}", hint)
        for name in found:
            part = _included(name, item.mark, shelf)
            base = merge(base, part) if base and part else base or part
    return merge(base, tree) if base else tree


def _included(path: str, mark: Mark, shelf: _Shelf) -> Map | None:
    """The mapping in an included file, None after reporting why there is none; `mark` is where it is named."""
    if not os.path.realpath(path).startswith(os.path.join(os.path.realpath(shelf.root), "")):
        message = f"{path} leads to {os.path.realpath(path)}, outside of the project's folder"
        shelf.problems.error("outside", mark, ("include",), message, "copy it there, or lay it over with --overlay")
        return None
    try:
        part = shelf.tree(path)
    except ConfigError as error:
        shelf.problems.error("unreadable", mark, ("include", path), f"{path}: {error.message}", error.hint)
        return None
    if part is None:
        return None
    if not isinstance(part, Map):
        shelf.problems.error("bad_value", part.mark, (), "an included file must be a mapping")
        return None
    if "include" in part.entries:
        hint = "name that file in the `include` of the file that includes this one"
        mark = part.entries["include"].mark
        shelf.problems.error("nested_include", mark, ("include",), "an included file cannot include others", hint)
    return part


def _check_version(tree: Node, problems: Problems) -> None:
    """A file of another version may use anything: tell that, and nothing else."""
    node = find(tree, ("version",))[0]
    if isinstance(tree, Map) and isinstance(node, Scalar) and node.text.isdecimal() and node.text != VERSION:
        message = f"this file is of version {node.text}, and this program reads version {VERSION}"
        problems.error("version", node.mark, ("version",), message, "upgrade tetra-orchestrator, or correct the number")
        problems.raise_any()


def _bindings_places(path: str) -> Iterator[str]:
    """Where bindings are looked for: beside the file, in its project, and for `jobs/TENANT/x.yaml` above `jobs`."""
    folder = os.path.dirname(path)
    yield from dict.fromkeys(os.path.join(place, BINDINGS) for place in (folder, project_root(path)))
    above, name = os.path.split(os.path.dirname(folder))
    if name == "jobs":
        yield from (os.path.join(above, place, BINDINGS) for place in ("", "configs"))


def _translated(form: Dialect, tree: Node, bindings: str | None, shelf: _Shelf) -> Node:
    from tetra_orchestrator.config.dialects.source import Source

    found = bindings or next(filter(shelf.exists, _bindings_places(os.path.abspath(shelf.path))), None)
    bound = shelf.further(found) if found else None
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
