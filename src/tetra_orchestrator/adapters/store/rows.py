"""Values as a database keeps them, and back: instants, JSON, reasons, records.

An instant is an integer, microseconds since 1970 UTC: it sorts, subtracts and takes 8 bytes. The views render it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tetra_orchestrator.core.events import RunEvent
from tetra_orchestrator.core.facts import Facts, Usage
from tetra_orchestrator.core.history import Attempt, Partition, Pause, PipelineState, Run, TaskRun
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.outcome import describe, kind_of, succeeded
from tetra_orchestrator.core.states import TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.core.model import Json
    from tetra_orchestrator.core.outcome import Outcome

    Row = Sequence[Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ATTEMPT_STATES = {
    "timed_out": TaskState.TIMED_OUT.value,
    "cancelled": TaskState.CANCELLED.value,
    "lost": TaskState.LOST.value,
}


def micros(at: datetime | None) -> int | None:
    """An aware instant as stored."""
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def instant(stored: int | None) -> datetime | None:
    """A stored instant as an aware UTC value."""
    return None if stored is None else _EPOCH + stored * _MICROSECOND


def plain(text: str | None) -> str | None:
    """The text with what no database carries written as an escape: a lone surrogate of an odd file name, and NUL."""
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def to_json(values: Mapping[str, Json] | Mapping[str, str | None] | None) -> str | None:
    """Outputs or parameters as stored."""
    if values is None:
        return None
    import json

    return json.dumps(dict(values), separators=(",", ":"))


def from_json(text: str | None) -> dict[str, Json] | None:
    """Stored outputs or parameters as values."""
    if text is None:
        return None
    import json

    values: dict[str, Json] = json.loads(text)
    return values


def tags_text(tags: Sequence[str]) -> str | None:
    """Tags as stored: a JSON list, in which each can be looked for with its quotes."""
    if not tags:
        return None
    import json

    return json.dumps(tags, separators=(",", ":"))


def tags_of(text: str | None) -> tuple[str, ...]:
    """Stored tags as values."""
    if text is None:
        return ()
    import json

    return tuple(json.loads(text))


def reason_pair(reason: Reason | None) -> tuple[str | None, str | None]:
    """A reason as its two columns."""
    return (None, None) if reason is None else (reason.code, plain(reason.text))


def reason_of(code: str | None, text: str | None) -> Reason | None:
    """A reason from its two columns."""
    return None if code is None else Reason(code, text or "")


def attempt_state(outcome: Outcome) -> str:
    """The state an attempt ends in: its outcome in the words of a task."""
    if succeeded(outcome):
        return TaskState.SUCCEEDED.value
    return _ATTEMPT_STATES.get(kind_of(outcome)[0], TaskState.FAILED.value)


def outcome_columns(outcome: Outcome) -> tuple[str, str, int | None, int | None, str | None]:
    """An outcome as stored: state, kind, exit code, signal, text."""
    return (attempt_state(outcome), *kind_of(outcome), plain(describe(outcome)))


def run_row(run: Run) -> tuple[Any, ...]:
    """A run in the order of `RUN_COLUMNS`."""
    partition = run.partition or Partition(None, None)  # type: ignore[arg-type]
    return (
        run.run_id, run.project, run.mode, run.trigger, run.state, run.config_hash, micros(run.started_at),
        micros(run.finished_at), run.duration_s, run.exit_code, plain(run.log), micros(run.slot), *partition,
        run.resumes, run.owner, to_json(run.params), run.schedule, tags_text(run.tags), run.backfill, int(run.tells),
    )  # fmt: skip


def run_of(row: Row) -> Run:
    """A run from `RUN_COLUMNS`."""
    partition = None if row[12] is None else Partition(row[12], row[13])
    times = instant(row[6]), instant(row[7])
    rest = from_json(row[16]), row[17], tags_of(row[18]), row[19], bool(row[20])
    return Run._make((*row[:6], *times, *row[8:11], instant(row[11]), partition, *row[14:16], *rest))


RUN_COLUMNS = (
    "run_id, project, mode, trigger, state, config_hash, started_at, finished_at, duration_s, exit_code, log, slot,"
    " partition_start, partition_end, resumes, owner, params, schedule, tags, backfill, tells"
)


def task_row(task: TaskRun) -> tuple[Any, ...]:
    """A task in the order of `TASK_COLUMNS`, without the run and the outputs."""
    return (
        task.task_id, task.pipeline, task.position, task.state, task.version, *reason_pair(task.reason),
        micros(task.started_at), micros(task.finished_at), task.attempts,
    )  # fmt: skip


def task_of(run_id: str, row: Row) -> TaskRun:
    """A task from `TASK_COLUMNS` followed by its outputs."""
    times = instant(row[7]), instant(row[8])
    return TaskRun._make((run_id, *row[:5], reason_of(row[5], row[6]), *times, row[9], from_json(row[10])))


TASK_COLUMNS = (
    "task_id, pipeline, position, state, version, reason_code, reason_text, started_at, finished_at, attempts"
)


def attempt_row(attempt: Attempt) -> tuple[Any, ...]:
    """An attempt in the order of `ATTEMPT_COLUMNS`, without the run."""
    return (
        *attempt[1:5], plain(attempt.log), *attempt[6:11], plain(attempt.text), micros(attempt.started_at),
        micros(attempt.finished_at), attempt.waited_s, plain(attempt.tail), *facts_columns(attempt.facts),
        attempt.duration_s,
    )  # fmt: skip


def attempt_of(run_id: str, row: Row) -> Attempt:
    """An attempt from `ATTEMPT_COLUMNS`."""
    times = instant(row[11]), instant(row[12])
    return Attempt._make((run_id, *row[:11], *times, *row[13:15], facts_of(row[15:23]), row[23]))


def facts_columns(facts: Facts) -> tuple[Any, ...]:
    """Facts in the order of `FACTS_COLUMNS`; the limits as `key=how` with commas between."""
    limits = ",".join(f"{name}={how}" for name, how in facts.limits) or None
    return (*facts.usage, limits, facts.gone, plain(facts.note))


def facts_of(row: Row) -> Facts:
    """Facts from `FACTS_COLUMNS`."""
    *usage, limits, gone, note = row
    pairs = [each.partition("=") for each in limits.split(",")] if limits else []
    return Facts(Usage._make(usage), tuple((name, how) for name, _, how in pairs), gone, note)


def usage_of(sums: Sequence[float | None]) -> Usage:
    """What several attempts took, from a number for each field; a database adds up bytes to what it likes."""
    cpu_s, *sizes = sums
    return Usage(cpu_s, *[None if size is None else int(size) for size in sizes])


FACTS_COLUMNS = "cpu_s, peak_rss_bytes, peak_pss_bytes, read_bytes, write_bytes, limits, gone, note"


ATTEMPT_COLUMNS = (
    "task_id, number, token, state, log, runner, handle, kind, exit_code, signal, text, started_at, finished_at,"
    " waited_s, tail"
    f", {FACTS_COLUMNS}, duration_s"
)


def event_row(event: RunEvent) -> tuple[Any, ...]:
    """An event in the order of `EVENT_COLUMNS`, without the run."""
    return (
        event.seq, event.event, micros(event.ts), event.task, event.attempt, event.state, *reason_pair(event.reason)
    )  # fmt: skip


def event_of(run_id: str, row: Row) -> RunEvent:
    """An event from `EVENT_COLUMNS`."""
    seq, name, ts, task, attempt, state, code, text = row
    return RunEvent(name, seq, _EPOCH + ts * _MICROSECOND, run_id, task, attempt, state, reason_of(code, text))


EVENT_COLUMNS = "seq, event, ts, task, attempt, state, reason_code, reason_text"


def pipeline_of(row: Row) -> PipelineState:
    """A pipeline from name, max_data_age_s, enabled, position."""
    return PipelineState(row[0], row[1], bool(row[2]), row[3])


def pause_of(row: Row) -> Pause:
    """A pause from `PAUSE_COLUMNS`."""
    kind, name, since, until, reason = row
    return Pause(kind, name, _EPOCH + since * _MICROSECOND, instant(until), reason)


PAUSE_COLUMNS = "kind, name, since, until, reason"
