"""A tetra file that has been checked by itself: what it says, and where it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.dialects.source import Translation
from tetra_orchestrator.config.dialects.tetra_schema import Rule
from tetra_orchestrator.config.problems import listed
from tetra_orchestrator.config.yaml_tree import Scalar, Seq, find

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.source import Source
    from tetra_orchestrator.config.dialects.tetra_schema import Document, Pipeline
    from tetra_orchestrator.config.problems import Mark, Path
    from tetra_orchestrator.config.yaml_tree import Node


class TetraFile:
    """The user's document, its models, and the native document that comes of it."""

    def __init__(self, source: Source, document: Document):
        """`document` is what the source's tree was checked to be."""
        self._tree = source.tree
        self.problems = source.problems
        self.document = document
        self.names = list(dict.fromkeys((*document.pipelines, *document.pipeline_dependencies)))
        self.native = Translation(source.tree)

    def rule(self, name: str) -> Rule:
        """What `pipeline_dependencies` says of a pipeline."""
        return self.document.pipeline_dependencies.get(name) or Rule()

    def entries(self, name: str) -> list[tuple[Path, Pipeline | Rule]]:
        """What the file says of a pipeline, in one section or in both, with the places."""
        found: list[tuple[Path, Pipeline | Rule]] = []
        if name in self.document.pipelines:
            found.append((("pipelines", name), self.document.pipelines[name]))
        if name in self.document.pipeline_dependencies:
            found.append((("pipeline_dependencies", name), self.rule(name)))
        return found

    def node(self, path: Path) -> Node | None:
        """What stands at a path, or None."""
        node, _, existing = find(self._tree, path)
        return node if existing == path else None

    def key(self, path: Path) -> Mark:
        """Where the key of a path stands."""
        return find(self._tree, path)[1]

    def text(self, path: Path) -> str:
        """A scalar, or a list of them, as people write it."""
        node = self.node(path)
        if isinstance(node, Seq):
            return f"[{', '.join(item.text for item in node.items if isinstance(item, Scalar))}]"
        return node.text if isinstance(node, Scalar) else ""

    def is_pipeline(self, path: Path) -> bool:
        """Whether the last key of a path is a pipeline of the file; reports where it is not."""
        name = str(path[-1])
        if name in self.names:
            return True
        message = f"there is no pipeline '{name}' under 'pipelines' or 'pipeline_dependencies'"
        hint = self.problems.guess(name, self.names, f"pipelines: {listed(self.names)}")
        self.problems.error("unknown_pipeline", self.key(path), path, message, hint)
        return False
