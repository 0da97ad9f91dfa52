"""What is said of failures, alerts and the monitor, as values of `core.watching`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tetra_orchestrator.config.calendars import zone_name
from tetra_orchestrator.core.model import Command, Module, Shell
from tetra_orchestrator.core.watching import (
    Alerting,
    AlertRule,
    Channel,
    DataSource,
    Fallback,
    Hooks,
    Maintenance,
    Monitoring,
    OnFailure,
)

if TYPE_CHECKING:
    from tetra_orchestrator.config import schema, schema_watching
    from tetra_orchestrator.config.schema_tasks import Pipeline
    from tetra_orchestrator.core.model import Program


def on_failure(given: schema_watching.OnFailure | None) -> OnFailure | None:
    """What is done when a pipeline fails; None where nothing is said of it."""
    if given is None:
        return None
    after = given.escalate_after
    return OnFailure(
        tuple(given.notify),
        None if given.fallback is None else _fallback(given.fallback),
        given.escalate,
        given.partial,
        given.checkpoint,
        after.failures,
        after.time,
    )


def _fallback(given: schema_watching.Fallback) -> Fallback:
    if given.use is not None:
        return Fallback(given.use)
    program: Program
    if given.module is not None:
        name, program = given.module, Module(given.module)
    elif given.command is not None:
        name, program = given.command[0], Command(tuple(given.command))
    else:
        assert given.shell is not None
        name, program = "shell", Shell(given.shell)
    return Fallback(name, program, tuple(given.args))


def hooks(given: schema_watching.Hooks | None) -> Hooks | None:
    """The commands of a run or pipeline; None where there are none."""
    if given is None:
        return None
    commands = {name: tuple(getattr(given, name) or ()) for name in Hooks._fields if name.startswith("on_")}
    return Hooks(**commands, timeout_s=given.timeout)


def data_sources(pipeline: Pipeline, timezone: str) -> tuple[DataSource, ...]:
    """Where the age of the pipeline's data shows."""
    return tuple(
        DataSource(
            name=name,
            file=given.file,
            sql=given.sql,
            url=given.url,
            http=given.http,
            counts=given.counts,
            max_age_s=given.max_age or (None if given.due else pipeline.max_data_age),
            due=given.due,
            timezone=zone_name(given.timezone or timezone),
            grace_s=given.grace,
            moves=given.moves,
        )
        for name, given in pipeline.data.items()
    )


def monitoring(given: schema_watching.Monitor, root: str) -> Monitoring | None:
    """What the monitor looks at; None where the file says nothing of it."""
    if not given.model_fields_set:
        return None
    return Monitoring(
        timer=given.enabled,
        interval_s=given.interval,
        slow_task_s=given.slow_task,
        log_age_s=given.log_age,
        error_window=given.error_window,
        endpoints=tuple(given.endpoints),
        disk_free=given.disk_free,
        memory_free=given.memory_free,
        cpu_load=given.cpu_load,
        open_files=given.open_files,
        textfile=None if given.textfile is None else os.path.normpath(os.path.join(root, given.textfile)),
        heartbeat=given.heartbeat,
    )


def alerting(document: schema.Document) -> Alerting | None:
    """Who is told of what; None where nobody can be told."""
    given, told = document.alerting, document.notifications
    if not given.channels:
        return None
    return Alerting(
        channels=tuple(_channel(name, channel) for name, channel in given.channels.items()),
        rules=tuple(_rule(rule) for rule in given.rules),
        finding_channels=None if given.findings.channels is None else tuple(given.findings.channels),
        ignored=tuple(given.findings.ignore),
        maintenance=tuple(_maintenance(one, document.timezone) for one in given.maintenance),
        resolve_after_s=given.resolve_after,
        remind_s=given.remind,
        rate=given.rate,
        on_success=tuple(told.on_success),
        on_failure=tuple(told.on_failure),
    )


def _channel(name: str, given: schema_watching.Channel) -> Channel:
    return Channel(
        name=name,
        type=given.type or name,
        enabled=given.enabled,
        recipients=tuple(given.recipients),
        smtp_server=given.smtp_server,
        smtp_port=given.smtp_port,
        security=given.security,
        sender=given.sender,
        username=given.username,
        password=given.password,
        webhook_url=given.webhook_url,
        channel=given.channel,
        api_key=given.api_key,
        service_id=given.service_id,
        url=given.url,
        headers=tuple((given.headers or {}).items()),
        command=tuple(given.command or ()),
        resolved=given.resolved,
    )


def _rule(given: schema_watching.Rule) -> AlertRule:
    pipelines = None if given.pipelines is None else tuple(given.pipelines)
    return AlertRule(given.name, given.condition, given.severity, tuple(given.channels), pipelines, given.lasting)


def _maintenance(given: schema_watching.Maintenance, timezone: str) -> Maintenance:
    return Maintenance(
        name=given.name,
        timezone=zone_name(given.timezone or timezone),
        cron=given.cron,
        length_s=given.length or 0.0,
        since=given.since,
        until=given.until,
        pipelines=None if given.pipelines is None else tuple(given.pipelines),
    )
