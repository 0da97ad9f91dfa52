"""The stages dialect: `name`, `version` and `stages`, each with `id`, `type`, `depends_on` and `config`.

Every stage becomes a pipeline of one task, in a mode that is called like the file's pipeline.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from tetra_orchestrator.config.complaints import check_shape
from tetra_orchestrator.config.dialects.bindings import Bindings
from tetra_orchestrator.config.dialects.source import Translation, in_parts
from tetra_orchestrator.config.problems import listed
from tetra_orchestrator.config.values import Closed, Filled, Free, FreeMap, Name, Text
from tetra_orchestrator.config.yaml_tree import Entry, Map, Scalar, Seq, find
from tetra_orchestrator.core.graph import find_cycle
from tetra_orchestrator.core.template import escaped

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.source import Source
    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.yaml_tree import Node

NAME = "stages"
MAX_PARALLEL = 4
MAX_CYCLES = 20
#: What a stage may say in the words of a native task, which checks the values.
OF_A_TASK = ("enabled", "env", "resources", "retry", "timeout")
#: A stage of the type `custom` is a program where its `config` names one.
CUSTOM = "custom"
PROGRAMS = ("command", "function")

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_-]*"
_REFERENCE = rf"\{{({_NAME}(?:\.{_NAME})?)\.{_NAME}\}}"
_BRACES = re.compile(rf"\{{{_REFERENCE}\}}|{_REFERENCE}|\{{\{{|\}}\}}")


class Stage(Closed):
    """One step of the pipeline."""

    id: Name
    type: Filled
    depends_on: list[Filled] = []
    config: FreeMap = {}
    enabled: Free = None
    env: Free = None
    resources: Free = None
    retry: Free = None
    timeout: Free = None


class Document(Closed):
    """A whole file."""

    name: Filled
    version: Text = ""
    stages: Annotated[list[Stage], Field(min_length=1)]


def recognises(tree: Map, path: str) -> bool:
    """Whether the document has `stages`."""
    return "stages" in tree.entries


def translate(source: Source) -> Map | None:
    """The native document, or None after reporting why there is none."""
    document = check_shape(source.tree, source.problems, Document)
    if document is None or source.problems:
        return None
    _check_graph(document.stages, source)
    native = _Translator(source, document).document()
    return None if source.problems else native


def _path(index: int) -> Path:
    return ("stages", index)


def _check_graph(stages: list[Stage], source: Source) -> None:
    """Report stages of one name, dependencies on what does not exist, and cycles."""
    known: dict[str, int] = {}
    for index, stage in enumerate(stages):
        if stage.id in known:
            message = f"there are two stages '{stage.id}'"
            _error(source, "duplicate_name", (*_path(index), "id"), message, "give one of them another id")
        known[stage.id] = index
    for index, stage in enumerate(stages):
        for place, name in enumerate(stage.depends_on):
            if name not in known:
                message = f"the stage '{stage.id}' depends on '{name}', and there is no such stage"
                hint = source.problems.guess(name, known, f"stages: {listed(known)}")
                _error(source, "unknown_dependency", (*_path(index), "depends_on", place), message, hint)
    _check_cycles(stages, known, source)


def _check_cycles(stages: list[Stage], known: dict[str, int], source: Source) -> None:
    """Report cycles one by one, each time going on without the last edge."""
    graph = {name: [n for n in stages[index].depends_on if n in known] for name, index in known.items()}
    for _ in range(MAX_CYCLES):
        cycle = find_cycle(graph)
        if cycle is None:
            return
        last, first = cycle[-2:]
        index = known[last]
        path = (*_path(index), "depends_on", stages[index].depends_on.index(first))
        message = f"Circular dependency detected: {' -> '.join(cycle)}"
        _error(source, "cycle", path, message, "remove one of these dependencies")
        graph[last] = [name for name in graph[last] if name != first]


def _error(source: Source, code: str, path: Path, message: str, hint: str | None) -> None:
    source.problems.error(code, find(source.tree, path)[0].mark, path, message, hint)


class _Translator:
    """One document on its way; every method translates a part of it."""

    def __init__(self, source: Source, document: Document):
        self._source = source
        self._user = document
        self._ids = {stage.id: index for index, stage in enumerate(document.stages)}
        self._bindings = Bindings(source)
        self._native = Translation(source.tree)

    def document(self) -> Map:
        put, user = self._native.put, self._user
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", user.name).lstrip("-")[:100] or NAME
        put(("version",), 1)
        put(("project",), name, ("name",))
        put(("title",), f"{user.name} {user.version}".rstrip(), ("name",))
        put(("host", "max_parallel"), MAX_PARALLEL)
        put(("defaults", "run", "barriers"), True)
        for index, stage in enumerate(user.stages):
            self._stage(stage, _path(index))
        put(("modes", name, "pipelines"), list(self._ids), ("stages",))
        self._bindings.put_plugins(self._native)
        return self._native.tree

    def _stage(self, stage: Stage, user: Path) -> None:
        native: Path = ("pipelines", stage.id)
        bound = self._bindings.program(stage.id)
        self._native.put(native, bound or {}, (*user, "id"))
        program = None if bound or stage.type in self._bindings.document.types else _own_program(stage)
        if program:
            self._native.put((*native, program), self._config((*user, "config", program)), (*user, "config", program))
        elif not bound:
            self._native.copy((*native, "type"), (*user, "type"))
        if "config" in stage.model_fields_set:
            config = self._config((*user, "config"))
            assert isinstance(config, Map)
            config.entries.pop(program or "", None)
            self._native.put((*native, "config"), config, (*user, "config"))
        for key in ("depends_on", *OF_A_TASK):
            self._native.copy((*native, key), (*user, key))

    def _config(self, path: Path) -> Node:
        """What stands at a path, in which only the references to stages are left as templates."""
        return self._literal(find(self._source.tree, path)[0], path)

    def _literal(self, node: Node, path: Path) -> Node:
        match node:
            case Scalar():
                return in_parts(node, lambda text: self._template(text, path), escaped)
            case Map():
                entries = {k: Entry(e.mark, self._literal(e.value, (*path, k))) for k, e in node.entries.items()}
                return Map(node.mark, entries)
            case Seq():
                return Seq(node.mark, [self._literal(item, (*path, i)) for i, item in enumerate(node.items)])
        return node

    def _template(self, text: str, path: Path) -> str:
        return _BRACES.sub(lambda braces: self._braces(braces, path), text)

    def _braces(self, braces: re.Match[str], path: Path) -> str:
        """A reference as it is, also one in doubled braces; other doubled braces stay two, so they are doubled."""
        stage: str | None = braces[2]
        if stage is None:
            return braces[0] if braces[1] else braces[0] * 2
        if stage not in self._ids:
            otherwise = f"to have these braces as they are, write {{{braces[0]}}}"
            hint = self._source.problems.guess(stage, self._ids, otherwise)
            _error(self._source, "bad_reference", path, f"{braces[0]}: there is no stage '{stage}'", hint)
        return braces[0]


def _own_program(stage: Stage) -> str | None:
    """The key of `config` that says what a stage of the type `custom` runs."""
    return next((key for key in PROGRAMS if key in stage.config), None) if stage.type == CUSTOM else None
