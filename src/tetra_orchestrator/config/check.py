"""What the shape alone cannot say: names, programs, dependencies, cycles, pools, modes and what is provided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.yaml_tree import Map, Scalar, Seq, find
from tetra_orchestrator.core.graph import find_cycle, order
from tetra_orchestrator.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tetra_orchestrator.config import schema
    from tetra_orchestrator.config.problems import Path, Problems
    from tetra_orchestrator.config.yaml_tree import Node

RESERVED = ("params", "partition", "run")
BY_NAME = "pipelines depend on pipelines, and a task on tasks of its own pipeline, by their short names"
MAX_CYCLES = 20
PROGRAMS = ("module", "command", "shell")
OF_A_TASK = (
    *(*PROGRAMS, "args", "env", "cwd", "pool", "priority", "outputs"),
    *("expected", "timeout", "kill_grace", "retry"),
)


class Sheet(Record):
    """What is checked: the models, the tree they came from, and where faults go."""

    document: schema.Document
    tree: Node
    problems: Problems

    def error(self, code: str, path: Path, message: str, hint: str | None = None, *, key: bool = False) -> None:
        """Report a fault at the value of `path`, or at its key."""
        node, mark, _ = find(self.tree, path)
        self.problems.error(code, mark if key else node.mark, path, message, hint)

    def names(self, *path: str) -> Collection[str]:
        """The keys of a mapping as the file has them, faulty entries included."""
        node, _, existing = find(self.tree, path)
        return node.entries.keys() if existing == path and isinstance(node, Map) else ()


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
    graph = {name: tuple(pipeline.depends_on) for name, pipeline in sheet.document.pipelines.items()}
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
                sheet.problems.warning("unprovided", find(sheet.tree, path)[0].mark, path, message, hint)


def _check_unique(sheet: Sheet, *path: str) -> None:
    seen: dict[str, str] = {}
    for name in sheet.names(*path):
        other = seen.setdefault(name.lower(), name)
        if other != name:
            message = f"the names '{other}' and '{name}' differ only in case"
            sheet.error("duplicate_name", (*path, name), message, "rename one of the two", key=True)


def _check_pipeline(sheet: Sheet, name: str, pipeline: schema.Pipeline) -> None:
    path = ("pipelines", name)
    _check_dependencies(sheet, (*path, "depends_on"), pipeline.depends_on, sheet.names("pipelines"), "pipeline")
    if pipeline.tasks is None:
        _check_task(sheet, path, pipeline)
        return
    for key in OF_A_TASK:
        if key in pipeline.model_fields_set:
            message = f"'{key}' belongs to a task, and '{name}' has tasks of its own"
            sheet.error("misplaced_key", (*path, key), message, "move it into the tasks", key=True)
    _check_unique(sheet, *path, "tasks")
    siblings = sheet.names(*path, "tasks")
    for task_name, task in pipeline.tasks.items():
        task_path = (*path, "tasks", task_name)
        _check_dependencies(sheet, (*task_path, "depends_on"), task.depends_on, siblings, f"task of '{name}'")
        _check_task(sheet, task_path, task)
    graph = {task_name: tuple(task.depends_on) for task_name, task in pipeline.tasks.items()}
    _check_cycles(sheet, (*path, "tasks"), graph)


def _check_task(sheet: Sheet, path: Path, task: schema.Task) -> None:
    given = [key for key in PROGRAMS if key in sheet.names(*map(str, path))]
    if not given:
        tasks = " or `tasks`" if len(path) == 2 else ""
        hint = f"add one of `module`, `command`, `shell`{tasks}"
        sheet.error("no_program", path, f"'{path[-1]}' has nothing to run", hint, key=True)
    for extra in given[1:]:
        message = f"'{path[-1]}' has both '{given[0]}' and '{extra}'"
        sheet.error("two_programs", (*path, extra), message, "keep one of the two", key=True)
    _check_pools(sheet, path, task)


def _check_pools(sheet: Sheet, path: Path, task: schema.Task) -> None:
    pools = sheet.document.pools
    for pool, weight in task.pool.items():
        place = _item(sheet, (*path, "pool"), pool)
        if pool not in sheet.names("pools"):
            hint = sheet.problems.guess(pool, pools, f"add it: `pools: {{{pool}: 1}}`")
            sheet.error("unknown_pool", place, f"there is no pool '{pool}'", hint)
        elif weight > pools.get(pool, weight):
            message = f"'{path[-1]}' takes {weight} of the pool '{pool}', which has {pools[pool]}"
            sheet.error("pool_too_small", place, message, "it could never start")


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
        place = _item(sheet, (*path, last, "depends_on"), first)
        text = " -> ".join(cycle)
        sheet.error("cycle", place, f"a cycle of dependencies: {text}", "remove one of these dependencies")
        graph[last] = tuple(n for n in graph[last] if n != first)


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
        if not task and len(tasks) > 1:
            message = f"'{name}' has several tasks: for which one are these arguments?"
            sheet.error("ambiguous_args", place, message, f"write {{{name}: {{{next(iter(tasks))}: [...]}}}}")
        elif task and task not in tasks:
            hint = (
                sheet.problems.guess(task, tasks, f"tasks: {', '.join(tasks)}") if tasks else f"write {{{name}: [...]}}"
            )
            sheet.error("unknown_task", (*place, task), f"'{name}' has no task '{task}'", hint, key=True)


def _item(sheet: Sheet, path: Path, name: str) -> Path:
    """The path of `name` in the list, mapping or text at `path`."""
    node = find(sheet.tree, path)[0]
    if isinstance(node, Seq):
        texts = [item.text if isinstance(item, Scalar) else None for item in node.items]
        return (*path, texts.index(name)) if name in texts else path
    return (*path, name) if isinstance(node, Map) else path
