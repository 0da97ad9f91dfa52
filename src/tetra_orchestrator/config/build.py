"""Checked models to `core.model`: ids, edges between tasks, inherited defaults, absolute paths."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tetra_orchestrator.config import scalars
from tetra_orchestrator.config.build_task import Surroundings, build_task, runner_pool, session_pool, tenant_pool
from tetra_orchestrator.config.build_watching import alerting, data_sources, hooks, monitoring, on_failure
from tetra_orchestrator.config.calendars import zone_name
from tetra_orchestrator.core.model import (
    SQLITE,
    Environment,
    Host,
    Keep,
    Logs,
    Mode,
    ModeEntry,
    Param,
    Pipeline,
    Project,
    RunPolicy,
    Schedule,
    Session,
    Timers,
)
from tetra_orchestrator.core.runners import BUILT_IN, Remote
from tetra_orchestrator.core.store_address import is_postgres

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.config import schema, schema_operations
    from tetra_orchestrator.config.schema_tasks import Pipeline as CheckedPipeline
    from tetra_orchestrator.core.model import Json, Task


def build(
    document: schema.Document,
    *,
    root: str,
    file: str,
    dialect: str,
    config_hash: str,
    python: str,
    environ: Mapping[str, str],
) -> Project:
    """The project that a sound document describes. Paths are resolved against `root`."""
    return Project(
        name=document.project,
        root=root,
        file=file,
        config_hash=config_hash,
        timezone=zone_name(document.timezone),
        store_url=_store_url(document.state, root),
        python=python,
        pipelines=_pipelines(document, root),
        modes=tuple(_mode(name, mode, document) for name, mode in document.modes.items()),
        schedules=tuple(_schedule(name, schedule, document) for name, schedule in document.schedules.items()),
        host=_host(document.host),
        logs=_logs(document.logs, root, environ),
        title=document.title,
        pythonpath=tuple(os.path.normpath(os.path.join(root, folder)) for folder in document.pythonpath),
        environment=_environment(document),
        pools=_pools(document),
        shared_pools=_shared_pools(document, root),
        params=tuple(
            Param(name, p.kind(), p.value(), required=p.default is None) for name, p in document.params.items()
        ),
        dialect=dialect,
        default_mode=document.default_mode,
        run=_policy(document.defaults.run),
        sessions=tuple(Session(name, s.threads, s.python) for name, s in document.sessions.items()),
        plugins=tuple(plugin[""] for plugin in document.plugins if "" in plugin),
        timers=Timers(document.timers.sandbox, document.timers.at_once, document.timers.spread),
        alerting=alerting(document),
        monitor=monitoring(document.monitor, root),
        hooks=hooks(document.hooks),
        runners=_runners(document),
    )


def _store_url(state: str, root: str) -> str:
    return state if is_postgres(state) else SQLITE + os.path.join(root, state.removeprefix(SQLITE))


def task_ids(name: str, pipeline: CheckedPipeline) -> dict[str, str]:
    """Task ids by short name; a program of the pipeline's own has the name `""`."""
    if pipeline.tasks is None:
        return {"": name}
    return {task: f"{name}.{task}" for task in pipeline.tasks}


def _pipelines(document: schema.Document, root: str) -> tuple[Pipeline, ...]:
    types = {name: target for plugin in document.plugins for name, target in plugin.items() if name}
    tenants = {name: tenant.env for name, tenant in document.tenants.items()}
    around = Surroundings(root, document.defaults.task, types, tenants, document.runner)
    sinks = {name: _sinks(name, pipeline) for name, pipeline in document.pipelines.items()}
    return tuple(
        Pipeline(
            name=name,
            tasks=_tasks(name, pipeline, sinks, around),
            depends_on=tuple(map(str, pipeline.depends_on)),
            provides=tuple(pipeline.provides),
            requires=tuple(pipeline.requires),
            max_data_age_s=pipeline.max_data_age,
            enabled=pipeline.enabled,
            description=pipeline.description,
            on_failure=on_failure(pipeline.on_failure),
            data=data_sources(pipeline, document.timezone),
            hooks=hooks(pipeline.hooks),
        )
        for name, pipeline in document.pipelines.items()
    )


def _sinks(name: str, pipeline: CheckedPipeline) -> tuple[str, ...]:
    """The tasks behind which nothing of the pipeline follows."""
    followed = {upstream for task in (pipeline.tasks or {}).values() for upstream in task.depends_on}
    return tuple(task_id for short, task_id in task_ids(name, pipeline).items() if short not in followed)


