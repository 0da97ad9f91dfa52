"""What a run would do that started now, as `run --dry-run` and `plan` tell it."""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator.cli.output import instant
from tetra_orchestrator.core.model import Function, Shell, Typed
from tetra_orchestrator.core.nodes import known_s
from tetra_orchestrator.core.outlook import outlook
from tetra_orchestrator.core.reasons import CONDITIONS_HOLD, FIRST_TRY, NO_DEPENDENCIES
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spread import middle
from tetra_orchestrator.engine.attempt import command_line
from tetra_orchestrator.engine.from_checkpoint import FromCheckpoint
from tetra_orchestrator.engine.gate import check_standstill, gate, without_outputs
from tetra_orchestrator.engine.pauses import paused_pipelines
from tetra_orchestrator.engine.start import limits
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.core.admission import Limits
    from tetra_orchestrator.core.model import Json, Reason, Task
    from tetra_orchestrator.core.outlook import Outlook
    from tetra_orchestrator.core.template import Reference
    from tetra_orchestrator.engine.looking import Answer
    from tetra_orchestrator.engine.start import Request
    from tetra_orchestrator.ports import Store


class Foresight(Record):
    """A run that would start `now`: a row for each task, as published, and the outlook for all of them together.

    `expected_s` has the seconds of every task of which they are known.
    """

    request: Request
    now: datetime
    rows: list[dict[str, Any]]
    outlook: Outlook
    limits: Limits
    expected_s: Mapping[str, float]

    @property
    def finish(self) -> datetime | None:
        """When the run would be over; None while nobody knows how long a task takes."""
        return None if self.outlook.finish_s is None else self.at(self.outlook.finish_s)

    def at(self, seconds: float) -> datetime:
        """The instant so many seconds after the start. Raises `UsageError` where the calendar has none."""
        try:
            return self.now + timedelta(seconds=seconds)
        except OverflowError:
            raise UsageError(
                "this run would not end before the year 10000", hint="give shorter times, with `expected` or --slower"
            ) from None

    def seconds(self, added_s: float) -> dict[str, float]:
        """What each task takes, as far as is known, and so much more; a service takes nothing."""
        return {
            task.id: 0.0 if task.service else self.expected_s.get(task.id, 0.0) + added_s
            for task in self.request.selection.tasks
        }

    def body(self) -> dict[str, Any]:
        """What `--json` publishes of it."""
        found = self.outlook
        return {
            "tasks": self.rows,
            "critical_path": list(found.critical_path),
            "expected_finish": instant(self.finish),
            "expected_s": found.finish_s,
            "earliest_finish": instant(self.at(found.least_s)),
            "latest_finish": None if found.unknown else instant(self.at(found.most_s)),
            "unknown": list(found.unknown),
        }


def foresee(request: Request, slower: Mapping[str, float]) -> Foresight:
    """What the run would do, were these tasks so many times as slow as they are.

    Raises `UsageError` for one that could never end, or not before the calendar does.
    """
    from tetra_orchestrator import wire

    check_standstill(request)
    now = wire.clock().now()
    store = wire.store(request.project.store_url)
    try:
        history = store.durations_s()
        waiting, paused = ({}, {}) if request.force else _held_back(request, store, now)
        waiting = without_outputs(request, store) | waiting
        left_out = _left_out(request, store, now)
        looked = {} if waiting else _looked_at(request, store)
    finally:
        store.close()
    tasks = [_slower(task, slower.get(task.id)) for task in request.selection.tasks]
    history = {name: [slower.get(name, 1.0) * each for each in took] for name, took in history.items()}
    done = {**{name: one.reason for name, one in looked.items() if one.outputs is not None}, **_done(request)}
    allowed = limits(request.project, request.selection.mode)
    found = outlook(tasks, allowed, history, paused, done)
    commands = _commands(request)
    usual = {name: middle(took) for name, took in history.items()}
    expected = {task.id: s for task in tasks if (s := known_s(task, usual)) is not None}
    path = frozenset(found.critical_path)
    rows = [
        {
            **_decision(task, waiting, found.skipped, looked),
            **_times(task, found, expected),
            "on_critical_path": task.id in path,
            "command": commands[task.id],
        }
        for task in tasks
    ]
    if left_out:
        rows = _in_file_order([*rows, *left_out], request)
    foresight = Foresight(request, now, rows, found, allowed, expected)
    foresight.at(found.most_s)  # what has no end is refused before anything is printed
    return foresight


def _slower(task: Task, factor: float | None) -> Task:
    if factor is None or task.expected_s is None:
        return task
    return task._replace(expected_s=task.expected_s * factor)


def _times(task: Task, found: Outlook, expected: Mapping[str, float]) -> dict[str, Any]:
    span = found.spans.get(task.id)
    return {
        "expected_s": None if task.service else expected.get(task.id),
        "start_s": span.start_s if span else None,
        "finish_s": span.finish_s if span else None,
        "slack_s": found.slack_s.get(task.id),
    }


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
            **dict.fromkeys(("expected_s", "start_s", "finish_s", "slack_s")),
            "on_critical_path": False,
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
