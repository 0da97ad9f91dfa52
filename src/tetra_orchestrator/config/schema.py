"""The shape of a native file: closed pydantic models, from which the checks and the JSON Schema both come."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from tetra_orchestrator.config import scalars
from tetra_orchestrator.config.schema_operations import Runner, Schedule, Secret, Tenant
from tetra_orchestrator.config.schema_tasks import Pipeline, TaskDefaults
from tetra_orchestrator.config.schema_watching import Alerting, Hooks, Monitor, Notifications
from tetra_orchestrator.config.values import (
    ANY_TEXT,
    IN_RANGE,
    Amount,
    Closed,
    Count,
    Filled,
    Limit,
    MaskPatterns,
    Name,
    Natural,
    Plain,
    Seconds,
    Size,
    Switch,
    Text,
    ValueType,
    VariableName,
    Variables,
    Whole,
    fault,
    one_of,
    read,
    scalar,
    text_of,
)
from tetra_orchestrator.core.model import HOST_TIMEOUT_S


def _entry(value: Any) -> Any:
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, dict) and len(value) != 1:
        raise fault("must be one pipeline, with its arguments", "put a `- ` before each pipeline")
    return value


def _own_args(value: Any) -> Any:
    return {"": value} if isinstance(value, list) else value


def _mode(value: Any) -> Any:
    return {"pipelines": value} if isinstance(value, list) else value


def _param(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return {"type": scalars.kind_of(value) if isinstance(value, Plain) else "str", "default": value}


def _pool(value: Any) -> Any:
    return value if isinstance(value, dict) else {"size": value}


EntryArgs = Annotated[
    dict[str, list[Text]], BeforeValidator(_own_args, json_schema_input_type=list[Text] | dict[str, list[Text]])
]

ModeItem = Annotated[
    dict[Name, EntryArgs],
    BeforeValidator(
        _entry,
        json_schema_input_type=Name | Annotated[dict[Name, EntryArgs], Field(min_length=1, max_length=1)],
    ),
]


def _plugin(value: Any) -> Any:
    return {"": value} if isinstance(value, str) else value


Plugin = Annotated[
    dict[str, Filled],
    BeforeValidator(_plugin, json_schema_input_type=Filled | Annotated[dict[str, Filled], Field(min_length=1)]),
    Field(min_length=1),
]


class RunPolicy(Closed):
    """What holds for a run as a whole."""

    timeout: Limit | None = Field(default=None, description="a run that takes longer is ended")
    stop_after: Count | None = Field(default=None, description="after so many failed tasks nothing more is started")
    max_parallel: Count | None = Field(default=None, description="tasks at the same time")
    max_retries: Natural | None = Field(default=None, description="retries of all its tasks together")
    barriers: Switch | None = Field(
        default=None, description="true: no task starts before all of the level before its own are over"
    )


class Mode(Closed):
    """A selection of pipelines with arguments for each."""

    pipelines: Annotated[list[ModeItem], Field(min_length=1)] = Field(
        description="what it selects: names, or a name with arguments"
    )
    partition: Literal["range", "day", "week", "month"] | None = Field(
        default=None, description="the mode runs for a range of dates, as one run or as one for each slice of it"
    )
    params: dict[Name, Text] = Field(default_factory=dict, description="values for the project's parameters")
    run: RunPolicy = Field(default=RunPolicy(), description="what holds for its runs as a whole")
    description: Text | None = Field(default=None, description="free text")


def _fitting(kind: str, pattern: str, also: str, parse: Any) -> dict[str, Any]:
    """That a default is of the type that is given."""
    return {
        "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
        "then": {"properties": {"default": scalar(pattern, also, parse=parse, **IN_RANGE).json_schema}},
    }


_Default = Annotated[Any, WithJsonSchema({**ANY_TEXT, **IN_RANGE})]
_SHORT = rf"(?=.{{1,{scalars.MAX_DIGITS}}}$)"


ModeItems = Annotated[list[ModeItem], Field(min_length=1)]
ModeOrItems = Annotated[Mode, BeforeValidator(_mode, json_schema_input_type=Mode | ModeItems)]


class Param(Closed):
    """A parameter of a run; without a default it must be given."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["type"]}, {"required": ["default"], "properties": {"default": IN_RANGE}}],
            "allOf": [
                _fitting("int", f"^{_SHORT}{scalars.WHOLE}$", "integer", scalars.whole),
                _fitting("float", f"^{_SHORT}{scalars.NUMBER}$", "number", scalars.number),
                _fitting("bool", "^(true|false)$", "boolean", scalars.boolean),
            ],
        }
    )

    type: ValueType | None = Field(default=None, description="of its values; else that of the default")
    default: Any = Field(default=None, description="the value where none is given", json_schema_extra=ANY_TEXT)

    @model_validator(mode="after")
    def _fits(self) -> Param:
        if self.type is None and self.default is None:
            raise fault("has neither a type nor a default")
        if self.default is not None:
            self.value()
        return self

    def kind(self) -> str:
        """The type, from the default where none is given."""
        return self.type or (scalars.kind_of(self.default) if isinstance(self.default, Plain) else "str")

    def value(self) -> Any:
        """The default as a value of that type."""
        return (
            None if self.default is None else read(text_of(self.default), lambda text: scalars.value(self.kind(), text))
        )


