"""Checked models to `core.model`: ids, edges between tasks, inherited defaults, absolute paths."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tetra_orchestrator.core.model import (
    SQLITE,
    Command,
    Environment,
    Host,
    Logs,
    Mode,
    ModeEntry,
    Module,
    Param,
    Pipeline,
    Project,
    RetryPolicy,
    Schedule,
    Shell,
    Task,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.config import schema
    from tetra_orchestrator.core.model import Program


def build(
    document: schema.Document, *, root: str, file: str, config_hash: str, python: str, environ: Mapping[str, str]
) -> Project:
    """The project that a sound document describes. Paths are resolved against `root`."""
    return Project(
        name=document.project,
        root=root,
        file=file,
        config_hash=config_hash,
        timezone=document.timezone,
        store_url=SQLITE + os.path.join(root, document.state.removeprefix(SQLITE)),
        python=python,
        pipelines=_pipelines(document, root),
        modes=tuple(_mode(name, mode, document) for name, mode in document.modes.items()),
        schedules=tuple(
            Schedule(name, s.mode, s.cron, s.timezone or document.timezone, s.enabled)
            for name, s in document.schedules.items()
        ),
        host=Host(document.host.max_parallel or os.cpu_count() or 1),
        logs=Logs(os.path.join(root, environ.get("LOG_DIR") or document.logs.dir)),
        title=document.title,
        pythonpath=tuple(os.path.normpath(os.path.join(root, folder)) for folder in document.pythonpath),
        environment=Environment(document.env.inherit, tuple(document.env.passed), tuple(document.env.set.items())),
        pools=tuple(document.pools.items()),
        params=tuple(
            Param(name, p.kind(), p.value(), required=p.default is None) for name, p in document.params.items()
        ),
    )


def task_ids(name: str, pipeline: schema.Pipeline) -> dict[str, str]:
    """Task ids by short name; a program of the pipeline's own has the name `""`."""
    if pipeline.tasks is None:
        return {"": name}
    return {task: f"{name}.{task}" for task in pipeline.tasks}


def _pipelines(document: schema.Document, root: str) -> tuple[Pipeline, ...]:
    sinks = {name: _sinks(name, pipeline) for name, pipeline in document.pipelines.items()}
    return tuple(
        Pipeline(
            name=name,
            tasks=_tasks(name, pipeline, tuple(s for u in pipeline.depends_on for s in sinks[u]), document, root),
            depends_on=tuple(pipeline.depends_on),
            provides=tuple(pipeline.provides),
            requires=tuple(pipeline.requires),
            max_data_age_s=pipeline.max_data_age,
            enabled=pipeline.enabled,
            description=pipeline.description,
        )
        for name, pipeline in document.pipelines.items()
    )


def _sinks(name: str, pipeline: schema.Pipeline) -> tuple[str, ...]:
    """The tasks behind which nothing of the pipeline follows."""
    followed = {upstream for task in (pipeline.tasks or {}).values() for upstream in task.depends_on}
    return tuple(task_id for short, task_id in task_ids(name, pipeline).items() if short not in followed)


def _tasks(
    name: str, pipeline: schema.Pipeline, before: tuple[str, ...], document: schema.Document, root: str
) -> tuple[Task, ...]:
    defaults = document.defaults.task
    if pipeline.tasks is None:
        return (_task(name, name, pipeline, before, defaults, root),)
    ids = task_ids(name, pipeline)
    return tuple(
        _task(ids[short], name, task, tuple(ids[n] for n in task.depends_on) or before, defaults, root)
        for short, task in pipeline.tasks.items()
    )


def _task(
    task_id: str,
    pipeline: str,
    task: schema.Task,
    depends_on: tuple[str, ...],
    defaults: schema.TaskDefaults,
    root: str,
) -> Task:
    grace = task.kill_grace if task.kill_grace is not None else defaults.kill_grace
    return Task(
        id=task_id,
        pipeline=pipeline,
        program=_program(task),
        args=tuple(task.args),
        depends_on=depends_on,
        env=tuple(task.env.items()),
        cwd=os.path.join(root, task.cwd) if task.cwd else None,
        timeout_s=task.timeout or defaults.timeout,
        kill_grace_s=10.0 if grace is None else grace,
        retry=_retry(task.retry, defaults.retry),
        outputs=tuple(task.outputs.items()),
        pool=tuple(task.pool.items()),
        priority=task.priority,
        enabled=task.enabled,
        expected_s=task.expected,
    )


def _program(task: schema.Task) -> Program:
    if task.module is not None:
        return Module(task.module)
    if task.command is not None:
        return Command(tuple(task.command))
    assert task.shell is not None
    return Shell(task.shell)


def _retry(own: schema.Retry | None, default: schema.Retry | None) -> RetryPolicy:
    """The task's own fields over the defaults over one attempt."""
    merged = {
        **(default.model_dump(exclude_none=True) if default else {}),
        **(own.model_dump(exclude_none=True) if own else {}),
    }
    names = {"delay": "delay_s", "max_delay": "max_delay_s"}
    return RetryPolicy(**{names.get(key, key): value for key, value in merged.items()})


def _mode(name: str, mode: schema.Mode, document: schema.Document) -> Mode:
    entries = []
    for item in mode.pipelines:
        [(pipeline, by_task)] = item.items()
        ids = task_ids(pipeline, document.pipelines[pipeline])
        only = next(iter(ids.values()))
        args = tuple((ids[task] if task else only, tuple(args)) for task, args in by_task.items())
        entries.append(ModeEntry(pipeline, args))
    return Mode(name, tuple(entries), mode.partition)
