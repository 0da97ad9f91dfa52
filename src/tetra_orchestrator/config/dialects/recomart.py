"""RecoMart's `pipeline_config.yaml`: ten sections around `tasks`. Which code a task runs is said by the bindings."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from tetra_orchestrator.config.complaints import check_shape
from tetra_orchestrator.config.dialects.bindings import Bindings
from tetra_orchestrator.config.dialects.recomart_draft import Draft
from tetra_orchestrator.config.dialects.recomart_operations import put_notifications, put_schedule
from tetra_orchestrator.config.dialects.recomart_schema import Document
from tetra_orchestrator.config.dialects.recomart_tasks import put_retry_policy, put_task
from tetra_orchestrator.config.merge import merge
from tetra_orchestrator.config.yaml_tree import Map, Null

if TYPE_CHECKING:
    from tetra_orchestrator.config.dialects.source import Source

NAME = "recomart"
SECTIONS = tuple(Document.model_fields)
LOGS = "dagster_data/logs"
LOG = "logs/pipeline.log"
#: The variable in which every task finds the section `storage`, as JSON.
STORAGE = "PIPELINE_STORAGE"

_OVERLAY = re.compile(r"(.+)\.[^./]+(\.ya?ml)")


def recognises(tree: Map, path: str) -> bool:
    """Whether the document has a mapping `tasks`, or consists mostly of the ten sections."""
    tasks = tree.entries.get("tasks")
    known = sum(section in tree.entries for section in SECTIONS)
    return (tasks is not None and isinstance(tasks.value, Map)) or known > len(tree.entries) / 2


def translate(source: Source) -> Map | None:
    """The native document, or None after reporting why there is none."""
    tree = _over_base(source)
    if tree is None:
        return None
    tree = _without_empty_sections(tree)
    user = check_shape(tree, source.problems, Document)
    if user is None:
        return None
    if not user.tasks:
        _report_no_tasks(source, tree)
        return None
    return _document(source, Draft(tree, user, source.problems))


def _over_base(source: Source) -> Map | None:
    """`X.<env>.yaml` laid over the `X.yaml` beside it; every other document as it is."""
    beside = _base_of(source.path)
    if not beside or not source.exists(beside):
        return source.tree
    base = source.read(beside)
    if base is None:
        return None
    if not recognises(base, beside):
        return source.tree
    message = f"{os.path.basename(source.path)} is merged over {os.path.basename(beside)} beside it"
    source.problems.warning("overlay", source.tree.mark, (), message)
    merged = merge(base, source.tree)
    assert isinstance(merged, Map)
    return merged


def _base_of(path: str) -> str | None:
    match = _OVERLAY.fullmatch(path)
    return match[1] + match[2] if match else None


def _without_empty_sections(tree: Map) -> Map:
    """A section of which every line is commented out is as good as none."""
    kept = {k: e for k, e in tree.entries.items() if k not in SECTIONS or not isinstance(e.value, Null)}
    return Map(tree.mark, kept)


def _report_no_tasks(source: Source, tree: Map) -> None:
    if "tasks" in tree.entries and source.problems:
        return
    base = _base_of(source.path)
    beside = f", or put {os.path.basename(base)} beside this file" if base and not source.exists(base) else ""
    hint = f"add `tasks:` with at least one task{beside}"
    source.problems.error("missing_key", tree.mark, ("tasks",), "the file has no 'tasks'", hint)


def _document(source: Source, draft: Draft) -> Map:
    bindings = Bindings(source)
    title = draft.user.pipeline.name or os.path.splitext(os.path.basename(source.path))[0]
    name = _identifier(title)
    _put_project(draft, name, title)
    _put_run_policy(draft)
    put_retry_policy(draft)
    _put_resources(draft)
    for task in draft.user.tasks:
        put_task(draft, task, bindings)
    draft.put(("modes", name, "pipelines"), list(draft.user.tasks), ("tasks",))
    put_schedule(draft, name)
    put_notifications(draft)
    bindings.put_plugins(draft)
    return draft.tree


def _identifier(title: str) -> str:
    """A title as a name: what a name cannot hold becomes `_`."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", title).lstrip("-")[:100] or NAME


def _put_project(draft: Draft, name: str, title: str) -> None:
    user = draft.user
    draft.put(("version",), 1)
    draft.put(("project",), name, ("pipeline", "name"))
    if title != name:
        draft.put(("title",), title, ("pipeline", "name"))
    draft.put(("logs", "dir"), LOGS, ("logging",))
    draft.put(("logs", "file"), user.logging.file or LOG, ("logging", "file"))
    if "level" in user.logging.model_fields_set:
        draft.put(("logs", "level"), user.logging.level, ("logging", "level"))
    if user.storage:
        draft.put(("env", "set", STORAGE), json.dumps(user.storage, ensure_ascii=False), ("storage",))
    slow = ("monitoring", "performance", "slow_task_threshold_seconds")
    draft.number(("monitor", "slow_task"), user.monitoring.performance.slow_task_threshold_seconds, slow)


def _put_run_policy(draft: Draft) -> None:
    execution = draft.user.execution
    run = ("defaults", "run")
    draft.number((*run, "timeout"), execution.timeout_seconds, ("execution", "timeout_seconds"))
    if not execution.continue_on_error:
        draft.put((*run, "stop_after"), 1, ("execution", "continue_on_error"))
    if execution.mode == "sequential":
        draft.put((*run, "max_parallel"), 1, ("execution", "mode"))


def _put_resources(draft: Draft) -> None:
    limits, resources = draft.user.resources, ("defaults", "task", "resources")
    draft.number((*resources, "cpu"), limits.max_cpu_cores, ("resources", "max_cpu_cores"))
    draft.number((*resources, "memory"), limits.max_memory_gb, ("resources", "max_memory_gb"), "GB")
    draft.number((*resources, "disk"), limits.max_disk_gb, ("resources", "max_disk_gb"), "GB")