class Env(Closed):
    """What tasks inherit from our environment, and what is added."""

    inherit: Literal["all", "base"] = Field(
        "all", description="base: only PATH, HOME and the like, and what `pass` names"
    )
    passed: list[VariableName] = Field(default_factory=list, alias="pass", description="further variables to inherit")
    set: Variables = Field(default_factory=dict, description="variables for every task")


class Keep(Closed):
    """How long runs and their logs are kept."""

    runs: Count | None = Field(default=None, description="the last so many runs")
    days: Count | None = Field(default=None, description="for so many days")
    bytes: Size | None = Field(default=None, description="as much as this, such as 5GB")


class Logs(Closed):
    """Where and how logs are written."""

    dir: Filled = Field(default="logs", description="their folder, from the project's root")
    file: Filled | None = Field(
        default=None, description="a further log of every run, from the project's root; {tenant} makes it one each"
    )
    format: Literal["text", "json"] = Field(
        default="text", description="of that, of each run's own log, and of standard output where nobody looks at it"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="what is written to that further log, and as JSON: this, and what is worse"
    )
    redact: Switch = Field(default=True, description="mask values of secrets in the logs of tasks")
    redact_patterns: MaskPatterns = Field(
        default_factory=list, description="what matches one of these regular expressions in a line is masked, too"
    )
    keep: Keep = Field(default=Keep(), description="how long runs and their logs are kept")


class Host(Closed):
    """What this machine gives to all runs together."""

    cpu: Amount | None = Field(default=None, description="CPUs for tasks that say what they take")
    memory: Size | None = Field(default=None, description="memory for tasks that say what they take")
    gpu: Count | None = Field(default=None, description="GPUs for tasks that say what they take")
    max_parallel: Count | None = Field(default=None, description="tasks at the same time; default the number of CPUs")
    timeout: Limit = Field(
        default=HOST_TIMEOUT_S,
        description="other hosts take its runs for dead when the database has not heard of it for so long (PostgreSQL)",
    )


class Pool(Closed):
    """How many may use something at the same time."""

    size: Count = Field(description="how many")
    scope: Literal["host", "shared"] = Field(
        default="host", description="of one host, or of all hosts that share a PostgreSQL database"
    )


class Timers(Closed):
    """What the system's scheduler, which starts what is due, is asked for besides."""

    sandbox: Literal["none", "strict"] = Field(
        default="none", description="strict: runs may write only below the project's root (systemd)"
    )
    at_once: Count | None = Field(
        default=None, description="runs made up for at the same time after a sleep; default host.max_parallel"
    )
    spread: Seconds = Field(default=0.0, description="they are spread over this time")


