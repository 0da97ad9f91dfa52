"""A configuration that was read, and the project it describes."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.config.problems import Problem, Problems
    from tetra_orchestrator.config.yaml_tree import Node
    from tetra_orchestrator.core.model import Project


class Configuration(Record):
    """A native document and where it came from.

    `tree` has every `${VAR}` filled in, `text` is the same as JSON with none of them filled in; what was written in
    another dialect is translated in both. `files` were read; `looked_for` are those that would have been, too;
    `variables` are what the files name in `${...}`, `secrets` the values that no log may show.
    """

    tree: Node
    text: str
    dialect: str
    files: tuple[str, ...]
    looked_for: tuple[str, ...]
    problems: Problems
    variables: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


class Loaded(Record):
    """A project and where it came from.

    `document` is the native document as JSON, its `${...}` still unresolved, with `***` for what stands in the file
    itself of the secrets of channels and heartbeats. `secrets` are the values that nothing may show, be it with
    `logs: redact: false` or not; they are never kept.
    """

    project: Project
    document: str
    files: tuple[str, ...]
    warnings: tuple[Problem, ...]
    looked_for: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
