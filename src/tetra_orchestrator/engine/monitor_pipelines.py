"""How each pipeline fares: its last runs, its data, its logs."""

from __future__ import annotations

from tetra_orchestrator.core.data_age import STALE
from tetra_orchestrator.core.findings import Finding, finding
from tetra_orchestrator.core.freshness import freshness
from tetra_orchestrator.core.health import PipelineHealth
from tetra_orchestrator.core.history import LOCAL, PIPELINE, WRAPPED
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import duration, to_second
from tetra_orchestrator.core.states import TaskState
from tetra_orchestrator.core.watching import Monitoring
from tetra_orchestrator.engine.gauges import measure, succeeded_at, window
from tetra_orchestrator.engine.past import BAD, OWN_FAULT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

    from tetra_orchestrator.core.gauges import Gauge
    from tetra_orchestrator.core.model import Pipeline
    from tetra_orchestrator.engine.gauges import Window
    from tetra_orchestrator.engine.monitor_data import DataHealth
    from tetra_orchestrator.engine.past import Part, Past
    from tetra_orchestrator.ports import Store
    from tetra_orchestrator.watch_ports import Probe

#: A run that takes more than so many times its mean is slow, if it takes longer than this.
SLOWER, SLOW_S = 3.0, 60.0


class Viewed(Record):
    """One pipeline: how it fares, its gauges, its newest runs, and what is not as it should be."""

    health: PipelineHealth
    gauges: Mapping[str, Gauge]
    seen: Window
    findings: tuple[Finding, ...]

    @property
    def failed_in(self) -> str | None:
        """The id of its last run, if a task of its own failed in that."""
        last = self.seen.last
        return last.run.run_id if last and last.state in OWN_FAULT else None


