"""The native document that a `pipeline_config.yaml` becomes, in the making."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.dialects.source import Translation
from tetra_orchestrator.config.yaml_tree import Map, Scalar, find

if TYPE_CHECKING:
    from collections.abc import Collection

    from tetra_orchestrator.config.dialects.recomart_schema import Document
    from tetra_orchestrator.config.problems import Path, Problems


class Draft(Translation):
    """The native document in the making, with the user's own beside it."""

    def __init__(self, tree: Map, user: Document, problems: Problems):
        """`user` is what `tree` says, without its faulty parts."""
        super().__init__(tree)
        self.user_tree = tree
        self.user = user
        self.problems = problems

    def number(self, path: Path, value: float | None, origin: Path, unit: str = "") -> None:
        """Put a number as the user wrote it, or the default that holds instead; nothing where there is none."""
        if value is None:
            return
        found, _, existing = find(self.user_tree, origin)
        written = found.text if existing == origin and isinstance(found, Scalar) else str(value)
        self.put(path, Scalar(found.mark, written + unit, True), origin)

    def written(self, section: str) -> Collection[str]:
        """The keys of a section as the user has them, faulty entries included."""
        entry = self.user_tree.entries.get(section)
        return entry.value.entries.keys() if entry and isinstance(entry.value, Map) else ()

    def error(self, code: str, path: Path, message: str, hint: str) -> None:
        """Report a fault at the user's key."""
        self.problems.error(code, find(self.user_tree, path)[1], path, message, hint)

    def no_effect(self, path: Path, message: str, hint: str) -> None:
        """Warn of something that the user wrote for nothing."""
        self.problems.warning("no_effect", find(self.user_tree, path)[1], path, message, hint)
