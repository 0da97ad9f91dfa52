"""From the path of a configuration file to a `Project`, or to every reason why not."""

from __future__ import annotations

import gc
import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tetra_orchestrator.config.build import build
from tetra_orchestrator.config.calendars import check_calendars
from tetra_orchestrator.config.check import Sheet, check, warn_unprovided
from tetra_orchestrator.config.complaints import check_shape
from tetra_orchestrator.config.find import find_config, find_python, project_root, read_bytes
from tetra_orchestrator.config.interpolate import interpolate, read_dotenv
from tetra_orchestrator.config.loaded import Loaded
from tetra_orchestrator.config.merge import merge, set_value
from tetra_orchestrator.config.modules import check_modules as report_missing_modules
from tetra_orchestrator.config.modules import check_python
from tetra_orchestrator.config.problems import Problem, Problems
from tetra_orchestrator.config.references import resolve_references
from tetra_orchestrator.config.yaml_tree import Map, Scalar, find, parse, to_json
from tetra_orchestrator.core.model import SQLITE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tetra_orchestrator.config.yaml_tree import Node
    from tetra_orchestrator.core.model import Project

__all__ = ["Loaded", "Problem", "find_config", "load_project"]

VERSION = "1"
HASH_DIGITS = 16


def load_project(
    path: str,
    *,
    environ: Mapping[str, str],
    overlays: Sequence[str] = (),
    sets: Sequence[str] = (),
    check_modules: bool = True,
) -> Loaded:
    """Read, merge and check a configuration.

    Raises `ConfigError` with every problem found, `UsageError` for a `--set` that does not fit. `check_modules=False`
    leaves out whether the interpreter and the modules exist.
    """
    problems = Problems(path)
    with _collector_at_rest():
        tree = _merged(path, overlays, sets, problems)
        document = to_json(tree)
        if "${" in document:
            values = {**read_dotenv(os.path.dirname(os.path.abspath(path)), problems), **environ}
            tree = interpolate(tree, values, problems)
        project = _project(tree, path, document, environ, check_modules, problems)
    return Loaded(project, document, (path, *overlays), problems.warnings)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Nothing here makes reference cycles, and looking for them doubles the time that a large file takes."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _merged(path: str, overlays: Sequence[str], sets: Sequence[str], problems: Problems) -> Node:
    trees = [parse(read_bytes(name), name, problems) for name in (path, *overlays)]
    tree = trees[0]
    for over in trees[1:]:
        tree = merge(tree, over) if tree and over else None
    if tree is None:
        problems.raise_any()
    assert tree is not None
    for assignment in sets:
        tree = set_value(tree, assignment)
    _check_version(tree, problems)
    return tree


def _check_version(tree: Node, problems: Problems) -> None:
    """A file of another version may use anything: tell that, and nothing else."""
    node = find(tree, ("version",))[0]
    if isinstance(tree, Map) and isinstance(node, Scalar) and node.text.isdecimal() and node.text != VERSION:
        message = f"this file is of version {node.text}, and this program reads version {VERSION}"
        problems.error("version", node.mark, ("version",), message, "upgrade tetra-orchestrator, or correct the number")
        problems.raise_any()


def _project(
    tree: Node, path: str, text: str, environ: Mapping[str, str], modules: bool, problems: Problems
) -> Project:
    document = check_shape(tree, problems)
    if document is None:
        problems.raise_any()
    assert document is not None
    if environ.get("TETRA_STATE"):
        document = document.model_copy(update={"state": environ["TETRA_STATE"]})
    sheet = Sheet(document, tree, problems)
    check(sheet)
    check_calendars(sheet)
    _check_state(sheet)
    file = os.path.abspath(path)
    root = project_root(file)
    python = find_python(document.python, root, environ)
    executable = not modules or check_python(document.python, python, root, sheet)
    # what follows relies on sound ids and edges
    problems.raise_any()
    warn_unprovided(sheet)
    project = build(
        document,
        root=root,
        file=file,
        config_hash=hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS],
        python=python or document.python or "python3",
        environ=environ,
    )
    project = resolve_references(project, sheet)
    if modules and executable:
        report_missing_modules(project, sheet, environ)
    problems.raise_any()
    return project


def _check_state(sheet: Sheet) -> None:
    state = sheet.document.state
    if state.startswith(("postgresql://", "postgres://")):
        hint = "use sqlite:///state/tetra.db"
        sheet.error("bad_state", ("state",), "this version has no PostgreSQL store yet", hint)
    elif not state.startswith(SQLITE) or state.endswith("/"):
        hint = "write sqlite:///FILE, relative to the project's root, or sqlite:////absolute/FILE"
        sheet.error("bad_state", ("state",), f"{state!r} is not the address of a store", hint)
