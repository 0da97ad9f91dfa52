"""The project's interpreter, and whether it can find the modules that the file names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tetra_orchestrator.config.find import module_on_disk
from tetra_orchestrator.config.interpreter import NoAnswer, ask
from tetra_orchestrator.config.sheet import task_path
from tetra_orchestrator.core.model import Function, Module

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.sheet import Sheet
    from tetra_orchestrator.core.model import Project

LIMIT_S = 20

# Prints one line per [folder, name, kind] on its input: null when `python -m` would find the module, or the function is
# where its path says, else the cause. A function's module is read, not imported. Importing a parent package runs its
# code, so whatever that prints goes to standard error.
_ASK = """
import ast, importlib.util, json, os, sys
answer = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
base = sys.path[1:]
def found(name):
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
def module(name):
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(name + ".__main__")
        return "it is a package without __main__.py" if spec is None else None
    return "there is no such module" if spec is None else None
def names(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
def function(path):
    parts = path.replace(":", ".").split(".")
    if len(parts) < 2:
        return "write it with its module, such as package.module.function"
    prefixes = [".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]
    holder = next(filter(found, prefixes), None)
    if holder is None:
        return "there is no module '%s'" % prefixes[0]
    origin, wanted = found(holder).origin or "", parts[holder.count(".") + 1]
    if not origin.endswith(".py"):
        return None
    with open(origin, "rb") as file:
        known = set(names(ast.parse(file.read())))
    there = wanted in known or "*" in known or "__getattr__" in known
    return None if there else "the module '%s' has no '%s'" % (holder, wanted)
def cause(name, kind):
    try:
        return {"module": module, "function": function}[kind](name)
    except ModuleNotFoundError as error:
        return str(error)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
for folder, name, kind in json.load(sys.stdin):
    sys.path[:] = [folder, *base]
    print(json.dumps(cause(name, kind)), file=answer, flush=True)
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
    """Report every `module:` and `function:` that the project's interpreter would not find.

    Modules under the search path are looked for first; what is not found so is asked of the interpreter, at once.
    """
    unknown: dict[tuple[str, str, str], list[Path]] = {}
    for task in project.tasks():
        if isinstance(task.program, (Module, Function)):
            kind = "module" if isinstance(task.program, Module) else "function"
            wanted = task.cwd or project.root, task.program[0], kind
            unknown.setdefault(wanted, []).append((*task_path(task), kind))
    unknown = {wanted: paths for wanted, paths in unknown.items() if not _is_there(*wanted, project.pythonpath)}
    if not unknown:
        return
    for (wanted, paths), cause in zip(unknown.items(), _ask(list(unknown), project, environ), strict=False):
        for path in paths if cause else ():
            verb = "run the module" if wanted[2] == "module" else "call the function"
            message = f"{project.python} cannot {verb} '{wanted[1]}': {cause}"
            hint = "check its name, `pythonpath` and what is installed there"
            sheet.error(f"unknown_{wanted[2]}", path, message, hint)


def _is_there(folder: str, name: str, kind: str, pythonpath: Sequence[str]) -> bool:
    return kind == "module" and module_on_disk(folder, name, pythonpath)


def _ask(wanted: list[tuple[str, str, str]], project: Project, environ: Mapping[str, str]) -> list[str | None]:
    """Per module None or the cause why it cannot be run, in order."""
    try:
        answers, trouble = ask([project.python, "-c", _ASK], wanted, project, environ, limit_s=LIMIT_S)
    except NoAnswer as silence:
        return [f"it {silence}"] * len(wanted)
    return answers + [trouble] * (len(wanted) - len(answers))
