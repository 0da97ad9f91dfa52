"""What the checks of a whole file work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.yaml_tree import Map, Scalar, Seq, find
from tetra_orchestrator.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tetra_orchestrator.config.problems import Path, Problems
    from tetra_orchestrator.config.schema import Document
    from tetra_orchestrator.config.schema_tasks import Task
    from tetra_orchestrator.config.yaml_tree import Node
    from tetra_orchestrator.core import model


class Sheet(Record):
    """What is checked: the models, the tree they came from, and where faults go."""

    document: Document
    tree: Node
    problems: Problems

    def error(self, code: str, path: Path, message: str, hint: str | None = None, *, key: bool = False) -> None:
        """Report a fault at the value of `path`, or at its key."""
        node, mark, _ = find(self.tree, path)
        self.problems.error(code, mark if key else node.mark, path, message, hint)

    def names(self, *path: str) -> Collection[str]:
        """The keys of a mapping as the file has them, faulty entries included."""
        node, _, existing = find(self.tree, path)
        return node.entries.keys() if existing == path and isinstance(node, Map) else ()

    def keys_within(self, *path: str) -> dict[str, Collection[str]]:
        """The keys of each mapping in the mapping at `path`: what `names` gives of each, without a walk for each."""
        node, _, existing = find(self.tree, path)
        entries = node.entries if existing == path and isinstance(node, Map) else {}
        return {name: value.entries.keys() if isinstance(value, Map) else () for name, (_, value) in entries.items()}

    def tasks(self) -> Iterator[tuple[Path, Task]]:
        """Every task of the models with its path."""
        for name, pipeline in self.document.pipelines.items():
            if pipeline.tasks is None:
                yield ("pipelines", name), pipeline
            for short, task in (pipeline.tasks or {}).items():
                yield ("pipelines", name, "tasks", short), task

    def warn(self, code: str, path: Path, message: str, hint: str | None = None, *, key: bool = False) -> None:
        """Report what deserves a look but stops nothing."""
        node, mark, _ = find(self.tree, path)
        self.problems.warning(code, mark if key else node.mark, path, message, hint)


def _text_of(item: Node) -> str | None:
    """The name in an item of a list: its text, or the key of `name: condition`."""
    if isinstance(item, Map):
        return next(iter(item.entries), None)
    return item.text if isinstance(item, Scalar) else None


def item_path(sheet: Sheet, path: Path, name: str) -> Path:
    """The path of `name` in the list, mapping or text at `path`."""
    node = find(sheet.tree, path)[0]
    if isinstance(node, Seq):
        texts = [_text_of(item) for item in node.items]
        return (*path, texts.index(name)) if name in texts else path
    return (*path, name) if isinstance(node, Map) else path


def task_path(task: model.Task) -> tuple[str, ...]:
    """Where a task stands in a native document."""
    short = task.id.removeprefix(task.pipeline).removeprefix(".")
    return ("pipelines", task.pipeline, "tasks", short) if short else ("pipelines", task.pipeline)
