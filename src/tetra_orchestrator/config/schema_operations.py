"""The parts of a native file that say when runs are due, and for whom."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from tetra_orchestrator.config.values import (
    Closed,
    Count,
    Filled,
    Limit,
    Names,
    Seconds,
    Switch,
    Tags,
    Text,
    VariableName,
    Variables,
    Whole,
    fault,
    text_of,
)

Policy = Literal["none", "latest", "all"]


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
        default=CatchUp(), description="what is done about slots that were missed; default latest"
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
    heartbeat: Filled | None = Field(
        default=None, description="an address that is told of each start, success and failure, as healthchecks.io wants"
    )


_OPTION = "^--[a-z]"


def _option(value: Any) -> str:
    text = text_of(value)
    if not re.match(_OPTION, text):
        raise fault("is not an option of sbatch", "write it like --constraint=ssd")
    return text


Option = Annotated[str, PlainValidator(_option), WithJsonSchema({"type": "string", "pattern": _OPTION})]


class Runner(Closed):
    """An engine on other machines that starts tasks."""

    type: Literal["slurm"] = Field(description="slurm: by sbatch, squeue and scancel")
    partition: Filled | None = Field(default=None, description="its partition; default that of Slurm")
    account: Filled | None = Field(default=None, description="whom it counts for")
    qos: Filled | None = Field(default=None, description="its quality of service")
    options: list[Option] = Field(
        default_factory=list, description="further options of sbatch, such as --constraint=ssd"
    )
    max_jobs: Count = Field(default=1000, description="jobs that wait or run there at the same time, of all runs")
    poll: Limit = Field(default=2.0, description="how often it is asked how they stand")
    lease: Limit = Field(default=30.0, description="a job that has not been heard of for so long is lost")


class Secret(Closed):
    """Where the value of a variable comes from, if not from the environment."""

    file: Filled | None = Field(default=None, description="its content, without the line break at the end")
    command: Annotated[list[Text], Field(min_length=1)] | None = Field(
        default=None, description="what this program prints, without the line break at the end"
    )


class Tenant(Closed):
    """An owner with a limit of its own."""

    concurrency: Count = Field(default=1, description="its tasks at the same time, over all runs")
    env: Variables = Field(default_factory=dict, description="variables for its tasks")
    secrets: dict[VariableName, Secret] = Field(
        default_factory=dict, description="variables for its tasks, and for no others, that nothing may show"
    )
