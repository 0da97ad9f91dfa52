"""What tasks ask for that this machine, their host or their session cannot give, or that has no effect.

Nothing here stops a run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tetra_orchestrator.config.runner_checks import runner_of
from tetra_orchestrator.config.yaml_tree import Scalar, find
from tetra_orchestrator.core.model import LOCAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.schema_tasks import Resources, TaskDefaults
    from tetra_orchestrator.config.sheet import Sheet

#: What a process is held to, and so not a call in a worker that it shares with others.
OF_A_PROCESS = ("cpu", "memory", "disk", "processes", "open_files")
ALL_OF_IT = "it may use all there is"
NO_GPU = "'gpu' has no effect: `host` does not say how many there are"
GIGABYTE = 1024**3
#: Fewer bytes than these are mostly a unit that was forgotten.
LEAST = {"memory": 1024**2, "disk": 4096, "log_limit": 1024}
#: Opened before a program begins: its input, its output, its errors, and a library at a time.
OPEN_FROM_THE_START = 4


def warn_of_resources(sheet: Sheet) -> None:
    """One warning of a kind for each key, where it stands first."""
    seen: set[tuple[str, str]] = set()
    for code, path, message, hint in _doubts(sheet):
        if (code, str(path[-1])) not in seen:
            seen.add((code, str(path[-1])))
            sheet.warn(code, path, message, hint, key=True)


def _doubts(sheet: Sheet) -> Iterator[tuple[str, Path, str, str]]:
    """(code, path, message, hint) of everything."""
    common = sheet.document.defaults.task
    yield from _of_any(("defaults", "task"), common, common)
    if common.resources and sheet.document.runner in (None, LOCAL):
        yield from _beyond(sheet, ("defaults", "task", "resources"), common.resources)
    for path, task in sheet.tasks():
        yield from _of_any(path, task, common)
        if task.resources:
            place = (*path, "resources")
            yield from _idle_growth(place, task, common)
            if runner_of(task, sheet.document.pipelines[str(path[1])], sheet.document.runner) == LOCAL:
                yield from _beyond(sheet, place, task.resources)
                yield from _beyond_share(sheet, place, task.resources)
            if task.session is not None:
                yield from _of_a_call(place, task.resources)


def _of_any(path: Path, task: TaskDefaults, common: TaskDefaults) -> Iterator[tuple[str, Path, str, str]]:
    """Of what a task and the defaults of all tasks may say."""
    yield from _too_small(path, task)
    yield from _idle_limit(path, task, common)


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


def _beyond_share(sheet: Sheet, path: Path, resources: Resources) -> Iterator[tuple[str, Path, str, str]]:
    for key in ("cpu", "memory", "gpu"):
        wanted, there = getattr(resources, key), getattr(sheet.document.host, key)
        if wanted is not None and there is not None and wanted > there:
            message = f"'{path[-2]}' takes more '{key}' than `host` has"
            yield "beyond_share", (*path, key), message, "it starts when nothing else takes any of it"


def _too_small(path: Path, task: TaskDefaults) -> Iterator[tuple[str, Path, str, str]]:
    given = vars(task.resources) if task.resources else {}
    for key, least in LEAST.items():
        value = task.log_limit if key == "log_limit" else given.get(key)
        if value is not None and value < least:
            place = (*path, key) if key == "log_limit" else (*path, "resources", key)
            yield "too_small", place, f"'{key}' is {value} bytes, which is next to nothing", f"add a unit: {value}MB"
    if given.get("open_files") is not None and given["open_files"] < OPEN_FROM_THE_START:
        message = f"'open_files' is {given['open_files']}, with which no program can start"
        yield "too_small", (*path, "resources", "open_files"), message, "write 64 or more"


def _idle_limit(path: Path, task: TaskDefaults, common: TaskDefaults) -> Iterator[tuple[str, Path, str, str]]:
    awake, wall = task.timeout or common.timeout, task.wall_timeout or common.wall_timeout
    if awake and wall and awake > wall and (task.timeout or task.wall_timeout):
        key = "timeout" if task.timeout else "wall_timeout"
        yield "no_effect", (*path, key), "'timeout' has no effect: 'wall_timeout' passes first", "remove one of the two"


def _idle_growth(path: Path, task: TaskDefaults, common: TaskDefaults) -> Iterator[tuple[str, Path, str, str]]:
    if task.resources is None or task.resources.grow is None:
        return
    name, place = path[-2], (*path, "grow")
    limits = [each for each in (task.resources, common.resources) if each]
    tries = [each.max_attempts for each in (task.retry, common.retry) if each and each.max_attempts is not None]
    if all(each.memory is None and each.disk is None for each in limits):
        yield "no_effect", place, "'grow' has no effect: there is no limit that could grow", "add `memory` or `disk`"
    elif not tries or tries[0] == 1:
        yield "no_effect", place, f"'grow' has no effect: '{name}' is tried once", "add `retry: {max_attempts: 2}`"


def _of_a_call(path: Path, resources: Resources) -> Iterator[tuple[str, Path, str, str]]:
    for key in OF_A_PROCESS:
        if key in resources.model_fields_set:
            message = f"'{key}' is no limit here: '{path[-2]}' is a call in the worker of a session"
            yield "no_limit", (*path, key), message, "remove the `session` to have a process that can be limited"
