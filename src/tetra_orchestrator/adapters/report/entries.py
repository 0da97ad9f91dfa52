"""What logs say of the events of a run, before that has a form: a level, a word, a sentence, and values by name."""

from __future__ import annotations

from tetra_orchestrator.core import events
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import instant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.core.model import Json, Task
    from tetra_orchestrator.ports import Subject

DEBUG, INFO, WARNING, ERROR, CRITICAL = LEVELS = ("debug", "info", "warning", "error", "critical")
_OF_STATE = {"failed": ERROR, "timed_out": ERROR, "lost": ERROR, "succeeded": INFO, "skipped": INFO}
#: Events whose level goes by the state that they tell of; that of others is `info`.
_ENDS = (events.ATTEMPT_FINISHED, events.TASK_FINISHED, events.RUN_FINISHED)


class Entry(Record):
    """One line of a log. `ts` is aware UTC, `fields` are in the order in which they are shown.

    `tenant` is whose line it is; None for what belongs to nobody, or to several.
    """

    ts: datetime
    level: str
    event_type: str
    message: str
    fields: Mapping[str, Json]
    tenant: str | None = None


class Scribe:
    """Makes one entry of each event, in our own words. What is not known of an entry is not in its fields."""

    def __init__(self, subject: Subject):
        assert subject.project is not None
        self.subject = subject
        self.tasks: Mapping[str, Task] = {task.id: task for task in subject.project.tasks()}
        self._run = known(_of_run(subject))
        self._tags = _schedules_tags(subject)
        tenants = {self.tasks[name].tenant for name in subject.tasks if name in self.tasks}
        self._tenant = tenants.pop() if len(tenants) == 1 else None
        self._began: dict[str, datetime] = {}
        self._attempt_began: dict[str, datetime] = {}

    def entries(self, event: RunEvent) -> list[Entry]:
        """What is to be said of the event."""
        lasted_s = self._lasted_s(event)
        level = level_of(event)
        about = _about(event, self.subject, lasted_s)
        task = self.tasks.get(event.task or "")
        tenant = task.tenant if task else self._tenant
        fields = {
            **({"tenant_id": tenant} if tenant else {}),
            **self._run,
            **known({"pipeline": task.pipeline if task else None, "task": event.task, "attempt": event.attempt}),
            **known({"state": event.state, "reason": event.reason._asdict() if event.reason else None}),
            **known({"duration_s": lasted_s, "log": self._log(event), "tags": self._tags_of(task), "seq": event.seq}),
        }
        return [Entry(event.ts, level, event.event.replace(".", "_"), about, fields, tenant)]

    def _lasted_s(self, event: RunEvent) -> float | None:
        """How long what has ended by the event took."""
        name = event.task or ""
        if event.event in (events.RUN_STARTED, events.ATTEMPT_STARTED):
            self._began.setdefault(name, event.ts)
            self._attempt_began[name] = event.ts
        if event.event == events.ATTEMPT_FINISHED:
            began = self._attempt_began.get(name)
        elif event.event in (events.TASK_FINISHED, events.RUN_FINISHED):
            began = self._began.get(name)
        else:
            return None
        return None if began is None else round(max((event.ts - began).total_seconds(), 0.0), 3)

    def _log(self, event: RunEvent) -> str | None:
        if event.task is None:
            return self.subject.log
        return None if event.attempt is None else self.subject.log_of(event.task, event.attempt)

    def _tags_of(self, task: Task | None) -> dict[str, Json] | None:
        return {**self._tags, **(dict(task.tags) if task else {})} or None


def level_of(event: RunEvent) -> str:
    """How much an event matters."""
    if event.event in (events.RETRY_SCHEDULED, events.TASK_SLOW, events.RECOVERY_STEP, events.HOOK_FAILED):
        return WARNING
    if event.event in _ENDS and event.state is not None:
        return _OF_STATE.get(event.state, WARNING)
    return INFO


def known(fields: Mapping[str, Json]) -> dict[str, Json]:
    """The fields without those of which nothing is known."""
    return {name: value for name, value in fields.items() if value is not None}


def _of_run(subject: Subject) -> dict[str, Json]:
    run = subject.run
    assert run is not None
    return {
        "job_name": run.schedule or run.mode or run.project,
        "run_id": run.run_id,
        "project": run.project,
        "mode": run.mode,
        "schedule": run.schedule,
        "trigger": run.trigger,
        "slot": instant(run.slot) if run.slot else None,
        "partition": run.partition._asdict() if run.partition else None,
        "trace_id": (subject.trace().split("-") + [""])[1] or None,
    }


def _schedules_tags(subject: Subject) -> dict[str, Json]:
    run, project = subject.run, subject.project
    assert run is not None
    assert project is not None
    return {name: tag for one in project.schedules if one.name == run.schedule for name, tag in one.tags}


def _about(event: RunEvent, subject: Subject, lasted_s: float | None) -> str:
    """The event as a sentence in one line."""
    say: Callable[[RunEvent, Subject, str], str] = _SENTENCES.get(event.event, _other)
    took = "" if lasted_s is None else f" after {lasted_s:.1f} s"
    why = f": {event.reason.text}" if event.reason and _has_cause(event) else ""
    return " ".join(f"{say(event, subject, took)}{why}".split())


def _has_cause(event: RunEvent) -> bool:
    """Whether its reason is part of the sentence; why something starts or has succeeded need not be told."""
    return event.event == events.TASK_SLOW or (event.event != events.ATTEMPT_STARTED and event.state != "succeeded")


def _other(event: RunEvent, subject: Subject, took: str) -> str:
    return f"{event.task or 'the run'}: {event.event}"


_SENTENCES: dict[str, Callable[[RunEvent, Subject, str], str]] = {
    events.RUN_STARTED: lambda event, subject, took: f"the run {subject.title} has started",
    events.RUN_FINISHED: lambda event, subject, took: f"the run {_ended(event)}{took}",
    events.RUN_STOPPING: lambda event, subject, took: "the run is being ended",
    events.TASK_READY: lambda event, subject, took: f"{event.task} is ready",
    events.TASK_SKIPPED: lambda event, subject, took: f"{event.task} is skipped",
    events.TASK_SLOW: lambda event, subject, took: f"{event.task} is slow",
    events.TASK_FINISHED: lambda event, subject, took: f"{event.task} {_ended(event)}{took}",
    events.ATTEMPT_STARTED: lambda event, subject, took: f"{event.task} starts, attempt {event.attempt}",
    events.ATTEMPT_FINISHED: lambda event, subject, took: f"{event.task}, attempt {event.attempt}, has ended{took}",
    events.RETRY_SCHEDULED: lambda event, subject, took: f"{event.task} waits for its next attempt",
    events.RECOVERY_STEP: lambda event, subject, took: f"{event.task}",
    events.HOOK_FAILED: lambda event, subject, took: "a hook has failed",
}


def _ended(event: RunEvent) -> str:
    """The state as a verb."""
    state = event.state or "ended"
    phrases = {"partial": "is partial", "cancelled": "was cancelled", "lost": "is lost", "timed_out": "has timed out"}
    phrases |= {"succeeded": "has succeeded", "failed": "has failed", "upstream_failed": "is not started"}
    return phrases.get(state, state)
