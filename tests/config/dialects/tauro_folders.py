"""Folders with tauro files in tests: what they become, and what is said about them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.config.read import read
from tetra_orchestrator.config.scalars import typed
from tetra_orchestrator.config.yaml_tree import Map, Scalar, Seq
from tetra_orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from tetra_orchestrator.config.yaml_tree import Node


class Tauro:
    """A folder of tauro files; what is written last is the file that is given."""

    def __init__(self, path: Path):
        self.path = path
        self.environ = {"PATH": "/usr/bin:/bin"}
        self.given = ""

    def write(self, text: str, name: str = "nodes.yaml") -> Tauro:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        self.given = str(file)
        return self

    def native(self) -> dict[str, Any]:
        """The native document, which is loaded, too."""
        load_project(self.given, environ=self.environ, check_modules=False)
        found = read(self.given, environ=self.environ)
        assert found.dialect == "tauro"
        value: dict[str, Any] = plain(found.tree)
        return value

    def context(self, node: str) -> Any:
        """The `ml_context` of a node, None without one."""
        return self.native()["pipelines"][node]["config"].get("ml_context")

    def warnings(self) -> str:
        return self._shown(load_project(self.given, environ=self.environ, check_modules=False).warnings)

    def problems(self) -> str:
        with pytest.raises(ConfigError) as caught:
            load_project(self.given, environ=self.environ, check_modules=False)
        assert caught.value.exit_code == 78
        return self._shown(caught.value.problems)

    def _shown(self, problems: Any) -> str:
        return "\n".join(problem.render() for problem in problems).replace(f"{self.path}/", "")


def plain(node: Node) -> Any:
    """A tree as Python values."""
    if isinstance(node, Map):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Seq):
        return [plain(item) for item in node.items]
    if isinstance(node, Scalar):
        return typed(node.text) if node.plain else node.text
    return None
