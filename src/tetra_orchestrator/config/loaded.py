"""A loaded configuration: the project and where it came from."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.config.problems import Problem
    from tetra_orchestrator.core.model import Project


class Loaded(Record):
    """A project and where it came from. `document` is the merged file as JSON, its `${...}` still unresolved."""

    project: Project
    document: str
    files: tuple[str, ...]
    warnings: tuple[Problem, ...]