def _tasks(
    name: str, pipeline: CheckedPipeline, sinks: Mapping[str, tuple[str, ...]], around: Surroundings
) -> tuple[Task, ...]:
    """The pipeline's tasks; those of several that depend on none of their own wait for the pipelines before."""
    before = {sink: need.condition for need in pipeline.depends_on for sink in sinks[need]}
    owner = (name, pipeline)
    if pipeline.tasks is None:
        return (build_task(name, owner, pipeline, before, sinks, around),)
    ids = task_ids(name, pipeline)
    names = {short: (task_id,) for short, task_id in ids.items()}
    return tuple(
        build_task(ids[short], owner, task, {ids[n]: n.condition for n in task.depends_on} or before, names, around)
        for short, task in pipeline.tasks.items()
    )


def _mode(name: str, mode: schema.Mode, document: schema.Document) -> Mode:
    entries = []
    for item in mode.pipelines:
        [(pipeline, by_task)] = item.items()
        ids = task_ids(pipeline, document.pipelines[pipeline])
        only = next(iter(ids.values()))
        args = tuple((ids[task] if task else only, tuple(args)) for task, args in by_task.items())
        entries.append(ModeEntry(pipeline, args))
    params = tuple((key, _param_value(document.params[key], text)) for key, text in mode.params.items())
    return Mode(name, tuple(entries), mode.partition, _policy(mode.run), params, mode.description)


def _param_value(param: schema.Param, text: str) -> Json:
    return scalars.value(param.kind(), text)


def _pools(document: schema.Document) -> tuple[tuple[str, int], ...]:
    """The file's pools, and those that sessions and tenants imply."""
    sessions = ((session_pool(name), session.threads) for name, session in document.sessions.items())
    tenants = ((tenant_pool(name), tenant.concurrency) for name, tenant in document.tenants.items())
    pools = ((name, pool.size) for name, pool in document.pools.items())
    runners = ((runner_pool(runner.name), runner.max_jobs) for runner in _runners(document))
    return (*pools, *sessions, *tenants, *runners)


def _shared_pools(document: schema.Document, root: str) -> tuple[str, ...]:
    """Those of all hosts together. An engine is one for all of them, where their store is."""
    said = tuple(name for name, pool in document.pools.items() if pool.scope == "shared")
    is_one = is_postgres(_store_url(document.state, root))
    return (*said, *(runner_pool(runner.name) for runner in _runners(document))) if is_one else said


def _runners(document: schema.Document) -> tuple[Remote, ...]:
    """Those of the file, and those that are there without a word and chosen."""
    said = {name: _remote(name, runner) for name, runner in document.runners.items()}
    chosen = {document.runner}
    for pipeline in document.pipelines.values():
        chosen |= {pipeline.runner, *(task.runner for task in (pipeline.tasks or {}).values())}
    return (*said.values(), *(each for each in BUILT_IN if each.name in chosen and each.name not in said))


def _remote(name: str, given: schema_operations.Runner) -> Remote:
    account = given.partition, given.account, given.qos
    return Remote(name, given.type, *account, tuple(given.options), given.max_jobs, given.poll, given.lease)


def _schedule(name: str, given: schema_operations.Schedule, document: schema.Document) -> Schedule:
    return Schedule(
        name=name,
        mode=given.mode,
        cron=given.cron,
        timezone=zone_name(given.timezone or document.timezone),
        enabled=given.enabled,
        pipelines=tuple(given.pipelines or ()),
        every_s=given.every,
        at=given.at,
        catch_up=given.catch_up.policy,
        catch_up_window_s=given.catch_up.window,
        catch_up_count=given.catch_up.count,
        overlap=given.overlap,
        dst_gap=given.dst.gap,
        dst_fold=given.dst.fold,
        jitter_s=given.jitter,
        max_concurrent_runs=given.max_concurrent_runs,
        on_startup=given.on_startup,
        tags=tuple(given.tags.items()),
        priority=given.priority,
        heartbeat=given.heartbeat,
    )


def _environment(document: schema.Document) -> Environment:
    """A variable that is a secret of one tenant is inherited by nobody."""
    env, withheld = document.env, {name for tenant in document.tenants.values() for name in tenant.secrets}
    return Environment(env.inherit, tuple(env.passed), tuple(env.set.items()), tuple(sorted(withheld)))


def _logs(given: schema.Logs, root: str, environ: Mapping[str, str]) -> Logs:
    folder = os.path.join(root, environ.get("LOG_DIR") or given.dir)
    keep = Keep(given.keep.runs, given.keep.days, given.keep.bytes)
    file = None if given.file is None else os.path.normpath(os.path.join(root, given.file))
    return Logs(folder, given.redact, tuple(given.redact_patterns), keep, file, given.format, given.level)


def _host(given: schema.Host) -> Host:
    places = given.max_parallel or os.cpu_count() or 1
    return Host(places, given.cpu or 0.0, given.memory or 0, given.gpu or 0, given.timeout)


def _policy(given: schema.RunPolicy) -> RunPolicy:
    return RunPolicy(given.timeout, given.stop_after, given.max_parallel, given.max_retries, given.barriers)
