"""The content of `validate`: the plan of a sound configuration, or its problems. Imports next to nothing."""

from __future__ import annotations

import os
import sys

from tetra_orchestrator.config.answers import Answer, keep_answer, read_answer
from tetra_orchestrator.config.find import find_config
from tetra_orchestrator.errors import Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.model import Task


def quick_answer(argv: Sequence[str]) -> int | None:
    """Answer a plain call, from what is kept if nothing changed; None where Typer has to read the options."""
    words = [word for word in argv if word not in ("--json", "--config")]
    if len(words) > 1 or any(word.startswith("-") for word in words) or "--config" in argv[-1:]:
        return None
    path = find_config(words[0] if words else None, os.environ, os.getcwd())
    as_json = "--json" in argv
    answer = read_answer(path, os.environ)
    if answer is None and as_json:
        return None  # problems are to be printed as JSON, too
    show(answer or answer_anew(path), as_json=as_json)
    return Exit.OK


def answer_anew(path: str) -> Answer:
    """Check the configuration without any options, and have the next plain call of an unchanged one answered at once.

    Raises `ConfigError` with every problem in it.
    """
    from tetra_orchestrator.config.load import collector_at_rest, load_project

    with collector_at_rest():
        loaded = load_project(path, environ=os.environ)
        answer = answer_of(loaded)
        keep_answer(path, os.environ, loaded, answer)
    return answer


def answer_of(loaded: Loaded) -> Answer:
    """What there is to say of a sound configuration."""
    from tetra_orchestrator.core.selection import select

    project = loaded.project
    tasks = project.tasks()
    whole = groups(tasks)
    chosen = {mode.name: select(project, mode.name).tasks for mode in project.modes}
    body = {
        "ok": True,
        "project": project.name,
        "title": project.title,
        "dialect": project.dialect,
        "files": list(loaded.files),
        "errors": [],
        "warnings": rows(loaded.warnings),
        "groups": whole,
        "disabled": [task.id for pipeline in project.pipelines for task in pipeline.tasks if _is_off(pipeline, task)],
        "modes": {name: {"groups": whole if some == tasks else groups(some)} for name, some in chosen.items()},
        "summary": {
            "pipelines": len(project.pipelines),
            "tasks": len(tasks),
            "edges": sum(len(task.depends_on) for task in tasks),
        },
    }
    return Answer(body, tuple(warning.render() for warning in loaded.warnings))


def groups(tasks: Iterable[Task]) -> list[list[str]]:
    """The levels of the tasks' graph."""
    from tetra_orchestrator.core.graph import levels

    return levels({task.id: task.depends_on for task in tasks})


def rows(problems: Iterable[object]) -> list[dict[str, Any]]:
    """Problems as published: without the source line, which the file itself holds."""
    names = ("code", "file", "line", "column", "path", "message", "hint")
    return [{name: getattr(problem, name) for name in names} for problem in problems]


def show(answer: Answer, *, as_json: bool) -> None:
    """Print the answer."""
    if as_json:
        from tetra_orchestrator.cli.output import print_json

        print_json("validate", answer.body)
        return
    from tetra_orchestrator.cli.output import near

    body = answer.body
    for warning in answer.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    off = set(body["disabled"])
    title = f" ({body['title']})" if body["title"] else ""
    print(f"files    {', '.join(near(os.path.abspath(file)) for file in body['files'])} ({body['dialect']})")
    _print_groups(f"project  {body['project']}{title}", body["groups"], off)
    for name, mode in body["modes"].items():
        _print_groups(f"mode     {name}", mode["groups"], off)
    _print_summary(body["summary"], len(answer.warnings), os.path.abspath(body["files"][0]))


def _is_off(pipeline: Any, task: Task) -> bool:
    return not (pipeline.enabled and task.enabled)


def _print_groups(title: str, found: list[list[str]], off: Collection[str]) -> None:
    print(title)
    for number, group in enumerate(found, 1):
        print(f"  {number}. {', '.join([f'{name} (disabled)' if name in off else name for name in group])}")


def _print_summary(summary: Mapping[str, int], warnings: int, file: str) -> None:
    counts = [_count(summary[name], name[:-1]) for name in ("pipelines", "tasks", "edges")]
    print(f"\n{file} is valid: {', '.join(counts)}, {_count(warnings, 'warning')}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
