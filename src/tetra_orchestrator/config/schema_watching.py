"""The parts of a native file that say what is done about failures, who is told, and what is watched."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from tetra_orchestrator.config import scalars
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
    Text,
    fault,
    read,
    scalar,
    text_of,
)

Severity = Literal["low", "medium", "high", "critical"]
ChannelType = Literal["email", "slack", "pagerduty", "webhook", "command", "desktop", "sms", "apprise"]
Argv = Annotated[list[Text], Field(min_length=1)]
HeaderName = Annotated[
    str,
    BeforeValidator(lambda value: read(text_of(value), scalars.header_name)),
    scalar(f"^{scalars.HEADER}$", parse=scalars.header_name),
]


def _one_of(*keys: str) -> dict[str, Any]:
    """The JSON Schema of a mapping that has exactly one of the keys."""
    return {"oneOf": [{"required": [key]} for key in keys]}


def _either(first: tuple[str, str], second: tuple[str, str]) -> dict[str, Any]:
    """The JSON Schema of a mapping that has the two keys of one of two pairs, and neither of the other."""
    pairs = ((first, second), (second, first))
    return {
        "oneOf": [
            {"required": [*pair], "not": {"anyOf": [{"required": [key]} for key in other]}} for pair, other in pairs
        ]
    }


_STAND_INS = ("use", "module", "command", "shell")
_SOURCES = ("file", "sql", "http")


def _fallback(value: Any) -> Any:
    return {"use": value} if isinstance(value, str) else value


class Fallback(Closed):
    """What stands in for a task that failed for good: what it made before, or another program."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_one_of(*_STAND_INS))

    use: Name | None = Field(
        default=None, description="use_cached_data, use_previous_...: the outputs of its latest success; or a task"
    )
    module: Filled | None = Field(default=None, description="a Python module that is run instead")
    command: Argv | None = Field(default=None, description="an argument list that is run instead")
    shell: Filled | None = Field(default=None, description="one line for /bin/sh that is run instead")
    args: list[Text] = Field(default_factory=list, description="arguments of the module or command")

    @model_validator(mode="after")
    def _is_one(self) -> Fallback:
        if sum(getattr(self, key) is not None for key in _STAND_INS) != 1:
            raise fault(f"needs one of {', '.join(_STAND_INS)}", "name what stands in")
        return self


class Escalation(Closed):
    """When somebody else is told."""

    failures: Count = Field(default=1, description="after so many runs in a row that failed")
    time: Limit | None = Field(default=None, description="or when nobody has acknowledged the alert for so long")


class OnFailure(Closed):
    """What is done when a pipeline fails."""

    notify: Names = Field(default_factory=list, description="channels that are told")
    fallback: Annotated[Fallback, BeforeValidator(_fallback, json_schema_input_type=Name | Fallback)] | None = Field(
        default=None, description="what stands in; the run is partial then"
    )
    escalate: Name | None = Field(
        default=None, description="the channel that is told when nothing helped; page_oncall is that of PagerDuty"
    )
    escalate_after: Escalation = Field(default=Escalation(), description="when that is")
    partial: Switch = Field(default=False, description="what is complete of a failed task counts: it is partial then")
    checkpoint: Switch = Field(default=False, description="the next run goes on from the last checkpoint")


class Hooks(Closed):
    """Commands that are started when something happens to a run; they change nothing about it."""

    on_start: Argv | None = Field(default=None, description="it begins")
    on_success: Argv | None = Field(default=None, description="it succeeded")
    on_partial: Argv | None = Field(default=None, description="it ended partial")
    on_failure: Argv | None = Field(default=None, description="it failed, in whatever way")
    on_late: Argv | None = Field(default=None, description="it begins later than its slot allows")
    on_recovered: Argv | None = Field(default=None, description="it succeeded where the one before had failed")
    on_exit: Argv | None = Field(default=None, description="it is over, however it ended")
    timeout: Limit = Field(default=60.0, description="a command that takes longer is ended")


class Channel(Closed):
    """A way to tell somebody; each type has keys of its own."""

    type: ChannelType | None = Field(default=None, description="default: the channel's own name")
    enabled: Switch = Field(default=True, description="false: nobody is told by it")
    resolved: Switch = Field(default=True, description="false: nobody is told by it that something is over")
    recipients: list[Filled] = Field(default_factory=list, description="email, sms: addresses or numbers")
    smtp_server: Filled | None = Field(default=None, description="email: the server's name, or name:port")
    smtp_port: Port | None = Field(default=None, description="email: default 587")
    security: Literal["auto", "starttls", "tls", "none"] = Field(
        default="auto", description="email: auto is TLS where the server offers it, and always before a password"
    )
    sender: Filled | None = Field(default=None, description="email: the address it comes from")
    username: Filled | None = Field(default=None, description="email: whom we log in as")
    password: Filled | None = Field(default=None, description="email: better ${VAR} than the text itself")
    webhook_url: Filled | None = Field(default=None, description="slack: the address of its webhook")
    channel: Filled | None = Field(default=None, description="slack: such as #pipeline-alerts")
    api_key: Filled | None = Field(default=None, description="pagerduty: the integration's key")
    service_id: Filled | None = Field(default=None, description="pagerduty: the service")
    url: Filled | None = Field(
        default=None, description="webhook: where the message is posted; apprise: any address of it; pagerduty: its API"
    )
    headers: dict[HeaderName, Text] | None = Field(default=None, description="webhook: further headers")
    command: Argv | None = Field(default=None, description="command, sms: the program that is given the message")


