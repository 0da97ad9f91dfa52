"""One checked task to `core.model`: its program, its dependencies with their conditions, its inherited defaults."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tetra_orchestrator.config.runner_checks import runner_of
from tetra_orchestrator.config.schema_tasks import MOST_OUTPUT
from tetra_orchestrator.core.admission import RUNNER, SESSION
from tetra_orchestrator.core.model import (
    LOCAL,
    Cache,
    Command,
    ContinueOn,
    Function,
    Module,
    Resources,
    RetryPolicy,
    RunIf,
    Service,
    Shell,
    Task,
    Typed,
)
from tetra_orchestrator.core.owners import POOL as TENANT
from tetra_orchestrator.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.config import schema_tasks as schema
    from tetra_orchestrator.core.model import Program

KILL_GRACE_S = 10.0
ONE_ATTEMPT = RetryPolicy()
RETRY_NAMES = {"delay": "delay_s", "max_delay": "max_delay_s"}
RESOURCE_NAMES = {"memory": "memory_bytes", "disk": "disk_bytes"}


class Surroundings(Record):
    """What all tasks of a file share: the root, their defaults, the classes of task types, and tenants' variables."""

    root: str
    defaults: schema.TaskDefaults
    types: Mapping[str, str]
    tenants: Mapping[str, Mapping[str, str]]
    runner: str | None = None


def build_task(
    task_id: str,
    pipeline: tuple[str, schema.Pipeline],
    task: schema.Task,
    needs: Mapping[str, str],
    ids: Mapping[str, Sequence[str]],
    around: Surroundings,
) -> Task:
    """The task `task_id` of a named pipeline.

    `needs` maps the ids of its dependencies to their conditions; `ids` the names that it may use for tasks to ids.
    """
    defaults = around.defaults
    name, owner = pipeline
    grace = _first(defaults.kill_grace, KILL_GRACE_S)
    runner = runner_of(task, owner, around.runner)
    run_if = _run_if(task, ids) if task.run_if else ()
    # a condition on how a task ended wants it ended, however
    needs = {**needs, **{each.task: "finished" for each in run_if}} if run_if else needs
    return Task(
        id=task_id,
        pipeline=name,
        program=_program(task, around),
        args=tuple(task.args),
        depends_on=tuple(needs),
        env=_merged(around.tenants.get(task.tenant or owner.tenant or "", {}), task.env),
        cwd=os.path.join(around.root, task.cwd) if task.cwd else None,
        timeout_s=task.timeout or defaults.timeout,
        wall_timeout_s=task.wall_timeout or defaults.wall_timeout,
        log_limit_bytes=task.log_limit or defaults.log_limit or 0,
        kill_grace_s=_first(task.kill_grace, grace),
        retry=_retry(task.retry, defaults.retry),
        outputs=tuple(task.outputs.items()),
        pool=_pools(task, owner.tenant, runner),
        priority=task.priority,
        enabled=task.enabled,
        expected_s=task.expected,
        config=None if task.config is None else json.dumps(task.config, ensure_ascii=False),
        python=os.path.join(around.root, task.python) if task.python and "/" in task.python else task.python,
        conditions=tuple([each for each in needs.items() if each[1] != "succeeded"]),
        run_if=run_if,
        continue_on=_continue_on(task.continue_on),
        resources=_resources(task.resources, defaults.resources),
        service=Service(task.ready_when) if task.until else None,
        on_lost=task.on_lost or ("resume" if task.idempotent else "fail"),
        idempotent=task.idempotent,
        background=task.background,
        survive=task.survive,
        output_limit_bytes=task.output_limit or MOST_OUTPUT,
        tags=_merged(owner.tags, task.tags),
        tenant=task.tenant or owner.tenant,
        cache=_cache(task.cache, owner.max_data_age),
        runner=runner,
    )


def _cache(given: schema.Cache | None, max_data_age: float | None) -> Cache | None:
    """A pipeline's data would stay stale if a result that is older than they may be counted."""
    if given is None:
        return None
    ages = [age for age in (given.max_age, max_data_age) if age is not None]
    return Cache(tuple(given.inputs), min(ages, default=None))


def session_pool(name: str) -> str:
    """The pool in which calls of a session wait for a thread; no user's pool can be called so."""
    return f"{SESSION}{name}"


def tenant_pool(name: str) -> str:
    """The pool in which a tenant's tasks wait for each other."""
    return f"{TENANT}{name}"


def runner_pool(name: str) -> str:
    """The pool in which a runner's jobs wait for each other."""
    return f"{RUNNER}{name}"


def _pools(task: schema.Task, owner: str | None, runner: str) -> tuple[tuple[str, int], ...]:
    tenant = task.tenant or owner
    if not (task.pool or task.session or tenant or runner != LOCAL):
        return ()
    implied = [session_pool(task.session)] if task.session else []
    implied += [tenant_pool(tenant)] if tenant else []
    implied += [runner_pool(runner)] if runner != LOCAL else []
    return (*task.pool.items(), *((pool, 1) for pool in implied))


def _first(own: float | None, default: float) -> float:
    return default if own is None else own


def _merged(common: Mapping[str, str], own: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple({**common, **own}.items()) if common or own else ()


def _program(task: schema.Task, around: Surroundings) -> Program:
    if task.module is not None:
        return Module(task.module)
    if task.command is not None:
        return Command(tuple(task.command))
    if task.function is not None:
        return Function(task.function, task.session, tuple(task.reads), tuple(task.writes))
    if task.type is not None:
        return Typed(task.type, around.types.get(task.type))
    assert task.shell is not None
    return Shell(task.shell)


def _run_if(task: schema.Task, ids: Mapping[str, Sequence[str]]) -> tuple[RunIf, ...]:
    return tuple(
        RunIf(task_id, tuple(each.states or ()), tuple(each.exit_codes or ()), each.output)
        for name, each in task.run_if.items()
        for task_id in ids[name]
    )


def _continue_on(given: schema.ContinueOn | None) -> ContinueOn | None:
    return ContinueOn(given.failure, tuple(given.exit_codes), given.output) if given else None


def _retry(own: schema.Retry | None, default: schema.Retry | None) -> RetryPolicy:
    """The task's own fields over the defaults over one attempt."""
    if own is None and default is None:
        return ONE_ATTEMPT
    return RetryPolicy(**_fields(own, default, RETRY_NAMES))


def _resources(own: schema.Resources | None, default: schema.Resources | None) -> Resources | None:
    if own is None and default is None:
        return None
    return Resources(**_fields(own, default, RESOURCE_NAMES))


def _fields(own: object, default: object, names: Mapping[str, str]) -> dict[str, Any]:
    """What the two models say, the own winning, by the model's names; lists as tuples."""
    merged: dict[str, Any] = {}
    for model in (default, own):
        for key, value in vars(model).items() if model else ():
            if value is not None:
                merged[names.get(key, key)] = tuple(value) if isinstance(value, list) else value
    return merged