class Viewer(Record):
    """Looks at pipelines as of `now`."""

    store: Store
    past: Past
    probe: Probe
    monitoring: Monitoring
    now: datetime
    next_slots: Mapping[str, datetime]

    def view(self, pipeline: Pipeline, schedules: Collection[str], data: DataHealth) -> Viewed:
        """One pipeline. `schedules` are the names of those that run it. Raises `StoreError`."""
        seen = window(self.past, pipeline.name, self.monitoring.error_window)
        logged_at = self._logged_at(seen)
        gauges = measure(
            pipeline,
            self.store,
            self.now,
            self.monitoring,
            data_at=data.at,
            past=self.past,
            schedules=schedules,
            logged_at=logged_at,
            seen=seen,
        )
        health = self._health(pipeline, seen, data, logged_at)
        found = [*self._of_runs(health, seen), *self._slow(pipeline, seen), *self._of_data(pipeline, health, data)]
        return Viewed(health, gauges, seen, (*found, *self._of_log(pipeline, health, logged_at)))

    def _health(self, pipeline: Pipeline, seen: Window, data: DataHealth, logged_at: datetime | None) -> PipelineHealth:
        last, mean_s = seen.last, seen.mean_s
        succeeded = succeeded_at(pipeline.name, seen, self.past, self.now)
        limit_s = self.monitoring.log_age_s or pipeline.max_data_age_s
        return PipelineHealth(
            name=pipeline.name,
            last_run=last.ended_at if last else None,
            status=last.state if last else seen.current.state if seen.current else None,
            data_freshness=data.state or freshness(succeeded, pipeline.max_data_age_s, self.now),
            log_freshness=freshness(logged_at, limit_s, self.now),
            error_rate=seen.error_rate,
            avg_duration_s=None if mean_s is None else round(mean_s, 3),
            next_slot=self.next_slots.get(pipeline.name),
            last_duration_s=last.duration_s if last else None,
            data_at=data.at or succeeded,
            last_success=succeeded,
            running=seen.current is not None,
            paused=self.past.paused(PIPELINE, pipeline.name, self.now),
        )

    def _logged_at(self, seen: Window) -> datetime | None:
        """When the newest log was last written."""
        newest = seen.current or seen.last
        times = [self.probe.modified(one.log) for one in self.past.attempts(newest)] if newest else []
        return max((at for at in times if at), default=None)

    def _of_runs(self, health: PipelineHealth, seen: Window) -> Iterator[Finding]:
        last = seen.last
        if last is None:
            return
        command = f"tetra show {last.run.run_id}"
        if last.state in BAD:
            text = f"{health.name} ended {last.state.replace('_', ' ')} in its last run"
            yield finding("pipeline_failed", health.name, text, command)
        if last.state == TaskState.PARTIAL:
            yield finding("pipeline_partial", health.name, f"{health.name} is partial in its last run", command)

    def _slow(self, pipeline: Pipeline, seen: Window) -> Iterator[Finding]:
        newest = seen.current or seen.last
        if newest is None:
            return
        command = f"tetra show {newest.run.run_id}"
        services = {task.id for task in pipeline.tasks if task.service}
        slower, taken_s = seen.slower(self.now), newest.so_far_s(self.now)
        if slower and taken_s and slower > SLOWER and taken_s > SLOW_S and not services:
            is_over = "took" if newest.is_over else "has taken"
            text = f"{pipeline.name} {is_over} {duration(taken_s)}, {slower:.1f} times as long as usual"
            yield finding("run_slow", pipeline.name, text, command)
        limit_s = self.monitoring.slow_task_s
        for task_id, lasted_s in self._times(newest) if limit_s is not None else ():
            if lasted_s > (limit_s or 0.0) and task_id not in services:
                text = f"{task_id} took {duration(lasted_s)}, over the {duration(limit_s)} of monitor.slow_task"
                yield finding("task_slow", task_id, text, command)

    def _times(self, part: Part) -> Iterator[tuple[str, float]]:
        """How long each task took that has begun, or has taken so far.

        Elsewhere, where it may have waited for its turn, so long as its attempts took that are over.
        """
        away = [one for one in self.past.attempts(part) if one.runner not in (LOCAL, WRAPPED)]
        for task in part.tasks:
            own = [one.duration_s or 0.0 for one in away if one.task_id == task.task_id]
            if own:
                yield task.task_id, sum(own)
            elif task.started_at is not None:
                yield task.task_id, ((task.finished_at or self.now) - task.started_at).total_seconds()

    def _of_data(self, pipeline: Pipeline, health: PipelineHealth, data: DataHealth) -> Iterator[Finding]:
        if health.paused:
            return
        yield from data.findings
        if data.state is not None:
            return
        command = f"tetra history --pipeline {health.name}"
        if health.data_freshness == STALE and health.last_success is not None:
            limit = duration(pipeline.max_data_age_s)
            text = f"{health.name} last succeeded at {to_second(health.last_success)}, over its max_data_age of {limit}"
            yield finding("data_stale", health.name, text, command)
        elif pipeline.max_data_age_s and health.last_success and health.data_freshness != "fresh":
            text = f"{health.name} is said to have succeeded at {to_second(health.last_success)}: a clock was wrong"
            yield finding("data_unknown", health.name, text, command)

    def _of_log(self, pipeline: Pipeline, health: PipelineHealth, logged_at: datetime | None) -> Iterator[Finding]:
        """A pipeline that has not run for long has stale data and a stale log, which is told once."""
        same = self.monitoring.log_age_s is None and health.data_freshness == STALE
        if health.log_freshness == STALE and not health.paused and not same and logged_at is not None:
            limit = duration(self.monitoring.log_age_s or pipeline.max_data_age_s)
            text = f"the newest log of {health.name} is from {to_second(logged_at)}, over its limit of {limit}"
            yield finding("log_stale", health.name, text, f"tetra logs --pipeline {health.name}")


def without_echoes(views: Collection[Viewed]) -> list[Finding]:
    """What was found of the pipelines, but failures that are another pipeline's, which is told of itself."""
    failed_in = {view.failed_in for view in views}
    return [one for view in views for one in view.findings if not (_is_echo(view, failed_in, one))]


def _is_echo(view: Viewed, failed_in: Collection[str | None], found: Finding) -> bool:
    last = view.seen.last
    blocked = last is not None and last.state == TaskState.UPSTREAM_FAILED and last.run.run_id in failed_in
    return found.code == "pipeline_failed" and blocked
