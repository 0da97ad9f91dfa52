"""`run --dry-run`: each task with the decision and its reason, the critical path and the expected finish."""

from __future__ import annotations

from datetime import timedelta
from shlex import join

from tetra_orchestrator.cli.output import instant, local, print_json, print_table
from tetra_orchestrator.core.forecast import forecast
from tetra_orchestrator.core.model import Function, Shell, Typed
from tetra_orchestrator.core.reasons import CONDITIONS_HOLD, FIRST_TRY, NO_DEPENDENCIES
from tetra_orchestrator.core.spoken import duration, printable
from tetra_orchestrator.engine.attempt import command_line
from tetra_orchestrator.engine.from_checkpoint import FromCheckpoint
from tetra_orchestrator.engine.gate import check_standstill, gate, without_outputs
from tetra_orchestrator.engine.pauses import paused_pipelines
from tetra_orchestrator.engine.start import limits, title

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.core.model import Json, Reason, Task
    from tetra_orchestrator.core.template import Reference
    from tetra_orchestrator.engine.looking import Answer
    from tetra_orchestrator.engine.start import Request
    from tetra_orchestrator.ports import Store


def show_forecast(request: Request, *, as_json: bool) -> int:
    """Print what the run would do; returns 0. Raises `UsageError` for a run that could never end."""
    from tetra_orchestrator import wire

    check_standstill(request)
    now = wire.clock().now()
    store = wire.store(request.project.store_url)
    try:
        expected = store.expected_s()
        waiting, paused = ({}, {}) if request.force else _held_back(request, store, now)
        waiting = without_outputs(request, store) | waiting
        left_out = _left_out(request, store, now)
        looked = {} if waiting else _looked_at(request, store)
    finally:
        store.close()
    tasks = request.selection.tasks
    done = {**{name: one.reason for name, one in looked.items() if one.outputs is not None}, **_done(request)}
    outlook = forecast(tasks, limits(request.project, request.selection.mode), expected, paused, done)
    finish = None if outlook.finish_s is None else now + timedelta(seconds=outlook.finish_s)
    commands = _commands(request)
    rows = [
        {
            **_decision(task, waiting, outlook.skipped, looked),
            "expected_s": expected.get(task.id, task.expected_s),
            "command": commands[task.id],
        }
        for task in tasks
    ]
    if left_out:
        rows = _in_file_order([*rows, *left_out], request)
    if as_json:
        path = list(outlook.critical_path)
        print_json("run", {"tasks": rows, "critical_path": path, "expected_finish": instant(finish)})
        return 0
    print(f"Would run {title(request.selection).removeprefix('of ')}:\n")
    print_table(
        ("task", "decision", "why", "takes about"),
        [(r["id"], r["decision"], r["reason"]["text"], duration(r["expected_s"])) for r in rows],
    )
    print("\ncommands:")
    for row in rows:
        if row["command"] is not None:
            print(f"  {row['id']}: {printable(join(row['command']))}")
    print(f"\ncritical path: {' -> '.join(outlook.critical_path) or '-'}")
    print(f"expected finish: {local(finish) if finish else 'unknown until every task has run once'}")
    return 0


def _held_back(request: Request, store: Store, now: datetime) -> tuple[dict[str, Reason], dict[str, Reason]]:
    """The pipelines and tasks for which the whole run has to wait, and the tasks that pauses leave out of it."""
    selection = request.selection
    paused = paused_pipelines(store.pauses(), selection, now)
    refused = {name: paused.pop(name) for name in selection.named if name in paused}
    skipped = {task.id: paused[task.pipeline] for task in selection.tasks if task.pipeline in paused}
    return gate(request, selection, store, now, skipped) | refused, skipped


def _left_out(request: Request, store: Store, now: datetime) -> list[dict[str, Any]]:
    """A row for each task that would run, had not only a part been asked for."""
    selection = request.selection
    if not selection.left_out:
        return []
    from tetra_orchestrator.core.narrowing import NOT_SELECTED
    from tetra_orchestrator.engine.partial import left_out

    why = left_out(request.project, selection, store, now, request.partition).reasons
    return [
        {
            "id": task.id,
            "decision": "skip",
            "reason": why.get(task.id, NOT_SELECTED)._asdict(),
            "expected_s": None,
            "command": None,
        }
        for task in selection.left_out
    ]


def _done(request: Request) -> Mapping[str, Reason]:
    """What a checkpoint would have skipped."""
    source = request.again
    return source.reasons({task.id for task in request.selection.tasks}) if isinstance(source, FromCheckpoint) else {}


def _in_file_order(rows: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    by_id = {row["id"]: row for row in rows}
    return [by_id[task.id] for task in request.project.tasks() if task.id in by_id]


def _looked_at(request: Request, store: Store) -> dict[str, Answer]:
    """What is known of tasks with `cache`; most projects have none."""
    if not any(task.cache for task in request.selection.tasks):
        return {}
    from tetra_orchestrator import wire
    from tetra_orchestrator.engine.foreseen import foreseen

    return foreseen(request, store, wire.inputs(request.project.root), wire.clock())


def _decision(
    task: Task, waiting: Mapping[str, Reason], skipped: Mapping[str, Reason], looked: Mapping[str, Answer]
) -> dict[str, Any]:
    if task.id in skipped:
        decision, reason = "skip", skipped[task.id]
    elif task.id in waiting or task.pipeline in waiting:
        decision, reason = "wait", waiting.get(task.id) or waiting[task.pipeline]
    else:
        decision, reason = "run", looked[task.id].reason if task.id in looked else _why(task)
    return {"id": task.id, "decision": decision, "reason": reason._asdict()}


def _why(task: Task) -> Reason:
    if task.conditions:
        return CONDITIONS_HOLD
    return FIRST_TRY if task.depends_on else NO_DEPENDENCIES


def _commands(request: Request) -> dict[str, list[str]]:
    """What would be started, by task, with `***` for secrets."""
    from tetra_orchestrator.config.native_text import from_json
    from tetra_orchestrator.config.written import without_secrets

    commands = {task.id: _command(task, request) for task in request.selection.tasks}
    if "${" not in request.document:
        return commands
    document, mode = from_json(request.document), request.selection.mode
    return {
        task.id: without_secrets(commands[task.id], task, mode.name if mode else None, document)
        for task in request.selection.tasks
    }


def _command(task: Task, request: Request) -> list[str]:
    """What would be started, with parameters and dates filled in; what other tasks will hand on stays a reference."""
    partition = request.partition
    dates = {"start": partition.start, "end": partition.end} if partition else {}
    known: Mapping[str, Mapping[str, Json]] = {"params": request.params, "partition": dates}

    def value_of(reference: Reference) -> Json:
        return known.get(reference.owner, {}).get(reference.key, str(reference))

    match task.program:
        case Function(path):
            return ["function", path]
        case Typed(name):
            return ["type", name]
        case Shell(line):
            return ["/bin/sh", "-c", line, *(["sh", *task.args] if task.args else [])]
    argv, _ = command_line(task, task.python or request.project.python, value_of)
    return list(argv)
