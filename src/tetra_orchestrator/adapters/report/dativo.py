"""The documented events of a dativo job: a rendering of our own. Every entry has its job, its tenant and its run.

A job says in its metrics what it was given and what it did; that is told when it is over.
"""

from __future__ import annotations

import json

from tetra_orchestrator.adapters.report.dativo_metrics import metrics_of
from tetra_orchestrator.adapters.report.entries import ERROR, INFO, LEVELS, WARNING, Entry, Scribe, known
from tetra_orchestrator.core import events
from tetra_orchestrator.core.retry import delay_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.core.history import Attempt
    from tetra_orchestrator.core.model import Json, Task
    from tetra_orchestrator.ports import Subject

STATUS = {"succeeded": "success", "partial": "partial"}


class DativoScribe:
    """Makes the documented entries of the events of jobs, each from the level on that its job names."""

    def __init__(self, subject: Subject):
        self._subject = subject
        self._native = Scribe(subject)
        self._started: set[str] = set()

    def entries(self, event: RunEvent) -> list[Entry]:
        """What is to be said of the event; the run as a whole is nothing that the document knows."""
        task = self._native.tasks.get(event.task or "")
        if task is None:
            return []
        job = _Job(task, event, self._subject, self._native)
        return [entry for entry in self._of(job) if LEVELS.index(entry.level) >= job.least]

    def _of(self, job: _Job) -> list[Entry]:
        event = job.event
        if event.event == events.ATTEMPT_STARTED and job.task.id not in self._started:
            self._started.add(job.task.id)
            return job.started()
        if event.event == events.RETRY_SCHEDULED:
            return job.retried()
        return job.finished() if event.event == events.TASK_FINISHED else []


class _Job:
    """One job at one event."""

    def __init__(self, task: Task, event: RunEvent, subject: Subject, native: Scribe):
        self.task = task
        self.event = event
        self._subject = subject
        self._config: Mapping[str, Json] = json.loads(task.config) if task.config else {}
        self.least = LEVELS.index(str(self._config.get("level", INFO)).lower())
        [entry] = native.entries(event)
        self._context = {name: entry.fields[name] for name in _CONTEXT if name in entry.fields}
        self._context |= {"job_name": str(self._config.get("job") or task.pipeline)}

    def started(self) -> list[Entry]:
        job = {name: self._config.get(name) for name in ("asset", "source_connector", "target_connector")}
        return [
            self._entry(INFO, "job_started", "the job starts", known(job)),
            self._entry(INFO, "tenant_inferred", f"the job is {self.task.tenant}'s", {}),
        ]

    def retried(self) -> list[Entry]:
        number, why = self.event.attempt or 0, self.event.reason.text if self.event.reason else ""
        fields: dict[str, Json] = {
            "attempt": number,
            "max_retries": self.task.retry.max_attempts - 1,
            "delay_seconds": delay_s(self.task.retry, number),
            "exit_code": next((each.exit_code for each in self._attempts() if each.number == number), None),
        }
        return [self._entry(WARNING, "retry_attempt", why, fields)]

    def finished(self) -> list[Entry]:
        attempts, outputs = self._attempts(), self._outputs()
        if not attempts:
            return [self._error(attempts, {})]
        metrics = outputs.get("metrics")
        status = STATUS.get(self.event.state or "", "failure")
        made = metrics_of({**outputs, **(metrics if isinstance(metrics, dict) else {})}, attempts, status)
        end = {"status": status, "execution_time_seconds": made.seconds, "exit_code": attempts[-1].exit_code}
        if status == "failure":
            last = self._error(attempts, end)
        else:
            level = INFO if status == "success" else WARNING
            last = self._entry(level, "job_finished", f"the job ended: {status}", end)
        before = [self._entry(INFO, *each) for each in made.before]
        return [*before, last, *(self._entry(INFO, name, "figures of the job", each) for name, each in made.families)]

    def _error(self, attempts: Sequence[Attempt], end: Mapping[str, Json]) -> Entry:
        """What the job said last, and why it was not tried again."""
        why = self.event.reason.text if self.event.reason else "it failed"
        last = attempts[-1] if attempts else None
        said = last.tail if last and last.exit_code is not None else None
        lines = [line.strip() for line in (said or "").splitlines() if line.strip()]
        log = {"log": last.log} if last else {}
        return self._entry(
            ERROR, "job_error", lines[-1] if lines else why, {**end, "retry": self._no_retry(why, attempts), **log}
        )

    def _no_retry(self, why: str, attempts: Sequence[Attempt]) -> str:
        retries = self.task.retry.max_attempts - 1
        if not retries:
            return "not tried again: the job has no retry_config"
        if len(attempts) > retries:
            return f"not tried again: all {retries} retries are used up"
        for ours, theirs in _WORDS.items():
            why = why.replace(ours, theirs)
        return why

    def _entry(self, level: str, event_type: str, message: str, fields: Mapping[str, Json]) -> Entry:
        return Entry(self.event.ts, level, event_type, message, {**self._context, **fields}, self.task.tenant)

    def _attempts(self) -> Sequence[Attempt]:
        return [each for each in self._subject.attempts() if each.task_id == self.task.id]

    def _outputs(self) -> Mapping[str, Json]:
        return next((row.outputs or {} for row in self._subject.rows() if row.task_id == self.task.id), {})


#: Keys of our own and what a job file calls them.
_WORDS = {"`on_exit_codes`": "`retryable_exit_codes`", "`on_output`": "`retryable_error_patterns`"}
#: What each entry has of our own.
_CONTEXT = ("tenant_id", "job_name", "run_id", "mode", "schedule", "slot", "attempt", "trace_id", "tags")
