"""From the path of a configuration file to a `Project`, or to every reason why not."""

from __future__ import annotations

import gc
import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tetra_orchestrator.config.build import build
from tetra_orchestrator.config.calendars import check_calendars
from tetra_orchestrator.config.check import check, check_standstill, warn_unprovided
from tetra_orchestrator.config.complaints import check_shape
from tetra_orchestrator.config.find import find_config, find_python, project_root
from tetra_orchestrator.config.hosts import check_hosts
from tetra_orchestrator.config.loaded import Loaded
from tetra_orchestrator.config.masking import veiled
from tetra_orchestrator.config.modules import check_modules as report_missing_modules
from tetra_orchestrator.config.modules import check_python
from tetra_orchestrator.config.own_secrets import own_secrets, without_own_secrets
from tetra_orchestrator.config.problems import Problem
from tetra_orchestrator.config.read import read
from tetra_orchestrator.config.references import resolve_references
from tetra_orchestrator.config.schema import Document
from tetra_orchestrator.config.secrets import check_secrets
from tetra_orchestrator.config.settings import check_settings
from tetra_orchestrator.config.sheet import Sheet
from tetra_orchestrator.config.store_address import check_address, login_secrets
from tetra_orchestrator.config.task_types import check_task_types
from tetra_orchestrator.core.model import SQLITE
from tetra_orchestrator.core.store_address import is_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tetra_orchestrator.config.loaded import Configuration
    from tetra_orchestrator.core.model import Project

__all__ = ["Loaded", "Problem", "find_config", "load_project"]

HASH_DIGITS = 16


def load_project(
    path: str,
    *,
    environ: Mapping[str, str],
    overlays: Sequence[str] = (),
    sets: Sequence[str] = (),
    dialect: str | None = None,
    bindings: str | None = None,
    on: str | None = None,
    check_modules: bool = True,
    snapshot: str | None = None,
) -> Loaded:
    """Read, merge, translate and check a configuration, or the `snapshot` of one that was once in that file.

    Raises `ConfigError` with every problem found, `UsageError` for a `--set` that does not fit. `check_modules=False`
    leaves out whether the interpreter, the modules and the task types exist.
    """
    with collector_at_rest():
        found = read(
            path,
            environ=environ,
            overlays=overlays,
            sets=sets,
            dialect=dialect,
            bindings=bindings,
            on=on,
            snapshot=snapshot,
        )
        project = _project(found, path, environ, check_modules)
    own = own_secrets(found.tree)
    document = without_own_secrets(found.text) if own else found.text
    sources = found.files, found.problems.warnings, found.looked_for, found.variables
    return Loaded(project, document, *sources, login_secrets(project.store_url, (*found.secrets, *own)))


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Nothing here makes reference cycles, and looking for them doubles the time that a large file takes."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _project(found: Configuration, path: str, environ: Mapping[str, str], modules: bool) -> Project:
    tree, problems = found.tree, found.problems
    document = check_shape(tree, problems, Document)
    if document is None:
        problems.raise_any()
    assert document is not None
    if environ.get("TETRA_STATE"):
        document = document.model_copy(update={"state": environ["TETRA_STATE"]})
    sheet = Sheet(document, tree, problems)
    check(sheet)
    check_settings(sheet)
    check_secrets(sheet, found.variables)
    check_calendars(sheet)
    check_hosts(sheet)
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
        dialect=found.dialect,
        config_hash=hashlib.sha256(found.text.encode()).hexdigest()[:HASH_DIGITS],
        python=python or document.python or "python3",
        environ=environ,
    )
    check_standstill(project, sheet)
    project = resolve_references(project, sheet)
    if modules and executable:
        report_missing_modules(project, sheet, environ)
        project = check_task_types(project, sheet, environ)
    problems.raise_any()
    return project


def _check_state(sheet: Sheet) -> None:
    state = sheet.document.state
    if is_postgres(state):
        check_address(sheet, state)
    elif not state.startswith(SQLITE) or state.endswith("/"):
        sheet.problems.hide(state.rpartition("@")[0].partition(":")[2].lstrip("/"))  # a login, however it is misspelt
        hint = "write sqlite:///FILE, relative to the project's root, sqlite:////absolute/FILE, or postgresql://..."
        sheet.error("bad_state", ("state",), f"{veiled(state)!r} is not the address of a store", hint)
