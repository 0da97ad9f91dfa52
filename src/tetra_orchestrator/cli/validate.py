"""`validate`: every problem of the configuration at once, or the plan it describes."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption, OverlayOption, SetOption
from tetra_orchestrator.core.graph import levels
from tetra_orchestrator.core.selection import select
from tetra_orchestrator.errors import ConfigError, Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.model import Task


def command(
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="Configuration file.")] = None,
    config: ConfigOption = None,
    overlay: OverlayOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check the configuration; print the plan by groups that may run side by side."""
    from tetra_orchestrator.config.find import find_config
    from tetra_orchestrator.config.load import load_project

    try:
        path = find_config(file or config, os.environ, os.getcwd())
        loaded = load_project(path, environ=os.environ, overlays=overlay or (), sets=set_ or ())
    except ConfigError as error:
        if not as_json:
            raise
        body = {"ok": False, "dialect": None, "files": [], "errors": _rows(error.problems), "warnings": []}
        print_json("validate", {**body, "groups": [], "modes": {}, "summary": None})
        return Exit.CONFIG
    if as_json:
        print_json("validate", _body(loaded))
    else:
        _print(loaded)
    return Exit.OK


def groups(tasks: Iterable[Task]) -> list[list[str]]:
    """The levels of the tasks' graph."""
    return levels({task.id: task.depends_on for task in tasks})


def _rows(problems: Iterable[object]) -> list[dict[str, Any]]:
    """Problems as published: without the source line, which the file itself holds."""
    names = ("code", "file", "line", "column", "path", "message", "hint")
    return [{name: getattr(problem, name) for name in names} for problem in problems]


def _body(loaded: Loaded) -> dict[str, Any]:
    project = loaded.project
    tasks = project.tasks()
    return {
        "ok": True,
        "dialect": project.dialect,
        "files": list(loaded.files),
        "errors": [],
        "warnings": _rows(loaded.warnings),
        "groups": groups(tasks),
        "modes": {mode.name: {"groups": groups(select(project, mode.name).tasks)} for mode in project.modes},
        "summary": {
            "pipelines": len(project.pipelines),
            "tasks": len(tasks),
            "edges": sum(len(task.depends_on) for task in tasks),
        },
    }


def _print(loaded: Loaded) -> None:
    body = _body(loaded)
    for warning in loaded.warnings:
        print(f"warning: {warning.render()}", file=sys.stderr)
    _print_groups(f"project {loaded.project.name}", body["groups"])
    for name, mode in body["modes"].items():
        _print_groups(f"mode {name}", mode["groups"])
    _print_summary(body["summary"], len(loaded.warnings), loaded.project.file)


def _print_groups(title: str, found: list[list[str]]) -> None:
    print(title)
    for number, group in enumerate(found, 1):
        print(f"  {number}. {', '.join(group)}")


def _print_summary(summary: Mapping[str, int], warnings: int, file: str) -> None:
    counts = [_count(summary[name], name[:-1]) for name in ("pipelines", "tasks", "edges")]
    print(f"\n{file} is valid: {', '.join(counts)}, {_count(warnings, 'warning')}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
