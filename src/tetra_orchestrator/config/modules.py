"""The project's interpreter, and whether it can find the modules that the file names."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from tetra_orchestrator.config.find import module_on_disk
from tetra_orchestrator.core.model import Module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.config.check import Sheet
    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.core.model import Project, Task

LIMIT_S = 20

# Prints one line per [folder, module] on its input: null when `python -m` would find it, else the cause.
# Importing a parent package runs its code, so whatever that prints goes to standard error.
_ASK = """
import importlib.util, json, os, sys
answer = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
base = sys.path[1:]
def cause(name):
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(name + ".__main__")
            return "it is a package without __main__.py" if spec is None else None
        return "there is no such module" if spec is None else None
    except ModuleNotFoundError as error:
        return str(error)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
for folder, name in json.load(sys.stdin):
    sys.path[:] = [folder, *base]
    print(json.dumps(cause(name)), file=answer, flush=True)
os._exit(0)
"""


def check_python(given: str | None, python: str | None, root: str, sheet: Sheet) -> bool:
    """Report a missing interpreter; True when there is one."""
    if python is not None:
        return True
    if given is None:
        message = "there is no interpreter for the tasks: no .venv/bin/python, no $VIRTUAL_ENV, no python3 on PATH"
        sheet.error("no_python", (), message, f"create one: python3 -m venv {os.path.join(root, '.venv')}")
    else:
        message = f"the interpreter {given!r} cannot be executed"
        sheet.error("no_python", ("python",), message, f"a path is taken from {root}, a bare name from PATH")
    return False


def check_modules(project: Project, sheet: Sheet, environ: Mapping[str, str]) -> None:
    """Report every `module:` that the project's interpreter would not find.

    Files under the search path are looked for first; only what is not found so is asked of the interpreter, at once.
    """
    unknown: dict[tuple[str, str], list[Path]] = {}
    for task in project.tasks():
        if isinstance(task.program, Module):
            wanted = task.cwd or project.root, task.program.name
            unknown.setdefault(wanted, []).append((*_path(task), "module"))
    unknown = {wanted: paths for wanted, paths in unknown.items() if not module_on_disk(*wanted, project.pythonpath)}
    if not unknown:
        return
    for (wanted, paths), cause in zip(unknown.items(), _ask(list(unknown), project, environ), strict=False):
        for path in paths if cause else ():
            message = f"{project.python} cannot run the module '{wanted[1]}': {cause}"
            sheet.error("unknown_module", path, message, "check its name, `pythonpath` and what is installed there")


def _path(task: Task) -> Path:
    short = task.id.removeprefix(task.pipeline).removeprefix(".")
    return ("pipelines", task.pipeline, "tasks", short) if short else ("pipelines", task.pipeline)


def _ask(wanted: list[tuple[str, str]], project: Project, environ: Mapping[str, str]) -> list[str | None]:
    """Per module None or the cause why it cannot be run, in order."""
    paths = [*project.pythonpath, environ.get("PYTHONPATH", "")]
    env = {**environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [project.python, "-c", _ASK],
            input=json.dumps(wanted).encode(),
            capture_output=True,
            timeout=LIMIT_S,
            env=env,
            cwd=project.root,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [f"it did not answer within {LIMIT_S} s"] * len(wanted)
    except OSError as error:
        return [f"it cannot be started: {error.strerror}"] * len(wanted)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    trouble = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it ended without an answer"]
    return answers + trouble * (len(wanted) - len(answers))
