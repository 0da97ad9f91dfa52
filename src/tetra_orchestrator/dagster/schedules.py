"""When Dagster starts a job by itself: its schedules, and sensors for what its cron rules cannot say.

Before a run is requested the schedule's own rules are asked: `catch_up` for a time that Dagster makes up for, `overlap`
and `max_concurrent_runs` where runs of the job are active.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from tetra_orchestrator.core.slots import between
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.dagster.ops import SLOT
from tetra_orchestrator.dagster.plan import free, job_of
from tetra_orchestrator.dagster.tags import schedule_tags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tetra_orchestrator.core.model import Project, Schedule
    from tetra_orchestrator.dagster.plan import Job

#: Seconds after which a time is made up for and not on time, as for our own timers.
GRACE_S = 60
#: Seconds between two looks of a sensor, at most.
LOOK_S = 30
#: Runs that are not over, or wait to begin.
ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def due(
    project: Project, planned: Sequence[Job], made: Mapping[str, dg.JobDefinition]
) -> tuple[list[dg.ScheduleDefinition], list[dg.SensorDefinition]]:
    """The schedules of the project, and sensors for those that no cron rule of Dagster tells."""
    schedules, sensors, taken = [], [], set[str]()
    for schedule in project.schedules:
        job, name = job_of(schedule, planned), free(schedule.name, taken)
        tags = schedule_tags(schedule, job, project)
        rule, zone = cron_of(schedule)
        try:
            schedules.append(_schedule(name, schedule, made[job.name], rule, zone, tags))
        except dg.DagsterInvalidDefinitionError:
            sensors.append(_sensor(name, schedule, made[job.name], tags))
    return schedules, sensors


def cron_of(schedule: Schedule) -> tuple[str, str]:
    """The cron rule and its zone; for an interval that divides an hour or a day, and counts from its begin, one in UTC.

    Empty where there is none.
    """
    if schedule.every_s is None:
        return schedule.cron or "", schedule.timezone
    minutes, seconds = divmod(schedule.every_s, 60)
    hours = minutes / 60
    if seconds == 0 and minutes < 60 and 60 % minutes == 0:
        return f"*/{minutes:g} * * * *", "UTC"
    if seconds == 0 and hours <= 24 and 24 % hours == 0:
        return f"0 {'0' if hours == 24 else f'*/{hours:g}'} * * *", "UTC"
    return "", "UTC"


def _schedule(
    name: str, schedule: Schedule, job: dg.JobDefinition, rule: str, zone: str, tags: Mapping[str, str]
) -> dg.ScheduleDefinition:
    if not rule:
        raise dg.DagsterInvalidDefinitionError(f"{schedule.name} has no cron rule")

    def ask(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        at = context.scheduled_execution_time
        why = _too_late(schedule, at, datetime.now(UTC)) or _overlaps(schedule, job, context.instance)
        return dg.SkipReason(why) if why else dg.RunRequest(tags={**tags, SLOT: instant(at)})

    on = dg.DefaultScheduleStatus.RUNNING if schedule.enabled else dg.DefaultScheduleStatus.STOPPED
    return dg.ScheduleDefinition(
        name,
        cron_schedule=rule,
        job=job,
        execution_timezone=zone,
        execution_fn=ask,
        default_status=on,
        description=_description(schedule),
    )


def _sensor(name: str, schedule: Schedule, job: dg.JobDefinition, tags: Mapping[str, str]) -> dg.SensorDefinition:
    def ask(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = datetime.now(UTC)
        since = datetime.fromisoformat(context.cursor) if context.cursor else now
        requests = []
        for at in between(schedule, since, now):
            if not _too_late(schedule, at, now) and not _overlaps(schedule, job, context.instance):
                requests.append(dg.RunRequest(f"{schedule.name} {instant(at)}", tags={**tags, SLOT: instant(at)}))
        return dg.SensorResult(requests, cursor=now.isoformat())

    on = dg.DefaultSensorStatus.RUNNING if schedule.enabled else dg.DefaultSensorStatus.STOPPED
    return dg.SensorDefinition(
        name=name,
        evaluation_fn=ask,
        job=job,
        minimum_interval_seconds=int(min(schedule.every_s or LOOK_S, LOOK_S)),
        default_status=on,
        description=_description(schedule),
    )


def _too_late(schedule: Schedule, at: datetime, now: datetime) -> str | None:
    """Why a time that has passed is not made up for; None where it is, or is now."""
    if (now - at).total_seconds() <= GRACE_S or schedule.catch_up == "all":
        return None
    if schedule.catch_up == "none":
        return f"{instant(at)} is missed, and `catch_up: none` makes up for nothing"
    if between(schedule, at, now):
        return f"{instant(at)} is missed, and `catch_up: latest` makes up for a later one"
    window = schedule.catch_up_window_s
    if window is not None and now - at > timedelta(seconds=window):
        return f"{instant(at)} is missed, and longer ago than `catch_up_window`"
    return None


def _overlaps(schedule: Schedule, job: dg.JobDefinition, instance: dg.DagsterInstance) -> str | None:
    """Why the job is not started beside its own runs; a limit of Dagster's queue holds back what is not skipped."""
    if schedule.overlap != "skip":
        return None
    active = instance.get_runs_count(dg.RunsFilter(job_name=job.name, statuses=ACTIVE))
    most = schedule.max_concurrent_runs or 1
    return f"{active} of its runs are active, and {most} may be" if active >= most else None


def _description(schedule: Schedule) -> str:
    """When it is due, and what of it Dagster does not do."""
    rule = schedule.cron or (f"every {schedule.every_s:g} s" if schedule.every_s else f"at {schedule.at}")
    undone = list(_undone(schedule))
    return f"{rule}, {schedule.timezone}" + (f"; not done by Dagster: {', '.join(undone)}" if undone else "")


def _undone(schedule: Schedule) -> Iterator[str]:
    if schedule.on_startup:
        yield "`on_startup`"
    if schedule.jitter_s:
        yield "`jitter`"
    if schedule.heartbeat:
        yield "`heartbeat`"
    if schedule.overlap in ("queue", "replace"):
        yield f"`overlap: {schedule.overlap}`"
