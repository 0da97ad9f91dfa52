"""The shape of a `pipeline_config.yaml`: ten sections, each of which may be left out."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from tetra_orchestrator.config import scalars
from tetra_orchestrator.config.values import (
    Closed,
    Filled,
    FreeMap,
    Name,
    Number,
    Plain,
    Switch,
    Whole,
    fault,
    read,
    text_of,
)

#: Kinds of error that the file may name; a word that starts with a capital is the name of an exception.
ERROR_CLASSES = ("timeout", "connection_error", "memory_error", "file_not_found", "schema_error", "validation_error")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

_DURATION = re.compile(r"([0-9.]+[dhms])+")
_EXCEPTION = re.compile(r"(\w+\.)*[A-Z]\w*")


def _error_class(value: Any) -> str:
    text = text_of(value)
    if text not in ERROR_CLASSES and not _EXCEPTION.fullmatch(text):
        raise fault("is not a kind of error", f"use {', '.join(ERROR_CLASSES)}, or the name of an exception")
    return text


def _level(value: Any) -> str:
    text = text_of(value)
    if text.upper() not in LEVELS:
        raise fault("is not a level of the log", f"use {', '.join(LEVELS)}")
    return text.lower()


def _in_seconds(value: Any) -> Any:
    """A duration with a unit is refused with what it comes to."""
    if isinstance(value, Plain) and _DURATION.fullmatch(value):
        raise fault("counts seconds, without a unit", f"write {read(value, scalars.duration_s):g}")
    return value


ErrorClass = Annotated[str, BeforeValidator(_error_class)]
Positive = Annotated[Number, Field(gt=0)]
Limit = Annotated[Positive, BeforeValidator(_in_seconds)]
Wait = Annotated[Number, Field(ge=0), BeforeValidator(_in_seconds)]
Times = Annotated[Whole, Field(ge=0)]


class Pipeline(Closed):
    """What the pipeline is called, and whether it runs at all."""

    name: Filled | None = None
    enabled: Switch = True


class Execution(Closed):
    """How a run as a whole proceeds."""

    mode: Literal["sequential", "parallel"] = "sequential"
    timeout_seconds: Limit | None = None
    max_retries: Times = 0
    continue_on_error: Switch = False


class Task(Closed):
    """One task; which code it runs is said by the bindings."""

    enabled: Switch = True
    depends_on: list[Filled] = []
    timeout_seconds: Limit | None = None
    retry_count: Times | None = None
    retry_delay: Wait | None = None
    config: FreeMap | None = None


class Logging(Closed):
    """What is logged, and where."""

    level: Annotated[str, BeforeValidator(_level)] = "info"
    file: Filled | None = None


class Scheduling(Closed):
    """When the pipeline runs by itself."""

    enabled: Switch = True
    cron: Filled | None = None
    timezone: Filled = "UTC"
    run_on_startup: Switch = False


class Channel(Closed):
    """Whether a channel is used, and for which endings."""

    enabled: Switch = True
    notify_success: Switch = False
    notify_failure: Switch = True


class Email(Channel):
    """Mail over SMTP."""

    smtp_server: Filled | None = None
    smtp_port: Annotated[Whole, Field(ge=1, le=65535)] | None = None
    sender: Filled | None = None
    recipients: list[Filled] = []


class Slack(Channel):
    """A message to a Slack webhook."""

    webhook_url: Filled | None = None
    channel: Filled | None = None


class Notifications(Closed):
    """Who is told how a run ended."""

    enabled: Switch = True
    email: Email | None = None
    slack: Slack | None = None


class Performance(Closed):
    """From where on a task is slow."""

    slow_task_threshold_seconds: Limit | None = None


class Monitoring(Closed):
    """What is watched."""

    performance: Performance = Performance()


class RetryPolicy(Closed):
    """How long it is waited before a retry, and after which errors there is one."""

    use_exponential_backoff: Switch = True
    backoff_base: Annotated[Number, Field(ge=1)] = 2
    max_backoff: Wait = 300
    retry_on_errors: list[ErrorClass] = []
    no_retry_on: list[ErrorClass] = []


class Resources(Closed):
    """What each task may use."""

    max_memory_gb: Positive | None = None
    max_cpu_cores: Positive | None = None
    max_disk_gb: Positive | None = None


class Document(Closed):
    """The whole file."""

    pipeline: Pipeline = Pipeline()
    execution: Execution = Execution()
    storage: FreeMap = {}
    tasks: dict[Name, Task] = {}
    logging: Logging = Logging()
    scheduling: Scheduling | None = None
    notifications: Notifications | None = None
    monitoring: Monitoring = Monitoring()
    retry_policy: RetryPolicy = RetryPolicy()
    resources: Resources = Resources()
