"""What the shape alone cannot say: names, programs, dependencies, cycles, pools, modes and what is provided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.problems import listed
from tetra_orchestrator.config.schema_tasks import Task
from tetra_orchestrator.config.sheet import Sheet, item_path, task_path
from tetra_orchestrator.config.task_checks import check_task
from tetra_orchestrator.config.yaml_tree import Seq, find
from tetra_orchestrator.core.graph import find_cycle, order
from tetra_orchestrator.core.selection import policy, select
from tetra_orchestrator.core.standstill import standstill

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.schema_tasks import Pipeline
    from tetra_orchestrator.core.model import Project

RESERVED = ("params", "partition", "run")
BY_NAME = "pipelines depend on pipelines, and a task on tasks of its own pipeline, by their short names"
MAX_CYCLES = 20
#: Keys of a pipeline that has tasks which would say something of a task.
OF_A_TASK = tuple(key for key in Task.model_fields if key not in ("depends_on", "enabled", "runner", "tags", "tenant"))


def check(sheet: Sheet) -> None:
    """Report everything that is wrong between the parts of a file."""
    for group in ("pipelines", "modes", "schedules"):
        _check_unique(sheet, group)
    for name in sheet.names("pipelines"):
        if name.lower() in RESERVED:
            message = f"'{name}' cannot be the name of a pipeline: {{{name.lower()}.key}} has a meaning of its own"
            sheet.error("bad_name", ("pipelines", name), message, "choose another name", key=True)
    for name, pipeline in sheet.document.pipelines.items():
        _check_pipeline(sheet, name, pipeline)
    graph = {name: _needs(pipeline) for name, pipeline in sheet.document.pipelines.items()}
    _check_cycles(sheet, ("pipelines",), graph)
    for mode in sheet.document.modes:
        _check_mode(sheet, mode)


def warn_unprovided(sheet: Sheet) -> None:
    """Warn of required data that no pipeline before provides. The dependencies must be sound."""
    pipelines = sheet.document.pipelines
    graph = {name: pipeline.depends_on for name, pipeline in pipelines.items()}
    available: dict[str, frozenset[str]] = {}
    for name in order(graph):
        upstream = graph[name]
        found = frozenset().union(*(available[u].union(pipelines[u].provides) for u in upstream))
        available[name] = available[upstream[0]] if upstream and found == available[upstream[0]] else found
        for index, item in enumerate(pipelines[name].requires):
            if item not in found:
                path = ("pipelines", name, "requires", index)
                message = f"no pipeline before '{name}' provides '{item}'"
                hint = sheet.problems.guess(item, found, "add it to the `provides` of the pipeline that makes it")
                sheet.warn("unprovided", path, message, hint)


def check_standstill(project: Project, sheet: Sheet) -> None:
    """Report a run, of the whole file or of a mode, that could never end. The edges must be sound."""
    if not any(task.service for task in project.tasks()):
        return
    for mode in (None, *project.modes):
        tasks = select(project, mode.name).tasks if mode else project.tasks()
        found = standstill(tasks, barriers=bool(policy(project, mode).barriers))
        if found is not None:
            waiter = next(task for task in tasks if task.id == found.waiter)
            text = f"in the mode '{mode.name}', {found.text}" if mode else found.text
            sheet.error("standstill", (*task_path(waiter), "depends_on"), text, found.remedy, key=True)
            return


def _needs(task: Task) -> tuple[str, ...]:
    return tuple(map(str, (*task.depends_on, *task.run_if)))


def _check_unique(sheet: Sheet, *path: str) -> None:
    seen: dict[str, str] = {}
    for name in sheet.names(*path):
        other = seen.setdefault(name.lower(), name)
        if other != name:
            message = f"the names '{other}' and '{name}' differ only in case"
            sheet.error("duplicate_name", (*path, name), message, "rename one of the two", key=True)


def _check_pipeline(sheet: Sheet, name: str, pipeline: Pipeline) -> None:
    path = ("pipelines", name)
    _check_dependencies(sheet, (*path, "depends_on"), pipeline.depends_on, sheet.names("pipelines"), "pipeline")
    if pipeline.tasks is None:
        check_task(sheet, path, pipeline, sheet.names(*path), sheet.names("pipelines"))
        return
    for key in OF_A_TASK:
        if key in pipeline.model_fields_set:
            message = f"'{key}' belongs to a task, and '{name}' has tasks of its own"
            sheet.error("misplaced_key", (*path, key), message, "move it into the tasks", key=True)
    _check_unique(sheet, *path, "tasks")
    siblings = sheet.names(*path, "tasks")
    keys = sheet.keys_within(*path, "tasks")
    for task_name, task in pipeline.tasks.items():
        task_path = (*path, "tasks", task_name)
        _check_dependencies(sheet, (*task_path, "depends_on"), task.depends_on, siblings, f"task of '{name}'")
        check_task(sheet, task_path, task, keys[task_name], siblings)
    graph = {task_name: _needs(task) for task_name, task in pipeline.tasks.items()}
    _check_cycles(sheet, (*path, "tasks"), graph)


def _check_dependencies(sheet: Sheet, path: Path, names: Sequence[str], known: Collection[str], kind: str) -> None:
    seen = set()
    for index, name in enumerate(names):
        if name not in known:
            message = f"'{path[-2]}' depends on '{name}', and there is no such {kind}"
            hint = sheet.problems.guess(name, known, BY_NAME)
            sheet.error("unknown_dependency", (*path, index), message, hint)
        elif name in seen:
            sheet.error("duplicate_name", (*path, index), f"'{name}' is listed twice", "remove one of the two")
        seen.add(name)


def _check_cycles(sheet: Sheet, path: Path, graph: dict[str, tuple[str, ...]]) -> None:
    """Report cycles one by one, each time going on without the last edge."""
    graph = {name: tuple(n for n in upstream if n in graph) for name, upstream in graph.items()}
    for _ in range(MAX_CYCLES):
        cycle = find_cycle(graph)
        if cycle is None:
            return
        last, first = cycle[-2:]
        place = item_path(sheet, (*path, last, "depends_on"), first)
        text = f"Circular dependency detected: {cycle_text(cycle)}"
        sheet.error("cycle", place, text, "remove one of these dependencies")
        graph[last] = tuple(n for n in graph[last] if n != first)


def cycle_text(cycle: Sequence[str]) -> str:
    """`a <-> b`, or `a -> b -> c -> a`; the first name comes again at the end of `cycle`."""
    return " <-> ".join(sorted(cycle[:2])) if len(cycle) == 3 else " -> ".join(cycle)


def _check_mode(sheet: Sheet, mode: str) -> None:
    seen = set()
    entries = sheet.document.modes[mode].pipelines
    node = find(sheet.tree, ("modes", mode))[0]
    path: Path = ("modes", mode) if isinstance(node, Seq) else ("modes", mode, "pipelines")
    for index, entry in enumerate(entries):
        [(name, args)] = entry.items()
        place = (*path, index, name)
        if name not in sheet.names("pipelines"):
            hint = sheet.problems.guess(name, sheet.names("pipelines"))
            sheet.error("unknown_pipeline", place, f"there is no pipeline '{name}'", hint, key=True)
        elif name in seen:
            sheet.error("duplicate_name", place, f"'{name}' is listed twice", "remove one of the two", key=True)
        elif name in sheet.document.pipelines:
            _check_entry(sheet, place, name, args)
        seen.add(name)


def _check_entry(sheet: Sheet, place: Path, name: str, args: dict[str, list[str]]) -> None:
    tasks = sheet.names("pipelines", name, "tasks")
    for task in args:
        keys = sheet.names("pipelines", name, *(("tasks", task) if task else ()))
        if args[task] and ("function" in keys or "type" in keys):
            message = f"'{task or name}' takes no arguments: a function and a type take `config`"
            sheet.error("misplaced_key", place, message, "use `params` and {params.name} in its `config`")
        if not task and len(tasks) > 1:
            message = f"'{name}' has several tasks: for which one are these arguments?"
            sheet.error("ambiguous_args", place, message, f"write {{{name}: {{{next(iter(tasks))}: [...]}}}}")
        elif task and task not in tasks:
            hint = sheet.problems.guess(task, tasks, f"tasks: {listed(tasks)}") if tasks else f"write {{{name}: [...]}}"
            sheet.error("unknown_task", (*place, task), f"'{name}' has no task '{task}'", hint, key=True)
