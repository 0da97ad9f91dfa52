"""Building configurations in tests: a file in a temporary folder, loaded, or the text of all its problems."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from tetra_orchestrator.config.load import Loaded, load_project
from tetra_orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "version: 1\nproject: p\n"


class Folder:
    """A project folder whose files appear in messages as plain names."""

    def __init__(self, path: Path):
        self.path = path
        self.environ = {"PATH": "/usr/bin:/bin"}

    def write(self, text: str | bytes, name: str = "f.yaml") -> str:
        """The path of a new file; text is dedented."""
        data = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return str(file)

    def load(self, text: str | bytes, *, modules: bool = False, **options: list[str]) -> Loaded:
        return load_project(self.write(text), environ=self.environ, check_modules=modules, **options)

    def problems(self, text: str | bytes, *, modules: bool = False, **options: list[str]) -> str:
        """Everything wrong with the file, rendered, one problem after another."""
        with pytest.raises(ConfigError) as caught:
            self.load(text, modules=modules, **options)
        assert caught.value.exit_code == 78
        problems = "\n".join(problem.render() for problem in caught.value.problems)
        return (problems or str(caught.value)).replace(f"{self.path}/", "")

    def native(self, text: str, **options: list[str]) -> Loaded:
        """The file with `version` and `project` on its first two lines."""
        return self.load(HEAD + textwrap.dedent(text), **options)

    def faults(self, text: str, **options: list[str]) -> str:
        """The problems of the file with `version` and `project` on its first two lines."""
        return self.problems(HEAD + textwrap.dedent(text), **options)

    def warnings(self, text: str) -> list[str]:
        """What deserves a look in the file with `version` and `project` on its first two lines, without its places."""
        return [f"{warning.message}" for warning in self.native(text).warnings]
