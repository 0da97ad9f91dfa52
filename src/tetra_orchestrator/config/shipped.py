"""The files that come with the package: the JSON Schema of native files, and a file to start with."""

from __future__ import annotations

from importlib.resources import files
from urllib.parse import quote

FOLDER = files("tetra_orchestrator.config")


def schema_text() -> str:
    """The JSON Schema of native files."""
    return FOLDER.joinpath("schema.json").read_text(encoding="utf-8")


def modeline() -> str:
    """The comment by which an editor finds the schema; it comes first in a file."""
    path = str(FOLDER.joinpath("schema.json"))
    address = quote(path)  # a space would end the path
    return f"yaml-language-server: $schema={path if address == path else f'file://{address}'}"


def starter_text(project: str) -> str:
    """A small project that runs as it is, with what else there is in comments."""
    head = f"# {modeline()}\nversion: 1\nproject: {project}\n"
    return head + FOLDER.joinpath("starter.yaml").read_text(encoding="utf-8")
