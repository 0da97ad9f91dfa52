"""The parts of a native file that say when runs are due, who is told, and what is watched."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from tetra_orchestrator.config.values import (
    Amount,
    Closed,
    Count,
    Filled,
    Limit,
    Name,
    Names,
    Port,
    Seconds,
    Share,
    Switch,
    Tags,
    Text,
    Variables,
    Whole,
)

Severity = Literal["low", "medium", "high", "critical"]
Policy = Literal["none", "latest", "all"]
ChannelType = Literal["email", "slack", "pagerduty", "webhook", "command", "desktop", "sms"]


def _policy(value: Any) -> Any:
    return {"policy": value} if isinstance(value, str) else value


class CatchUp(Closed):
    """What is done about slots that were missed."""

    policy: Policy = Field(default="latest", description="none, only the latest, or all of them are made up for")
    window: Limit | None = Field(default=None, description="slots that were missed longer ago are left out")
    count: Count | None = Field(default=None, description="at most so many of them are made up for")


class Dst(Closed):
    """What a local time means in the nights when the clock changes."""

    gap: Literal["shift", "skip"] = Field(
        default="shift", description="a time that does not exist: due when the clock has jumped, or left out"
    )
    fold: Literal["first", "second", "both"] = Field(
        default="first", description="a time that comes twice: when it is due"
    )


class Schedule(Closed):
    """When a mode, or single pipelines, are due."""

    mode: Filled | None = Field(default=None, description="the mode that runs")
    pipelines: Annotated[Names, Field(min_length=1)] | None = Field(
        default=None, description="the pipelines that run, instead of a mode"
    )
    cron: Filled | None = Field(
        default=None, description="five fields: minute, hour, day of month, month, day of week; or @daily and so on"
    )
    every: Limit | None = Field(default=None, description="an interval, instead of cron")
    at: Filled | None = Field(default=None, description="one local time such as 2026-12-01T02:00, instead of cron")
    timezone: Filled | None = Field(
        default=None, description="IANA name such as Europe/Berlin, or local; default the project's"
    )
    enabled: Switch = Field(default=True, description="false: it is never due")
    catch_up: Annotated[CatchUp, BeforeValidator(_policy, json_schema_input_type=Policy | CatchUp)] = Field(
        default=CatchUp(), description="what is done about slots that were missed"
    )
    overlap: Literal["skip", "queue", "replace", "allow"] = Field(
        default="skip", description="what a due slot does while a run is active"
    )
    dst: Dst = Field(default=Dst(), description="what a local time means when the clock changes")
    jitter: Seconds = Field(default=0.0, description="starts are spread over this time")
    max_concurrent_runs: Count | None = Field(
        default=None, description="runs of this schedule at the same time; default 1, with overlap: allow any number"
    )
    priority: Whole = Field(default=0, description="of several due after a sleep, the highest goes first")
    on_startup: Switch = Field(default=False, description="also when the machine starts")
    tags: Tags = Field(default_factory=dict, description="words that its runs carry")


class OnFailure(Closed):
    """What is done when a pipeline fails."""

    notify: Names = Field(default_factory=list, description="channels that are told")
    fallback: Name | None = Field(default=None, description="what stands in; the run is partial then")
    escalate: Name | None = Field(default=None, description="who is told when nothing helped")
    partial: Switch = Field(default=False, description="a retry keeps the items that are complete")
    checkpoint: Switch = Field(default=False, description="a retry goes on from the last checkpoint")


class Channel(Closed):
    """A way to tell somebody; each type has keys of its own."""

    type: ChannelType | None = Field(default=None, description="default: the channel's own name")
    enabled: Switch = Field(default=True, description="false: nobody is told by it")
    recipients: list[Filled] = Field(default_factory=list, description="email, sms: addresses or numbers")
    smtp_server: Filled | None = Field(default=None, description="email: the server's name")
    smtp_port: Port | None = Field(default=None, description="email: default 587")
    sender: Filled | None = Field(default=None, description="email: the address it comes from")
    username: Filled | None = Field(default=None, description="email: whom we log in as")
    password: Filled | None = Field(default=None, description="email: better ${VAR} than the text itself")
    webhook_url: Filled | None = Field(default=None, description="slack: the address of its webhook")
    channel: Filled | None = Field(default=None, description="slack: such as #pipeline-alerts")
    api_key: Filled | None = Field(default=None, description="pagerduty: the integration's key")
    service_id: Filled | None = Field(default=None, description="pagerduty: the service")
    url: Filled | None = Field(default=None, description="webhook: where the message is posted")
    headers: Variables | None = Field(default=None, description="webhook: further headers")
    command: Annotated[list[Text], Field(min_length=1)] | None = Field(
        default=None, description="command, sms: the program that is given the message"
    )


class Rule(Closed):
    """A condition over what is measured, and who is told while it holds."""

    name: Filled = Field(description="what it is called in messages")
    condition: Filled = Field(description="such as error_rate > 0.1")
    severity: Severity = Field(default="medium", description="how bad it is")
    channels: Names = Field(default_factory=list, description="who is told")
    pipelines: Names | None = Field(default=None, description="only these; default all")
    lasting: Seconds = Field(default=0.0, alias="for", description="how long it must hold before somebody is told")


class Alerting(Closed):
    """Who is told, and of what."""

    channels: dict[Name, Channel] = Field(default_factory=dict, description="ways to tell somebody, by name")
    rules: list[Rule] = Field(default_factory=list, description="conditions, and who is told while they hold")


class Notifications(Closed):
    """Channels that are told how every run ended."""

    on_success: Names = Field(default_factory=list, description="who is told of a run that succeeded")
    on_failure: Names = Field(default_factory=list, description="who is told of a run that failed")


class Monitor(Closed):
    """What the monitor looks at, and from where on it complains."""

    interval: Limit | None = Field(default=None, description="how often it looks")
    slow_task: Limit | None = Field(default=None, description="a task that takes longer is reported")
    log_age: Limit | None = Field(default=None, description="a log that has not been written for longer is stale")
    error_window: Count | None = Field(default=None, description="runs from which the error rate is taken")
    endpoints: list[Filled] = Field(default_factory=list, description="addresses that must answer")
    disk_free: Share | None = Field(default=None, description="share of a disk that must be free, such as 0.1")
    memory_free: Share | None = Field(default=None, description="share of memory that must be free")
    cpu_load: Amount | None = Field(default=None, description="load per CPU that is too high")


class Tenant(Closed):
    """An owner with a limit of its own."""

    concurrency: Count = Field(default=1, description="its tasks at the same time, over all runs")
    env: Variables = Field(default_factory=dict, description="variables for its tasks")
