"""What must hold within one task: its program, what only some programs have, its pools and conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.config.sheet import item_path

if TYPE_CHECKING:
    from collections.abc import Collection

    from tetra_orchestrator.config import schema_tasks as schema
    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.sheet import Sheet

#: What belongs to a process, and so not to a call in a session's worker.
OF_A_PROCESS = ("python", "survive", "background")
#: What a worker has once, so that calls at the same time cannot each have their own.
OF_A_WORKER = ("env", "cwd")
PROGRAMS = ("module", "command", "shell", "function", "type")
#: Keys that mean something only beside another: (key, what it needs, why).
ONLY_WITH = (
    ("reads", ("function",), "is what a `function` is given"),
    ("writes", ("function",), "is what a `function` returns"),
    ("session", ("function",), "is where a `function` runs"),
    ("args", ("module", "command", "shell"), "are arguments of a program: a function and a type take `config`"),
    ("ready_when", ("until",), "tells when a service is ready, one with `until: stopped`"),
)
#: Tasks whose result is not all there when they have ended, so that it cannot be kept: (key, why).
NEVER_CACHED = (
    ("session", "is a call, whose values stay in the session's worker"),
    ("until", "is a service, which is needed while it runs"),
    ("background", "leaves something running, which is gone next time"),
)


def check_task(sheet: Sheet, path: Path, task: schema.Task, keys: Collection[str], known: Collection[str]) -> None:
    """Report what is wrong within the task at `path`, which has `keys`; `known` are the names it may depend on."""
    given = [key for key in PROGRAMS if key in keys]
    if not given:
        tasks = " or `tasks`" if len(path) == 2 else ""
        hint = f"add one of {', '.join(f'`{key}`' for key in PROGRAMS)}{tasks}"
        sheet.error("no_program", path, f"'{path[-1]}' has nothing to run", hint, key=True)
    for extra in given[1:]:
        message = f"'{path[-1]}' has both '{given[0]}' and '{extra}'"
        sheet.error("two_programs", (*path, extra), message, "keep one of the two", key=True)
    for key, needed, why in ONLY_WITH:
        if key in keys and given and not any(other in keys for other in needed):
            sheet.error("misplaced_key", (*path, key), f"'{key}' {why}", "remove it", key=True)
    if task.cache is not None:
        for key, why in NEVER_CACHED:
            if getattr(task, key):
                message = f"'{path[-1]}' {why}: it cannot have a 'cache'"
                sheet.error("misplaced_key", (*path, "cache"), message, f"remove it, or the `{key}`", key=True)
    if task.pool:
        _check_pools(sheet, path, task)
    if task.run_if:
        _check_conditions(sheet, path, task, known)
    if task.session is not None or task.tenant is not None:
        _check_owners(sheet, path, task)
    if task.continue_on is not None and not sheet.names(*map(str, path), "continue_on"):
        hint = "write `failure: true`, `exit_codes` or `output` under it"
        sheet.error("no_value", (*path, "continue_on"), "'continue_on' has no condition", hint, key=True)
    if task.session is not None:
        _check_call(sheet, path, task)


def _check_pools(sheet: Sheet, path: Path, task: schema.Task) -> None:
    pools = sheet.document.pools
    for pool, weight in task.pool.items():
        place = item_path(sheet, (*path, "pool"), pool)
        if pool not in sheet.names("pools"):
            hint = sheet.problems.guess(pool, pools, f"add it: `pools: {{{pool}: 1}}`")
            sheet.error("unknown_pool", place, f"there is no pool '{pool}'", hint)
        elif pool in pools and weight > pools[pool].size:
            message = f"'{path[-1]}' takes {weight} of the pool '{pool}', which has {pools[pool].size}"
            sheet.error("pool_too_small", place, message, "it could never start")


def _check_conditions(sheet: Sheet, path: Path, task: schema.Task, known: Collection[str]) -> None:
    for name, condition in task.run_if.items():
        place = (*path, "run_if", name)
        if name not in known:
            hint = sheet.problems.guess(name, known, "name one of the tasks it depends on")
            sheet.error("unknown_dependency", place, f"there is no '{name}' here", hint, key=True)
        elif not condition.model_fields_set:
            hint = "write `states`, `exit_codes` or `output` under it"
            sheet.error("no_value", place, f"'{name}' has no condition", hint, key=True)


def _check_owners(sheet: Sheet, path: Path, task: schema.Task) -> None:
    for key, group in (("session", "sessions"), ("tenant", "tenants")):
        name = getattr(task, key)
        declared = sheet.names(group) if name is not None else ()
        if name is not None and name not in declared:
            hint = sheet.problems.guess(name, declared, f"add it: `{group}: {{{name}: {{}}}}`")
            sheet.error(f"unknown_{key}", (*path, key), f"there is no {key} '{name}'", hint)


def _check_call(sheet: Sheet, path: Path, task: schema.Task) -> None:
    session = sheet.document.sessions.get(str(task.session))
    threads = session.threads if session else 1
    for key in OF_A_PROCESS:
        if key in task.model_fields_set:
            message = f"'{key}' is of a process, and '{path[-1]}' is a call in the worker of a session"
            sheet.error("misplaced_key", (*path, key), message, "remove it, or the `session`", key=True)
    if task.until is not None and session:
        _check_stays_open(sheet, path, task, threads)
    if threads > 1:
        _check_shared(sheet, path, task, threads)


def _check_shared(sheet: Sheet, path: Path, task: schema.Task, threads: int) -> None:
    """Report what a call cannot have of its own beside others in the same worker."""
    for key in OF_A_WORKER:
        if key in task.model_fields_set:
            message = f"calls at the same time share '{key}', and the session '{task.session}' has {threads} threads"
            sheet.error("misplaced_key", (*path, key), message, "hand it over in `config`", key=True)
    tenant = task.tenant or sheet.document.pipelines[str(path[1])].tenant
    if tenant in sheet.document.tenants and sheet.document.tenants[tenant].env:
        message = f"calls at the same time share 'env', so '{path[-1]}' cannot have that of the tenant '{tenant}'"
        hint = f"remove the `session`, or have `threads: 1` in the session '{task.session}'"
        sheet.error("misplaced_key", (*path, "session"), message, hint, key=True)


def _check_stays_open(sheet: Sheet, path: Path, task: schema.Task, threads: int) -> None:
    """Report a service that would keep the threads of its session from those that it is for."""
    calls = [each for _, each in sheet.tasks() if each.session == task.session]
    services = sum(each.until is not None for each in calls)
    needed = services + (services < len(calls))
    if threads < needed:
        message = f"'{path[-1]}' keeps a thread of the session '{task.session}' as long as it runs, which leaves none"
        hint = f"give the session `threads: {needed}` or more, or the service no `session`"
        sheet.error("too_few_threads", (*path, "until"), message, hint, key=True)
