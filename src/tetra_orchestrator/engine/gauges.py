"""The values of the names in `core.gauges`, as of a run that has ended, or of the moment somebody looks."""

from __future__ import annotations

from itertools import islice

from tetra_orchestrator.core.facts import UNKNOWN, together
from tetra_orchestrator.core.failed_how import first_ended
from tetra_orchestrator.core.history import PIPELINE
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.slots import MISSED
from tetra_orchestrator.core.states import TaskState
from tetra_orchestrator.core.vocabulary import VOCABULARIES
from tetra_orchestrator.core.watching import Monitoring
from tetra_orchestrator.engine.past import BAD, OWN_FAULT, Part, Past, in_a_row, mean, over

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.gauges import Gauge
    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Pipeline
    from tetra_orchestrator.ports import Store

#: A mean of fewer runs says nothing about how long one should take.
ENOUGH = 3
_NEVER = "never"


class Window(Record):
    """The latest runs of a pipeline: the one that is not over, if any, and those that count, newest first."""

    current: Part | None
    ended: Sequence[Part]

    @property
    def last(self) -> Part | None:
        """The newest that is over."""
        return self.ended[0] if self.ended else None

    @property
    def error_rate(self) -> float | None:
        """The share of `tried` that failed; None where there is none."""
        return mean(float(part.state in OWN_FAULT) for part in self.tried)

    @property
    def tried(self) -> Sequence[Part]:
        """Those that count that were not held up by the failure of another pipeline."""
        return [part for part in self.ended if part.state != TaskState.UPSTREAM_FAILED]

    @property
    def mean_s(self) -> float | None:
        """How long they took."""
        return mean(part.duration_s for part in self.ended)

    def slower(self, now: datetime) -> float | None:
        """How many times as long as those before it that succeeded the newest took, or has taken so far.

        None where these are too few to tell.
        """
        newest = self.current or self.last
        earlier = self.ended if self.current else self.ended[1:]
        usual = [part.duration_s for part in earlier if part.state == TaskState.SUCCEEDED]
        taken, usual_s = newest.so_far_s(now) if newest else None, mean(usual)
        return taken / usual_s if taken is not None and usual_s and len(usual) >= ENOUGH else None


def window(past: Past, pipeline: str, size: int, run: Run | None = None) -> Window:
    """The last `size` runs of the pipeline; as of `run`, if that is given."""
    newest = next(past.parts(pipeline, run), None)
    current = newest if newest and not newest.is_over else None
    return Window(current, list(islice(over(past.parts(pipeline, run)), size)))


def measure(
    pipeline: Pipeline,
    store: Store,
    now: datetime,
    monitoring: Monitoring | None,
    run: Run | None = None,
    data_at: datetime | None = None,
    *,
    past: Past | None = None,
    schedules: Collection[str] | None = None,
    logged_at: datetime | None = None,
    seen: Window | None = None,
) -> dict[str, Gauge]:
    """Every name of `OF_PIPELINE` with its value, None where that is not known.

    As of `run`, if that is given: it is the last one then. `data_at` is when the data was made where it is watched, and
    not known without it; where none is, the latest success counts. `schedules` are those that run the pipeline,
    `logged_at` is when its newest log was written. `seen` is its window, where that is known. What several calls
    read is read once where they share a `past`.
    Raises `StoreError`.
    """
    past = past or Past(store)
    seen = seen or window(past, pipeline.name, (monitoring or Monitoring()).error_window, run)
    last, newest = seen.last, seen.current or seen.last
    success_at = succeeded_at(pipeline.name, seen, past, now)
    duration_s = newest.so_far_s(now) if newest else None
    made = _records(last)
    return {
        "pipeline": pipeline.name,
        "pipeline_status": _status(last, newest),
        "state": newest.state if newest and not last else last.state if last else _NEVER,
        "reason": _reason(last, past),
        "mode": last.run.mode if last else None,
        "tenant": next((task.tenant for task in pipeline.tasks if task.tenant), None),
        "error_rate": seen.error_rate,
        "failures": float(in_a_row(past.parts(pipeline.name, run))),
        "runs": float(len(seen.tried)),
        "data_age_hours": _hours(data_at if pipeline.data else success_at, now),
        "log_age_hours": _hours(logged_at or _last_word(newest, past), now),
        "hours_since_run": _hours(last.ended_at if last else None, now),
        "hours_since_success": _hours(success_at, now),
        "duration_minutes": _in(60, duration_s),
        "execution_time_seconds": duration_s,
        "avg_duration_minutes": _in(60, seen.mean_s),
        "slower": seen.slower(now),
        "records_processed": made,
        "records_per_second": made / last.duration_s if last and made is not None and last.duration_s else None,
        "retry_count": float(sum(max(task.attempts - 1, 0) for task in last.tasks)) if last else None,
        **_used(last, past),
        "late_minutes": _late(last),
        "missed_slots": None if schedules is None else float(_missed(schedules, past, now)),
        "running": seen.current is not None,
        "paused": past.paused(PIPELINE, pipeline.name, now),
    }


def succeeded_at(name: str, seen: Window, past: Past, now: datetime) -> datetime | None:
    """When the pipeline last succeeded; None where it never did before now."""
    found = next((part for part in seen.ended if part.state == TaskState.SUCCEEDED), None)
    if found is not None:
        return found.ended_at
    known = past.summary(name)
    return known.last_success_at if known and known.last_success_at and known.last_success_at <= now else None


def _status(last: Part | None, newest: Part | None) -> str:
    """In the words of the document that rules come from; one that runs again is as it was until that is over."""
    shown = last or newest
    return VOCABULARIES["tetra"].last(shown.state) if shown else _NEVER


def _reason(last: Part | None, past: Past) -> str | None:
    """Why the task that failed first did: what ended its last attempt, or why it never came to one."""
    failed = [task for task in last.tasks if task.state in BAD] if last else []
    if last is None or not failed:
        return None
    first = first_ended(failed)
    kinds = [one.kind for one in past.attempts(last) if one.task_id == first.task_id and one.kind]
    return kinds[-1] if kinds else first.reason.code if first.reason else first.state


def _records(last: Part | None) -> float | None:
    """What the tasks reported as `records_processed`, in all; None where none did."""
    values = [(task.outputs or {}).get("records_processed") for task in last.tasks] if last else []
    numbers = [float(value) for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return sum(numbers) if numbers else None


def _used(last: Part | None, past: Past) -> dict[str, Gauge]:
    used = together(one.facts.usage for one in past.attempts(last)) if last else UNKNOWN
    peak = used.peak_rss_bytes
    return {"cpu_seconds": used.cpu_s, "peak_memory_gb": None if peak is None else peak / 1024**3}


def _late(last: Part | None) -> float | None:
    """Minutes from its slot to its start; a run that nobody was waiting for is not late."""
    if last is None:
        return None
    began = last.run.started_at
    if last.run.slot is None or began is None:
        return 0.0
    return max((began - last.run.slot).total_seconds(), 0.0) / 60


def _missed(schedules: Collection[str], past: Past, now: datetime) -> int:
    return sum(slot.outcome == MISSED for name in schedules for slot in past.slots(name, now))


def _last_word(newest: Part | None, past: Past) -> datetime | None:
    """When its newest attempt was over, or began: its log was written at least then."""
    times = [one.finished_at or one.started_at for one in past.attempts(newest)] if newest else []
    return max((at for at in times if at), default=None)


def _hours(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else (now - at).total_seconds() / 3600


def _in(unit_s: float, seconds: float | None) -> float | None:
    return None if seconds is None else seconds / unit_s
