"""The tasks of a `pipeline_config.yaml`, and when a failed one is tried again."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from tetra_orchestrator.config.dialects.source import literal
from tetra_orchestrator.config.yaml_tree import Scalar, find

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.bindings import Bindings
    from tetra_orchestrator.config.dialects.recomart_draft import Draft
    from tetra_orchestrator.config.dialects.recomart_schema import Task
    from tetra_orchestrator.config.problems import Path

SHOWN = 10  # names in a hint: a large file may have many, in as many faults


def put_retry_policy(draft: Draft) -> None:
    """What holds for every task. Wait n of the policy is `base ** n`: the first is the base, and so is the factor."""
    policy, retry = draft.user.retry_policy, ("defaults", "task", "retry")
    if not any(_retries(draft, task) for task in draft.user.tasks.values()):
        if "retry_policy" in draft.user_tree.entries:
            message = "'retry_policy' has no effect: no task is tried again"
            draft.no_effect(("retry_policy",), message, "give tasks a retry_count, or set execution.max_retries")
        return
    draft.put((*retry, "max_attempts"), draft.user.execution.max_retries + 1, ("execution", "max_retries"))
    base: Path = ("retry_policy", "backoff_base")
    draft.number((*retry, "delay"), policy.backoff_base, base)
    if policy.use_exponential_backoff:
        draft.number((*retry, "backoff"), policy.backoff_base, base)
    draft.number((*retry, "max_delay"), policy.max_backoff, ("retry_policy", "max_backoff"))
    _put_errors(draft)


def _put_errors(draft: Draft) -> None:
    policy, retry = draft.user.retry_policy, ("defaults", "task", "retry")
    if policy.retry_on_errors:
        draft.copy((*retry, "on_errors"), ("retry_policy", "retry_on_errors"))
    if policy.no_retry_on:
        draft.copy((*retry, "not_on_errors"), ("retry_policy", "no_retry_on"))
    for index, name in enumerate(policy.retry_on_errors):
        if name in policy.no_retry_on:
            message = f"{name!r} is in no_retry_on as well, and so is not retried"
            draft.no_effect(("retry_policy", "retry_on_errors", index), message, "name it in one of the two lists")


def put_task(draft: Draft, name: str, bindings: Bindings) -> None:
    """One task as a pipeline of one program."""
    task, user, native = draft.user.tasks[name], ("tasks", name), ("pipelines", name)
    program = bindings.program(name)
    key = find(draft.user_tree, user)[1]
    draft.put(native, program or {"type": Scalar(key, name, plain=False)}, user)
    if not task.enabled:
        draft.put((*native, "enabled"), False, (*user, "enabled"))
    elif not draft.user.pipeline.enabled:
        draft.put((*native, "enabled"), False, ("pipeline", "enabled"))
    _put_dependencies(draft, name)
    draft.number((*native, "timeout"), task.timeout_seconds, (*user, "timeout_seconds"))
    _put_retry(draft, task, native, user)
    if task.config is not None:
        _put_config(draft, native, user, keyword=program is not None and "function" in program.entries)


def _put_config(draft: Draft, native: Path, user: Path, *, keyword: bool) -> None:
    """A function is given the whole mapping as one keyword, every other program as it is."""
    config = literal(find(draft.user_tree, (*user, "config"))[0])
    draft.put((*native, "config"), {"config": config} if keyword else config, (*user, "config"))


def _put_dependencies(draft: Draft, name: str) -> None:
    """Those that are tasks; the others are reported here, in the words of this file."""
    path: Path = ("tasks", name, "depends_on")
    tasks = draft.user.tasks
    known = []
    for index, needed in enumerate(tasks[name].depends_on):
        item = find(draft.user_tree, (*path, index))[0]
        if needed in draft.written("tasks"):
            known.append(item)
        else:
            message = f"'{name}' depends on '{needed}', and there is no such task"
            others = f"tasks: {', '.join(islice(tasks, SHOWN))}{' ...' if len(tasks) > SHOWN else ''}"
            hint = draft.problems.guess(needed, tasks, others)
            draft.problems.error("unknown_dependency", item.mark, (*path, index), message, hint)
    if known:
        draft.put(("pipelines", name, "depends_on"), known, path)


def _put_retry(draft: Draft, task: Task, native: Path, user: Path) -> None:
    if task.retry_count is not None:
        draft.put((*native, "retry", "max_attempts"), task.retry_count + 1, (*user, "retry_count"))
    delay = (*user, "retry_delay")
    if task.retry_delay is not None and not _retries(draft, task):
        message = "'retry_delay' has no effect: this task is not tried again"
        draft.no_effect(delay, message, "give it a retry_count, or remove the key")
    elif task.retry_delay is not None:
        draft.number((*native, "retry", "delay"), task.retry_delay, delay)
        draft.put((*native, "retry", "backoff"), 1, delay)
        draft.number((*native, "retry", "max_delay"), task.retry_delay, delay)


def _retries(draft: Draft, task: Task) -> int:
    return draft.user.execution.max_retries if task.retry_count is None else task.retry_count
