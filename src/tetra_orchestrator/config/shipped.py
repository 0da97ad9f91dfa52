"""The files that come with the package: the JSON Schema of native files, and a file to start with."""

from __future__ import annotations

from importlib.resources import files

FOLDER = files("tetra_orchestrator.config")


def schema_text() -> str:
    """The JSON Schema of native files."""
    return FOLDER.joinpath("schema.json").read_text(encoding="utf-8")


def modeline() -> str:
    """The comment by which an editor finds the schema; it comes first in a file."""
    return f"yaml-language-server: $schema={FOLDER.joinpath('schema.json')}"


def starter_text(project: str) -> str:
    """A small project that runs as it is, with what else there is in comments."""
    head = f"# {modeline()}\nversion: 1\nproject: {project}\n"
    return head + FOLDER.joinpath("starter.yaml").read_text(encoding="utf-8")
