"""One look at the pipelines and the host: what is stale, failing or running short. It changes nothing."""

from __future__ import annotations

from tetra_orchestrator.core.freshness import freshness
from tetra_orchestrator.core.history import lasted_s
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.schedule import next_slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tetra_orchestrator.core.history import TaskRun
    from tetra_orchestrator.core.model import Pipeline, Project
    from tetra_orchestrator.ports import Clock, PipelineSummary, Probe, Store

#: Runs that error rate and mean duration look back over.
WINDOW = 20
BAD = frozenset({"failed", "timed_out", "lost", "upstream_failed"})
#: Shares of free disk and memory below which the host is degraded, or unhealthy.
DISK_LOW, DISK_OUT, MEMORY_LOW = 0.10, 0.02, 0.05


class Finding(Record):
    """Something that is not as it should be; `severity` is `warning` or `critical`."""

    code: str
    severity: str
    subject: str
    text: str


class PipelineHealth(Record):
    """How one pipeline fares. `error_rate` is a share of its last runs, None when it never ran."""

    name: str
    last_run: datetime | None
    status: str | None
    data_freshness: str
    log_freshness: str
    error_rate: float | None
    avg_duration_s: float | None
    next_slot: datetime | None


class Health(Record):
    """The whole picture; `system` maps a part of the host to `ok`, `low`, `out` or a figure."""

    health: str
    pipelines: tuple[PipelineHealth, ...]
    system: dict[str, str | float | None]
    findings: tuple[Finding, ...]


def check(project: Project, store: Store, clock: Clock, probe: Probe) -> Health:
    """Look at everything once."""
    now = clock.now()
    summaries = {summary.pipeline.name: summary for summary in store.summaries()}
    due = next_slots(project, now)
    pipelines = tuple(
        _pipeline(pipeline, summaries.get(pipeline.name), due.get(pipeline.name), store, probe, now)
        for pipeline in project.pipelines
        if pipeline.enabled
    )
    disk, memory = probe.disk_free(project.root), probe.memory_available()
    system: dict[str, str | float | None] = {
        "database": "ok",  # it answered above
        "disk_space": "out" if disk < DISK_OUT else "low" if disk < DISK_LOW else "ok",
        "memory": "low" if memory < MEMORY_LOW else "ok",
        "cpu": round(probe.load_per_cpu(), 2),
        "api_endpoints": None,
        "timers": None,
    }
    findings = tuple(f for p in pipelines for f in _pipeline_findings(p)) + _host_findings(system, disk, memory)
    return Health(_verdict(findings), pipelines, system, findings)


def _pipeline(
    pipeline: Pipeline,
    summary: PipelineSummary | None,
    next_slot: datetime | None,
    store: Store,
    probe: Probe,
    now: datetime,
) -> PipelineHealth:
    name, limit = pipeline.name, pipeline.max_data_age_s
    runs = [run for run in store.runs(limit=WINDOW, pipeline=name) if run.finished_at]
    history = [[task for task in store.task_runs(run.run_id) if task.pipeline == name] for run in runs]
    spans = [_span_s(tasks, run.duration_s) for tasks, run in zip(history, runs, strict=True)]
    logged = _last_logged(store, name, probe)
    return PipelineHealth(
        name=name,
        last_run=summary.last_finished_at or summary.last_started_at if summary else None,
        status=summary.last_state if summary else None,
        data_freshness=freshness(summary.last_success_at if summary else None, limit, now),
        log_freshness=freshness(logged, limit, now),
        error_rate=sum(_failed(tasks) for tasks in history) / len(history) if history else None,
        avg_duration_s=_mean([span for span in spans if span is not None]),
        next_slot=next_slot,
    )


def _last_logged(store: Store, name: str, probe: Probe) -> datetime | None:
    for run in store.runs(limit=1, pipeline=name):
        mine = {task.task_id for task in store.task_runs(run.run_id) if task.pipeline == name}
        times = [probe.modified(attempt.log) for attempt in store.attempts(run.run_id) if attempt.task_id in mine]
        return max((when for when in times if when), default=None)
    return None


def _failed(tasks: Sequence[TaskRun]) -> bool:
    return any(task.state in BAD for task in tasks)


def _span_s(tasks: Sequence[TaskRun], run_s: float | None) -> float | None:
    """From the first start to the last end, where the tasks ran, in a run that took so long."""
    starts = [task.started_at for task in tasks if task.started_at]
    ends = [task.finished_at for task in tasks if task.started_at and task.finished_at]
    return lasted_s(min(starts, default=None), max(ends, default=None), run_s)


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 3) if values else None


def _pipeline_findings(pipeline: PipelineHealth) -> list[Finding]:
    found = []
    if pipeline.status in BAD:
        text = f"{pipeline.name} ended {pipeline.status} in its last run"
        found.append(Finding("pipeline_failed", "critical", pipeline.name, text))
    if pipeline.data_freshness == "stale":
        text = f"{pipeline.name} has not succeeded within its max_data_age"
        found.append(Finding("data_stale", "warning", pipeline.name, text))
    if pipeline.log_freshness == "stale":
        text = f"{pipeline.name} has not written a log within its max_data_age"
        found.append(Finding("log_stale", "warning", pipeline.name, text))
    return found


def _host_findings(system: dict[str, str | float | None], disk: float, memory: float) -> tuple[Finding, ...]:
    found = []
    if system["disk_space"] != "ok":
        severity = "critical" if system["disk_space"] == "out" else "warning"
        found.append(Finding("disk_low", severity, "disk_space", f"{disk:.1%} of the project's disk is free"))
    if system["memory"] != "ok":
        found.append(Finding("memory_low", "warning", "memory", f"{memory:.1%} of the memory is available"))
    return tuple(found)


def _verdict(findings: Sequence[Finding]) -> str:
    severities = {finding.severity for finding in findings}
    return "unhealthy" if "critical" in severities else "degraded" if severities else "healthy"
