"""`{task.key}` references: whether they can ever have a value, and rewriting them to full task ids."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tetra_orchestrator.config.problems import listed
from tetra_orchestrator.config.sheet import task_path
from tetra_orchestrator.config.yaml_tree import Scalar, Seq, find
from tetra_orchestrator.core.graph import upstream_of
from tetra_orchestrator.core.model import Command, Shell
from tetra_orchestrator.core.template import Reference, references, rewrite

if TYPE_CHECKING:
    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.sheet import Sheet
    from tetra_orchestrator.core.model import Cache, Json, Mode, ModeEntry, Pipeline, Program, Project, Task

ALWAYS_THERE = ("records_processed", "metrics", "error_class", "completed_items")
PARTITION = ("start", "end")
BRACES = "for literal braces write {{ and }}"


def resolve_references(project: Project, sheet: Sheet) -> Project:
    """The project with every owner written as a task id; what cannot be resolved is reported."""
    resolver = _Resolver(project, sheet)
    for name in sheet.document.env.set if project.dialect == "native" else ():
        resolver.refuse(("env", "set", name), sheet.document.env.set[name])
    return project._replace(
        pipelines=tuple(resolver.pipeline(pipeline) for pipeline in project.pipelines),
        modes=tuple(resolver.mode(mode) for mode in project.modes),
    )


def _has_braces(task: Task) -> bool:
    """Whether there can be a reference at all; most tasks of a large file have none."""
    match task.program:
        case Command(argv):
            texts = argv
        case Shell(line):
            texts = (line,)
        case _:
            texts = ()
    texts += task.cache.inputs if task.cache else ()
    return "{" in "".join((*texts, *task.args, *[text for _, text in task.env], task.cwd or "", task.config or ""))


class _Resolver:
    def __init__(self, project: Project, sheet: Sheet):
        self._sheet = sheet
        self._tasks = {task.id: task for task in project.tasks()}
        self._graph = {task.id: task.depends_on for task in project.tasks()}
        self._single = {p.name: p.tasks[0].id for p in project.pipelines if len(p.tasks) == 1}
        self._params = [param.name for param in project.params]
        ranged = [mode for mode in project.modes if mode.partition is not None]
        self._ranged = {entry.pipeline for mode in ranged for entry in mode.entries}

    def pipeline(self, pipeline: Pipeline) -> Pipeline:
        return pipeline._replace(tasks=tuple(self._task(task) for task in pipeline.tasks))

    def mode(self, mode: Mode) -> Mode:
        base: Path = ("modes", mode.name)
        if not isinstance(find(self._sheet.tree, base)[0], Seq):
            base = (*base, "pipelines")
        entries = (self._entry(entry, (*base, i), mode.partition is not None) for i, entry in enumerate(mode.entries))
        return mode._replace(entries=tuple(entries))

    def refuse(self, path: Path, text: str | None) -> None:
        """Report references where none are filled in."""
        node = find(self._sheet.tree, path)[0]
        if isinstance(node, Scalar) and node.raw is not None:
            text = node.raw  # a value from outside is no reference
        for reference in references(text or ""):
            message = f"{reference} is not filled in here, only in arguments, commands and `env` of a task"
            self._sheet.error("bad_reference", path, message, BRACES)

    def _task(self, task: Task) -> Task:
        if not _has_braces(task):
            return task
        path: Path = task_path(task)
        self.refuse((*path, "cwd"), task.cwd)
        return task._replace(
            program=self._program(task, path),
            config=self._config(task, (*path, "config")),
            args=self._texts(task.args, task, (*path, "args")),
            env=tuple((name, self._text(text, task, (*path, "env", name))) for name, text in task.env),
            cache=self._cache(task, (*path, "cache", "inputs")),
        )

    def _program(self, task: Task, path: Path) -> Program:
        match task.program:
            case Command(argv):
                return Command(self._texts(argv, task, (*path, "command")))
            case Shell(line):
                return Shell(self._text(line, task, (*path, "shell")))
        return task.program

    def _cache(self, task: Task, path: Path) -> Cache | None:
        return task.cache and task.cache._replace(inputs=self._texts(task.cache.inputs, task, path))

    def _config(self, task: Task, path: Path) -> str | None:
        if task.config is None or "." not in task.config:
            return task.config
        return json.dumps(self._value(json.loads(task.config), task, path), ensure_ascii=False)

    def _value(self, value: Json, task: Task, path: Path) -> Json:
        if isinstance(value, dict):
            return {key: self._value(item, task, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._value(item, task, (*path, index)) for index, item in enumerate(value)]
        return self._text(value, task, path) if isinstance(value, str) else value

    def _entry(self, entry: ModeEntry, path: Path, partitioned: bool) -> ModeEntry:
        rewritten = []
        for task_id, args in entry.args:
            task = self._tasks[task_id]
            # find() skips the task's name where the file gives the pipeline a plain list
            place = (*path, entry.pipeline, task_id.removeprefix(f"{entry.pipeline}."))
            rewritten.append((task_id, self._texts(args, task, place, partitioned)))
        return entry._replace(args=tuple(rewritten))

    def _texts(self, texts: tuple[str, ...], task: Task, path: Path, partitioned: bool = False) -> tuple[str, ...]:
        return tuple(self._text(text, task, (*path, i), partitioned) for i, text in enumerate(texts))

    def _text(self, text: str, task: Task, path: Path, partitioned: bool = False) -> str:
        if "{" not in text:
            return text
        return rewrite(text, lambda reference: self._resolve(reference, task, path, partitioned))

    def _resolve(self, reference: Reference, task: Task, path: Path, partitioned: bool) -> Reference:
        if reference.owner == "params":
            self._check_param(reference, path)
        elif reference.owner == "partition":
            of_a_range = path[0] == "pipelines" and task.pipeline in self._ranged
            self._check_partition(reference, path, partitioned or of_a_range)
        else:
            return self._resolve_output(reference, task, path)
        return reference

    def _check_param(self, reference: Reference, path: Path) -> None:
        if reference.key not in self._params:
            hint = self._sheet.problems.guess(reference.key, self._params, f"declare it under `params`, or {BRACES}")
            self._sheet.error("bad_reference", path, f"{reference}: there is no parameter '{reference.key}'", hint)

    def _check_partition(self, reference: Reference, path: Path, partitioned: bool) -> None:
        if reference.key not in PARTITION:
            hint = "there are {partition.start} and {partition.end}"
            self._sheet.error("bad_reference", path, f"{reference} does not exist", hint)
        elif not partitioned:
            message = f"{reference} has a value only in a mode with a partition"
            hint = (
                "give the mode `partition: range`" if path[0] == "modes" else "run it in a mode with `partition: range`"
            )
            self._sheet.error("bad_reference", path, message, hint)

    def _resolve_output(self, reference: Reference, task: Task, path: Path) -> Reference:
        owner = self._owner(reference.owner, task)
        if owner is None:
            hint = self._sheet.problems.guess(reference.owner, self._owners(task), BRACES)
            self._sheet.error("bad_reference", path, f"{reference}: there is no task '{reference.owner}'", hint)
            return reference
        if owner not in task.depends_on and owner not in upstream_of(self._graph, task.id):
            message = f"{reference}: '{task.id}' does not depend on '{owner}'"
            self._sheet.error("bad_reference", path, message, "add the dependency, or " + BRACES)
        outputs = [name for name, _ in self._tasks[owner].outputs]
        if outputs and reference.key not in (*outputs, *ALWAYS_THERE):
            hint = self._sheet.problems.guess(reference.key, outputs, f"it declares {listed(outputs)}")
            self._sheet.error("bad_reference", path, f"{reference}: '{owner}' has no output '{reference.key}'", hint)
        return Reference(owner, reference.key)

    def _owners(self, task: Task) -> list[str]:
        prefix = f"{task.pipeline}."
        siblings = [name.removeprefix(prefix) for name in self._tasks if name.startswith(prefix)]
        return [name for name in (*siblings, *self._tasks, *self._single) if name != task.id]

    def _owner(self, name: str, task: Task) -> str | None:
        for candidate in (f"{task.pipeline}.{name}", name):
            if candidate in self._tasks:
                return candidate
        return self._single.get(name)