class Session(Closed):
    """One worker process per run in which function tasks run as calls."""

    threads: Count = Field(default=1, description="calls at the same time")
    python: Filled | None = Field(default=None, description="its interpreter; default the project's")


class Defaults(Closed):
    """What holds where nothing else is said."""

    task: TaskDefaults = Field(default=TaskDefaults(), description="of every task that does not say otherwise")
    run: RunPolicy = Field(default=RunPolicy(), description="of every run whose mode does not say otherwise")


class Document(Closed):
    """A native configuration file."""

    version: Annotated[Whole, Field(ge=1, le=1), WithJsonSchema(one_of(1))] = Field(description="of this format: 1")
    project: Name = Field(description="the project's name")
    title: Text | None = Field(default=None, description="free text")
    timezone: Filled = Field(default="UTC", description="IANA name such as America/New_York, or local")
    state: Filled = Field(default="sqlite:///state/tetra.db", description="where runs are remembered")
    python: Filled | None = Field(default=None, description="the tasks' interpreter; default .venv/bin/python")
    pythonpath: list[Filled] = Field(default_factory=list, description="folders of modules, from the project's root")
    plugins: list[Plugin] = Field(
        default_factory=list, description="modules that register task types, or {type: 'module:Class'}"
    )
    env: Env = Field(
        default_factory=lambda: Env.model_validate({}),
        description="what tasks inherit of our environment, and what is added",
    )
    secrets: dict[VariableName, Secret] = Field(default_factory=dict, description="where ${NAME} comes from")
    include: list[Filled] = Field(
        default_factory=list, description="further files, merged under this one; * is allowed"
    )
    logs: Logs = Field(default=Logs(), description="where and how logs are written")
    host: Host = Field(default=Host(), description="what this machine gives to all tasks of a run together")
    pools: dict[Name, Annotated[Pool, BeforeValidator(_pool, json_schema_input_type=Pool | Count)]] = Field(
        default_factory=dict, description="how many may use something at the same time: a number, or size and scope"
    )
    runner: Name | None = Field(
        default=None, description="where tasks run that do not say: local, slurm, or one of `runners`"
    )
    runners: dict[Name, Runner] = Field(
        default_factory=dict, description="engines on other machines by name; slurm is there without a word"
    )
    sessions: dict[Name, Session] = Field(default_factory=dict, description="workers that function tasks share")
    params: dict[Name, Annotated[Param, BeforeValidator(_param, json_schema_input_type=Param | _Default)]] = Field(
        default_factory=dict, description="parameters of a run by name: a default, or type and default"
    )
    defaults: Defaults = Field(default=Defaults(), description="what holds where nothing else is said")
    pipelines: Annotated[dict[Name, Pipeline], Field(min_length=1)] = Field(description="what runs, by name")
    default_mode: Filled | None = Field(default=None, description="the mode that `run` takes when none is named")
    modes: dict[Name, ModeOrItems] = Field(
        default_factory=dict, description="selections of pipelines by name: a list, or a mapping with `pipelines`"
    )
    schedules: dict[Name, Schedule] = Field(
        default_factory=dict, description="when modes or pipelines are due, by name"
    )
    timers: Timers = Field(default=Timers(), description="what the system's scheduler is asked for")
    tenants: dict[Name, Tenant] = Field(default_factory=dict, description="owners with limits of their own")
    notifications: Notifications = Field(
        default=Notifications(), description="channels that are told how every run ended"
    )
    alerting: Alerting = Field(default=Alerting(), description="who is told, and of what")
    monitor: Monitor = Field(default=Monitor(), description="what the monitor looks at, and when it complains")
    hooks: Hooks | None = Field(default=None, description="commands that are started when something happens to a run")
