"""What `validate` found, kept until anything that it depends on changes: checking 10,000 tasks takes most of a second.

Kept beside the parsed project and by the same key; see `cache`. A faulty configuration is never kept, nor one for which
the tasks' interpreter had to be asked.
"""

from __future__ import annotations

import os

from tetra_orchestrator.config.cache import FOLDER, further, given_python, key_of, read, write
from tetra_orchestrator.config.find import find_python, module_on_disk, project_root
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tetra_orchestrator.config.loaded import Loaded

NAME = "answer"


class Answer(Record):
    """`body` is what is published, `warnings` are those in it as people see them, with their source lines."""

    body: dict[str, Any]
    warnings: tuple[str, ...]


def read_answer(path: str, environ: Mapping[str, str]) -> Answer | None:
    """The answer about the configuration in `path`, if there is one and it still holds."""
    kept = read(os.path.join(project_root(path), FOLDER, NAME), lambda more: key_of(path, environ, more=more))
    if kept is None:
        return None
    from json import loads

    try:
        (python, modules, pythonpath), body, warnings = (loads(line) for line in kept)
        there = all(module_on_disk(folder, name, pythonpath) for folder, name in modules)
    except (ValueError, TypeError):
        return None
    if not there or find_python(python, project_root(path), environ) is None:
        return None
    return Answer(body, tuple(warnings))


def keep_answer(path: str, environ: Mapping[str, str], loaded: Loaded, answer: Answer) -> None:
    """Keep the answer where it depends on nothing but files."""
    from json import dumps

    from tetra_orchestrator.core.model import Command, Module, Shell

    project = loaded.project
    programs = [(task.cwd or project.root, task.program) for task in project.tasks()]
    modules = [(folder, program.name) for folder, program in programs if isinstance(program, Module)]
    plain = all(isinstance(program, (Command, Module, Shell)) for _, program in programs)
    more = further(path, (), loaded)
    plain = plain and not project.environment.passed  # what is said of those depends on their values
    key = key_of(path, environ, more=more, loaded=loaded) if plain else None
    if key and all(module_on_disk(folder, name, project.pythonpath) for folder, name in modules):
        outside = [given_python(loaded), modules, project.pythonpath]
        lines = [dumps(part) for part in (outside, answer.body, answer.warnings)]
        write(os.path.join(project_root(path), FOLDER, NAME), key, more, lines)
