"""Which files that a task needs have changed between two instants, by what the file system says of them now."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from glob import glob
from shutil import which

import tetra_orchestrator
from tetra_orchestrator.core.model import Command, Module
from tetra_orchestrator.core.spoken import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.core.model import Project, Task
    from tetra_orchestrator.core.why_support import Said


def changed_files(project: Project, task: Task | None, since: datetime, until: datetime, said: Said) -> list[str]:
    """A sentence for each file that was changed or replaced in between. A later change hides an earlier one."""
    found = []
    for path, what in dict(_candidates(project, task)).items():
        try:
            changed = datetime.fromtimestamp(os.stat(path).st_ctime, UTC)
        except OSError:
            continue
        if since < changed <= until:
            found.append(f"{what} was changed at {said(changed)}: {printable(path)}")
    return found


def _candidates(project: Project, task: Task | None) -> Iterator[tuple[str, str]]:
    """Their paths, and what they are."""
    python = (task.python if task else None) or project.python
    if os.path.isabs(python):
        yield python, "the interpreter"
        for path in glob(os.path.join(os.path.dirname(os.path.dirname(python)), "lib", "python3*", "site-packages")):
            yield path, "what is installed for the interpreter"
    yield os.path.dirname(tetra_orchestrator.__file__), "tetra-orchestrator itself"
    if task is not None:
        folder = os.path.join(project.root, task.cwd or "")
        for path in _programs(task, project, folder):
            yield path, os.path.basename(path)


def _programs(task: Task, project: Project, folder: str) -> Iterator[str]:
    """Files that its command line names, and its module."""
    match task.program:
        case Command(argv):
            for word in argv:
                path = os.path.join(folder, word.removeprefix("./"))
                if os.path.isfile(path):
                    yield path
            if argv and os.sep not in argv[0] and (program := which(argv[0])):
                yield program
        case Module(name):
            for start in (project.root, *(os.path.join(project.root, one) for one in project.pythonpath)):
                inside = os.path.join(start, name.replace(".", os.sep))
                places = (f"{inside}.py", os.path.join(inside, "__main__.py"), os.path.join(inside, "__init__.py"))
                yield from filter(os.path.isfile, places)
        case _:
            return
