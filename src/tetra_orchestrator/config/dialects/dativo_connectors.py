"""What the connectors of a dativo job stand for: the `connectors:` section of bindings.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from tetra_orchestrator.config.complaints import check_shape
from tetra_orchestrator.config.dialects.bindings import Target
from tetra_orchestrator.config.values import Closed, FreeMap, VariableName, Whole, fault
from tetra_orchestrator.config.yaml_tree import Map, find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.config.dialects.source import Source
    from tetra_orchestrator.config.yaml_tree import Node

WORKER = "tetra_orchestrator.worker.connectors"
COUNTS = ("records", "invalid", "files")
BUILT_IN = {"source": "fake", "target": "null_writer"}


class Connector(Closed):
    """What a connector's name stands for: a function of the user's, or one of ours."""

    call: Target | None = None
    check: Target | None = None
    builtin: Literal["fake", "null_writer"] | None = None
    records: Annotated[Whole, Field(ge=0)] | None = None
    invalid: Annotated[Whole, Field(ge=0)] | None = None
    files: Annotated[Whole, Field(ge=1)] | None = None
    options: FreeMap = {}
    secrets: list[VariableName] = []

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Connector:
        if (self.call is None) == (self.builtin is None):
            raise fault("must have either 'call' or 'builtin'", 'write {call: "module:function"}')
        if self.builtin != BUILT_IN["source"] and self.model_fields_set.intersection(COUNTS):
            raise fault(f"has {', '.join(COUNTS)} only with `builtin: fake`", "hand other settings over in `options`")
        return self


class _Section(Closed):
    connectors: dict[str, Connector] = {}


class Connectors:
    """The connectors that something is bound to."""

    def __init__(self, source: Source):
        """Read them; faults go to the source's problems."""
        self._problems = source.problems
        self._bound: Mapping[str, Connector] = {}
        self._tree = Map(source.tree.mark, {})
        if source.bindings and "connectors" in source.bindings.entries:
            self._tree = Map(source.bindings.mark, {"connectors": source.bindings.entries["connectors"]})
            checked = check_shape(self._tree, self._problems, _Section)
            self._bound = checked.connectors if checked else {}

    def __contains__(self, name: str) -> bool:
        """Whether something is bound to `name`."""
        return name in self._bound

    def check_role(self, name: str, role: str, place: Node) -> None:
        """Report a source that is used as a target, or the reverse; `place` is where the job names it."""
        bound = self._bound.get(name)
        if bound and bound.builtin not in (None, BUILT_IN[role]):
            message = f"'{name}' is bound to '{bound.builtin}', which is no {role}"
            hint = f'in bindings.yaml: `connectors: {{{name}: {{call: "module:function"}}}}`'
            self._problems.error("wrong_connector", place.mark, (f"{role}_connector",), message, hint)

    def call(self, name: str, own: Node | None) -> dict[str, Any]:
        """What is called for a connector, with which keywords: those of the binding under the job's `own`."""
        bound = self._bound.get(name)
        if bound is None:
            return {}
        entries = nodes_of(find(self._tree, ("connectors", name))[0])
        counts = {key: value for key, value in entries.items() if key in COUNTS}
        options = {**counts, **nodes_of(entries.get("options")), **nodes_of(own)}
        called = {"call": bound.call or f"{WORKER}:{bound.builtin}", "options": options, "secrets": bound.secrets}
        return {**called, "check": bound.check} if bound.check else called


def nodes_of(tree: Node | None) -> dict[str, Node]:
    """The values of a mapping by key; nothing for anything else."""
    return {key: entry.value for key, entry in tree.entries.items()} if isinstance(tree, Map) else {}
