"""What tasks say of resources and this machine, their host or their session cannot give. Nothing here stops a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tetra_orchestrator.config.yaml_tree import Scalar, find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.schema_tasks import Resources
    from tetra_orchestrator.config.sheet import Sheet

#: What a process is held to, and so not a call in a worker that it shares with others.
OF_A_PROCESS = ("cpu", "memory", "disk", "processes", "open_files")
ALL_OF_IT = "it may use all there is"
NO_GPU = "'gpu' has no effect: `host` does not say how many there are"
GIGABYTE = 1024**3


def warn_of_resources(sheet: Sheet) -> None:
    """One warning of a kind for each key, where it stands first."""
    seen: set[tuple[str, str]] = set()
    for code, path, message, hint in _doubts(sheet):
        if (code, str(path[-1])) not in seen:
            seen.add((code, str(path[-1])))
            sheet.warn(code, path, message, hint, key=True)


def _doubts(sheet: Sheet) -> Iterator[tuple[str, Path, str, str]]:
    """(code, path, message, hint) of everything."""
    common = sheet.document.defaults.task.resources
    if common:
        yield from _beyond(sheet, ("defaults", "task", "resources"), common)
    for path, task in sheet.tasks():
        if task.resources:
            place = (*path, "resources")
            yield from _beyond(sheet, place, task.resources)
            if task.session is not None:
                yield from _of_a_call(place, task.resources)


def _beyond(sheet: Sheet, path: Path, resources: Resources) -> Iterator[tuple[str, Path, str, str]]:
    cpus, memory = os.cpu_count() or 1, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if resources.cpu is not None and resources.cpu > cpus:
        message = f"'cpu' is {resources.cpu:g}, and this machine has {cpus}"
        yield "beyond_host", (*path, "cpu"), message, ALL_OF_IT
    if resources.memory is not None and resources.memory > memory:
        written = find(sheet.tree, (*path, "memory"))[0]
        said = written.text if isinstance(written, Scalar) else resources.memory
        message = f"'memory' is {said}, and this machine has {memory / GIGABYTE:.1f} GB"
        yield "beyond_host", (*path, "memory"), message, ALL_OF_IT
    if resources.gpu is not None and sheet.document.host.gpu is None:
        yield "no_effect", (*path, "gpu"), NO_GPU, f"add `host: {{gpu: {resources.gpu}}}`: tasks share them out"


def _of_a_call(path: Path, resources: Resources) -> Iterator[tuple[str, Path, str, str]]:
    for key in OF_A_PROCESS:
        if key in resources.model_fields_set:
            message = f"'{key}' is no limit here: '{path[-2]}' is a call in the worker of a session"
            yield "no_limit", (*path, key), message, "remove the `session` to have a process that can be limited"
