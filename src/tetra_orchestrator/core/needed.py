"""What a project needs to find around itself, so that it can be looked for: in a shell, and in a timer's job."""

from __future__ import annotations

import re

from tetra_orchestrator.core.model import SQLITE, Command, Shell
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from tetra_orchestrator.core.model import Program as TaskProgram
    from tetra_orchestrator.core.model import Project, Task

#: The word at the beginning of each command of a shell line. One that is no program is found nowhere, and not told.
_COMMAND = re.compile(r"(?:^|[|;&(\n])\s*(?:\w+=\S*\s+)*([A-Za-z0-9_./+-]+)(?=[\s;|&)]|$)")


class Program(Record):
    """A program that a task starts: by name on PATH or, with a `/`, from `folder`.

    The folder `first` (the interpreter's) is looked through before PATH; `search` is the file's own PATH, if any.
    """

    task: str
    name: str
    folder: str
    search: str | None
    first: str


class Place(Record):
    """An absolute path that must be readable or `writable`, and what it is: `state`, `logs`, `project` ..."""

    role: str
    path: str
    writable: bool = False


class Needs(Record):
    """What is looked for. `variables` are the names that the file mentions; `tz` is the TZ that it gives to tasks."""

    root: str
    programs: tuple[Program, ...]
    places: tuple[Place, ...]
    interpreters: tuple[str, ...]
    variables: tuple[str, ...]
    tz: str | None

    def question(self) -> dict[str, Any]:
        """The question for `adapters.surroundings`, as JSON values; answers come in the same order."""
        return {
            "root": self.root,
            "tz": self.tz,
            "programs": [
                {"name": one.name, "folder": one.folder, "search": one.search, "first": one.first}
                for one in self.programs
            ],
            "places": [{"path": one.path, "writable": one.writable} for one in self.places],
            "interpreters": list(self.interpreters),
        }


def needed(project: Project, variables: Sequence[str], python: str) -> Needs:
    """What the project needs. `variables` are those named in `${...}`, `python` is our own interpreter."""
    tasks = [task for pipeline in project.pipelines if pipeline.enabled for task in pipeline.tasks if task.enabled]
    programs: dict[tuple[object, ...], Program] = {}
    for one in (program for task in tasks for program in _programs(project, task)):
        programs.setdefault(one[1:], one)
    chosen = [*(task.python for task in tasks), *(session.python for session in project.sessions)]
    return Needs(
        root=project.root,
        programs=tuple(programs.values()),
        places=tuple(dict.fromkeys(_places(project, tasks))),
        interpreters=tuple(dict.fromkeys([python, project.python, *filter(None, chosen)])),
        variables=tuple(dict.fromkeys([*variables, *project.environment.passed])),
        tz=dict(project.environment.extra).get("TZ"),
    )


def _programs(project: Project, task: Task) -> Iterator[Program]:
    set_by_file = {**dict(project.environment.extra), **dict(task.env)}
    first = (task.python or project.python).rpartition("/")[0]
    for name in _names(task.program):
        yield Program(task.id, name, _under(project.root, task.cwd), set_by_file.get("PATH"), first)


def _names(program: TaskProgram) -> list[str]:
    if isinstance(program, Command):
        return [] if "{" in program.argv[0] else [program.argv[0]]
    return _COMMAND.findall(program.line) if isinstance(program, Shell) else []


def _places(project: Project, tasks: Sequence[Task]) -> Iterator[Place]:
    yield Place("project", project.root)
    yield Place("configuration", project.file)
    yield Place("state", f"{project.root}/state", writable=True)
    if project.store_url.startswith(SQLITE):
        yield Place("state", project.store_url.removeprefix(SQLITE).rpartition("/")[0], writable=True)
    yield Place("logs", project.logs.dir, writable=True)
    for path in project.pythonpath:
        yield Place("pythonpath", _under(project.root, path))
    for task in tasks:
        if task.cwd and "{" not in task.cwd:
            yield Place("cwd", _under(project.root, task.cwd))


def _under(root: str, path: str | None) -> str:
    if not path:
        return root
    return path if path.startswith("/") else f"{root}/{path}"