class Rule(Closed):
    """A condition over what is measured, and who is told while it holds."""

    name: Filled = Field(description="what it is called in messages")
    condition: Filled = Field(description="such as error_rate > 0.1")
    severity: Severity = Field(default="medium", description="how bad it is")
    channels: Names = Field(default_factory=list, description="who is told")
    pipelines: Names | None = Field(default=None, description="only these; default all")
    lasting: Seconds = Field(default=0.0, alias="for", description="how long it must hold before somebody is told")


class Findings(Closed):
    """Who is told what the monitor finds by itself."""

    channels: Names | None = Field(default=None, description="default: all that are switched on")
    ignore: list[Filled] = Field(default_factory=list, description="codes of findings that nobody is told of")


class Maintenance(Closed):
    """A time in which nobody is told: `cron` and `length`, or `from` and `to`."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra=_either(("cron", "length"), ("from", "to"))
    )

    name: Filled = Field(description="what it is called")
    cron: Filled | None = Field(default=None, description="when it begins, again and again")
    length: Limit | None = Field(default=None, description="how long it lasts then")
    since: Filled | None = Field(default=None, alias="from", description="a local time such as 2026-12-01T02:00")
    until: Filled | None = Field(default=None, alias="to", description="a local time such as 2026-12-01T06:00")
    timezone: Filled | None = Field(default=None, description="IANA name; default the project's")
    pipelines: Names | None = Field(default=None, description="only what is said of these; default everything")

    @model_validator(mode="after")
    def _is_one(self) -> Maintenance:
        again, once = (self.cron, self.length), (self.since, self.until)
        if None in again and None in once:
            raise fault("needs `cron` and `length`, or `from` and `to`")
        if any(again) and any(once):
            raise fault("has both `cron` with `length` and `from` with `to`", "make it two of them")
        return self


class Alerting(Closed):
    """Who is told, and of what."""

    channels: dict[Name, Channel] = Field(default_factory=dict, description="ways to tell somebody, by name")
    rules: list[Rule] = Field(default_factory=list, description="conditions, and who is told while they hold")
    findings: Findings = Field(default=Findings(), description="who is told what the monitor finds by itself")
    maintenance: list[Maintenance] = Field(default_factory=list, description="times in which nobody is told")
    resolve_after: Seconds = Field(default=600.0, description="an alert is over when its cause is away for so long")
    remind: Limit | None = Field(default=None, description="an alert that nobody acknowledged is told again so often")
    rate: Count = Field(default=30, description="most messages an hour by each channel")


class Notifications(Closed):
    """Channels that are told how every run ended."""

    on_success: Names = Field(default_factory=list, description="who is told of a run that succeeded")
    on_failure: Names = Field(default_factory=list, description="who is told of a run that failed")


class DataSource(Closed):
    """Where the age of a pipeline's data shows: one of `file`, `sql`, `http`."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={**_one_of(*_SOURCES), "dependentRequired": {"sql": ["url"]}}
    )

    file: Filled | None = Field(default=None, description="files as a pattern; the newest of them counts")
    sql: Filled | None = Field(default=None, description="a query that gives one time, or one number with `counts`")
    url: Filled | None = Field(default=None, description="sql: the database, sqlite:///file.db or postgresql://...")
    http: Filled | None = Field(default=None, description="an address whose answer says Last-Modified")
    counts: Switch = Field(default=False, description="sql: a number of rows; the data is as old as its last change")
    max_age: Limit | None = Field(default=None, description="older is stale; default the pipeline's max_data_age")
    due: Filled | None = Field(default=None, description="five fields of cron: when new data should be there")
    timezone: Filled | None = Field(default=None, description="of due; IANA name, default the project's")
    grace: Seconds = Field(default=0.0, description="how much later than due is still in time")
    moves: Switch = Field(default=True, description="a run that succeeds and leaves it as it was is reported")

    @model_validator(mode="after")
    def _is_one(self) -> DataSource:
        given = sum(getattr(self, key) is not None for key in _SOURCES)
        if given != 1:
            hint = "make it several, each with a name of its own" if given else "write `file: PATTERN`, or another"
            raise fault(f"needs one of {', '.join(_SOURCES)}", hint)
        if self.sql is not None and self.url is None:
            raise fault("has `sql` and no `url`", "add the database's address, such as sqlite:///data/market.db")
        return self


class Monitor(Closed):
    """What the monitor looks at, and from where on it complains."""

    enabled: Switch = Field(default=True, description="false: no timer of its own is installed")
    interval: Limit = Field(default=300.0, description="how often it looks")
    slow_task: Limit | None = Field(default=None, description="a task that takes longer is reported")
    log_age: Limit | None = Field(default=None, description="a log that has not been written for longer is stale")
    error_window: Count = Field(default=20, description="runs from which the error rate is taken")
    endpoints: list[Filled] = Field(default_factory=list, description="addresses that must answer")
    disk_free: Share = Field(default=0.10, description="share of a disk that must be free, such as 0.1")
    memory_free: Share = Field(default=0.05, description="share of memory that must be free")
    cpu_load: Amount | None = Field(default=None, description="load per CPU that is too high")
    open_files: Share = Field(default=0.90, description="share of the system's open files that is too much")
    textfile: Filled | None = Field(
        default=None, description="where figures for Prometheus are left, such as tetra.prom"
    )
    heartbeat: Filled | None = Field(default=None, description="an address that is asked for after each look")
