"""The values that hold for a project, written or not, each with where it comes from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from tetra_orchestrator.config.check import OF_A_TASK
from tetra_orchestrator.config.masking import MASK, is_secret, masked
from tetra_orchestrator.config.native_text import from_json
from tetra_orchestrator.config.schema import Document
from tetra_orchestrator.config.schema_tasks import Pipeline
from tetra_orchestrator.config.yaml_tree import Map, Scalar, Seq, find, to_json
from tetra_orchestrator.core.model import RetryPolicy, Task
from tetra_orchestrator.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Literal

    from tetra_orchestrator.config.problems import Mark, Path
    from tetra_orchestrator.config.yaml_tree import Node
    from tetra_orchestrator.core.model import Project

    Kind = Literal["file", "overlay", "option", "environment", "default"]

#: Variables that win over what the file says.
OVERRIDES: dict[Path, str] = {("state",): "TETRA_STATE", ("logs", "dir"): "LOG_DIR"}
_REFERENCE = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)")
_TASK_DEFAULTS: dict[Path, Any] = {
    ("kill_grace",): Task._field_defaults["kill_grace_s"],
    ("retry", "max_attempts"): RetryPolicy().max_attempts,
}


class Variable(Record):
    """A variable that a value names, and where that one comes from."""

    name: str
    source: Literal["environment", ".env", "secret", "default"]


class Origin(Record):
    """Where a value comes from. Only what a file says has a file and a line."""

    kind: Kind
    file: str | None = None
    line: int | None = None
    variables: tuple[Variable, ...] = ()


class Value(Record):
    """One value in effect; `value` is what `json.loads` gives, masked where it is secret."""

    path: Path
    value: Any
    origin: Origin


class Sources(Record):
    """What the values of a configuration may come from, besides its file."""

    overlays: Collection[str]
    environ: Mapping[str, str]
    dotenv: Mapping[str, str]


def effective(tree: Map, document: Document, project: Project, sources: Sources) -> list[Value]:
    """Every value in effect: those written, those inherited from `defaults`, and those nobody wrote."""
    collector = _Collector(tree, sources)
    collector.written(tree, ())
    for path, task in _tasks(tree):
        collector.inherited(_map(tree, "defaults", "task"), task, path)
    for path, default in _defaults(document, ()):
        collector.default(path, default)
    collector.default(("python",), project.python)
    collector.default(("host", "max_parallel"), project.host.max_parallel)
    for path, _ in _tasks(tree):
        for key, default in _TASK_DEFAULTS.items():
            collector.default((*path, *key), default)
    for path, variable in OVERRIDES.items():
        collector.override(path, variable)
    return _grouped(collector.values)


class _Collector:
    """Collects values by path; what came first stays."""

    def __init__(self, tree: Map, sources: Sources):
        self._secrets = tuple(_map(tree, "secrets").entries)
        self._sources = sources
        self.values: dict[Path, Value] = {}

    def written(self, node: Node, path: Path) -> None:
        """Add what is written below `path`; a list of plain values is one value."""
        if isinstance(node, Map) and node.entries:
            for key, entry in node.entries.items():
                self.written(entry.value, (*path, key))
        elif isinstance(node, Seq) and any(isinstance(item, (Map, Seq)) for item in node.items):
            for index, item in enumerate(node.items):
                self.written(item, (*path, index))
        elif path not in self.values:
            variables = tuple(self._variable(name) for name in dict.fromkeys(_names(node)))
            self.values[path] = Value(path, self._shown(node, path), self._origin(node.mark, variables))

    def inherited(self, defaults: Map, task: Map, path: Path) -> None:
        """Add what the task does not say itself and `defaults` do."""
        for key, entry in defaults.entries.items():
            own = task.entries.get(key)
            if own is None:
                self.written(entry.value, (*path, key))
            elif isinstance(own.value, Map) and isinstance(entry.value, Map):
                self.inherited(entry.value, own.value, (*path, key))

    def default(self, path: Path, value: Any) -> None:
        """Add what nobody wrote."""
        if path not in self.values:
            shown = int(value) if isinstance(value, float) and value.is_integer() else value
            self.values[path] = Value(path, shown, Origin("default"))

    def override(self, path: Path, variable: str) -> None:
        """Replace a value by that of a variable, if it is set."""
        if self._sources.environ.get(variable):
            shown = masked(self._sources.environ[variable], path)
            self.values[path] = Value(
                path, shown, Origin("environment", variables=(Variable(variable, "environment"),))
            )

    def _shown(self, node: Node, path: Path) -> Any:
        """The value with its variables filled in, unless one of them or its place is secret."""
        if isinstance(node, Seq):
            written = masked([_written(item) for item in node.items], path, self._secrets)
            pairs = zip(node.items, written, strict=True)
            return [MASK if veil == MASK else self._shown(item, path) for item, veil in pairs]
        if isinstance(node, Scalar) and is_secret(path, node.raw or node.text, self._secrets):
            return MASK if node.text else ""
        return masked(from_json(to_json(_filled(node))), path, self._secrets)

    def _variable(self, name: str) -> Variable:
        if name in self._secrets:
            return Variable(name, "secret")
        if name in self._sources.environ:
            return Variable(name, "environment")
        return Variable(name, ".env" if name in self._sources.dotenv else "default")

    def _origin(self, mark: Mark, variables: tuple[Variable, ...]) -> Origin:
        if mark.source.option:
            return Origin("option", variables=variables)
        kind: Kind = "overlay" if mark.source.name in self._sources.overlays else "file"
        return Origin(kind, mark.source.name, mark.line, variables)


def _filled(node: Node) -> Node:
    return Scalar(node.mark, node.text, node.plain) if isinstance(node, Scalar) else node


def _written(node: Node) -> str:
    return (node.raw or node.text) if isinstance(node, Scalar) else ""


def _names(node: Node) -> Iterator[str]:
    """The variables that a value names."""
    for item in node.items if isinstance(node, Seq) else (node,):
        if isinstance(item, Scalar) and item.raw:
            yield from _REFERENCE.findall(item.raw)


def _map(tree: Map, *path: str) -> Map:
    """The mapping at a path; an empty one where there is none."""
    node, _, existing = find(tree, path)
    return node if existing == path and isinstance(node, Map) else Map(tree.mark, {})


def _tasks(tree: Map) -> Iterator[tuple[Path, Map]]:
    """Every task of the document with its path."""
    for name in _map(tree, "pipelines").entries:
        pipeline = _map(tree, "pipelines", name)
        if "tasks" not in pipeline.entries:
            yield ("pipelines", name), pipeline
        for task in _map(tree, "pipelines", name, "tasks").entries:
            yield ("pipelines", name, "tasks", task), _map(tree, "pipelines", name, "tasks", task)


def _defaults(model: BaseModel, path: Path) -> Iterator[tuple[Path, Any]]:
    """The defaults that a model filled in, by path."""
    without = OF_A_TASK if isinstance(model, Pipeline) and model.tasks is not None else ()
    for name, field in type(model).model_fields.items():
        value, here = getattr(model, name), (*path, field.alias or name)
        if isinstance(value, (BaseModel, dict, list)):
            yield from _below(value, here)
        elif name not in model.model_fields_set and name not in without and value is not None:
            yield here, value


def _below(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, BaseModel):
        yield from _defaults(value, path)
    elif isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _below(item, (*path, key))


def _grouped(values: Mapping[Path, Value]) -> list[Value]:
    """The values with those of one part together: the parts of the file in their usual order, others as they came."""
    seen: dict[Path, int] = {(key,): number for number, key in enumerate(Document.model_fields)}
    for path in values:
        for depth in range(len(path)):
            seen.setdefault(path[: depth + 1], len(seen))
    order = {path: tuple(seen[path[: depth + 1]] for depth in range(len(path))) for path in values}
    return sorted(values.values(), key=lambda value: order[value.path])
