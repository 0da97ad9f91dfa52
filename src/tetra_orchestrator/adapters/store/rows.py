"""Between table rows and records. Times are RFC 3339 text in UTC with microseconds, so that they sort as text."""

from __future__ import annotations

from datetime import datetime

from tetra_orchestrator.core.events import RunEvent
from tetra_orchestrator.core.model import Attempt, Partition, Reason, Run, TaskRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.core.model import Json

RUN_COLUMNS = (
    "run_id, project, mode, trigger, state, config_hash, started_at, finished_at, duration_s, exit_code, log, slot, "
    "partition_start, partition_end, resumes, owner"
)
TASK_COLUMNS = (
    "run_id, task_id, pipeline, position, state, version, reason_code, reason_text, started_at, finished_at, attempts"
)
ATTEMPT_COLUMNS = ", ".join(Attempt._fields)
_BEGAN = Attempt._fields.index("started_at")
EVENT_COLUMNS = "event, seq, ts, run_id, task, attempt, state, reason_code, reason_text"


def text(when: datetime | None) -> str | None:
    """`2026-03-01T20:00:00.000000Z`."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if when else None


def when(value: str | None) -> datetime | None:
    """The aware time behind `text`."""
    return datetime.fromisoformat(value) if value else None


def run_values(run: Run) -> tuple[Any, ...]:
    """The values of `RUN_COLUMNS`."""
    start, end = (run.partition.start, run.partition.end) if run.partition else (None, None)
    return (
        *(run.run_id, run.project, run.mode, run.trigger, run.state, run.config_hash),
        *(text(run.started_at), text(run.finished_at), run.duration_s, run.exit_code, run.log, text(run.slot)),
        *(start, end, run.resumes, run.owner),
    )


def run_of(row: Sequence[Any]) -> Run:
    """The run in a row of `RUN_COLUMNS`."""
    partition = Partition(row[12], row[13]) if row[12] is not None else None
    times = when(row[6]), when(row[7])
    return Run._make((*row[:6], *times, *row[8:11], when(row[11]), partition, row[14], row[15]))


def task_of(row: Sequence[Any], outputs: Mapping[str, Json] | None) -> TaskRun:
    """The task in a row of `TASK_COLUMNS`."""
    times = when(row[8]), when(row[9])
    return TaskRun._make((*row[:6], _reason(row[6], row[7]), *times, row[10], outputs))


def attempt_values(attempt: Attempt) -> tuple[Any, ...]:
    """The values of `ATTEMPT_COLUMNS`."""
    began, ended = text(attempt.started_at), text(attempt.finished_at)
    return (*attempt[:_BEGAN], began, ended, *attempt[_BEGAN + 2 :])


def attempt_of(row: Sequence[Any]) -> Attempt:
    """The attempt in a row of `ATTEMPT_COLUMNS`."""
    times = when(row[_BEGAN]), when(row[_BEGAN + 1])
    return Attempt._make((*row[:_BEGAN], *times, *row[_BEGAN + 2 :]))


def event_values(event: RunEvent) -> tuple[Any, ...]:
    """The values of `EVENT_COLUMNS`."""
    code, words = event.reason or (None, None)
    return (event.event, event.seq, text(event.ts), event.run_id, event.task, event.attempt, event.state, code, words)


def event_of(row: Sequence[Any]) -> RunEvent:
    """The event in a row of `EVENT_COLUMNS`."""
    ts = datetime.fromisoformat(row[2])
    return RunEvent._make((row[0], row[1], ts, *row[3:7], _reason(row[7], row[8])))


def _reason(code: str | None, words: str | None) -> Reason | None:
    return Reason(code, words or "") if code else None
