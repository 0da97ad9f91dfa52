"""Every YAML block of the reference and the explanation can be used as it stands there.

A block is a whole file, a part of one, or bindings. A part is merged over a file that has what the pages speak of. What
is shown as a mistake has `<!-- wrong -->` before it. Tutorial and guides are walked instead, see `tests/walk`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.documentation import PAGES, Block, blocks
from tetra_orchestrator.config.dialects import bindings
from tetra_orchestrator.config.load import load_project
from tetra_orchestrator.config.schema import Document
from tetra_orchestrator.errors import ConfigError

#: What parts of files on these pages refer to without having it.
AROUND = """\
version: 1
project: docs
pipelines:
  data: {command: [python, data.py]}
  report: {command: [python, report.py]}
  features: {tasks: {build: {command: [python, build.py]}}}
  daily_chain: {command: [python, chain.py]}
  quotes: {command: [python, quotes.py]}
  cache: {command: [python, cache.py]}
modes: {daily: [data], weekly: [data], full: [data]}
"""
WRONG = "wrong"
KEYS = {field.alias or name for name, field in Document.model_fields.items()}
WALKED = ("docs/tutorial.md", "docs/how-to/")


def shown() -> list[Block]:
    """The blocks of all pages but those that are walked."""
    pages = [page for page in PAGES if not page.startswith(WALKED)]
    return [block for page in pages for block in blocks(page) if block.language in ("yaml", "yml")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project's folder with the secrets that pages name; `pass` knows all of them."""
    for path in ("keys/api", "keys/acme"):
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        file.write_text("not-so-secret\n")
    tool = tmp_path / "bin" / "pass"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho not-so-secret\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return tmp_path


def variables(text: str) -> dict[str, str]:
    """A value for each variable of the text."""
    names = re.findall(r"\$\{(\w+)", text)
    return {name: "https://example.com/hook" if "URL" in name else "not-so-secret" for name in names}


def is_whole(document: object) -> bool:
    return isinstance(document, dict) and {"version", "project"} <= set(document)


def around(part: dict[str, Any]) -> str:
    """A file with everything that a part may refer to, without what that has itself."""
    whole = yaml.safe_load(AROUND)
    for names in ("pipelines", "modes"):
        whole[names] = {name: value for name, value in whole[names].items() if name not in part.get(names, {})}
    return yaml.dump(whole)


@pytest.mark.parametrize("block", [block for block in shown() if block.mark != WRONG], ids=lambda block: block.place)
def test_a_yaml_block_can_be_used(block, folder):
    document = yaml.load(block.text, yaml.BaseLoader)
    assert isinstance(document, dict), "neither a file nor a part of one"
    if document.keys() <= bindings.Document.model_fields.keys():
        bindings.Document.model_validate(document)
        return
    assert document.keys() <= KEYS, "a file of another system belongs into a block of its own kind"
    if is_whole(document):
        load(folder, block.text)
    else:
        load(folder, around(document), block.text)


def test_a_yaml_block_that_is_shown_as_a_mistake_is_one(folder):
    mistakes = [block for block in shown() if block.mark == WRONG]
    assert mistakes
    for block in mistakes:
        with pytest.raises(ConfigError):
            load(folder, block.text)


def load(folder: Path, text: str, part: str = "") -> None:
    file, over = folder / "orchestration.yaml", folder / "part.yaml"
    file.write_text(text)
    over.write_text(part)
    environ = {**os.environ, **variables(text + part)}
    load_project(str(file), environ=environ, overlays=[str(over)] if part else [], check_modules=False)
