"""The shape of a native file: closed pydantic models, from which the checks and the JSON Schema both come."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from tetra_orchestrator.config import scalars
from tetra_orchestrator.config.schema_operations import (
    Alerting,
    Monitor,
    Notifications,
    Schedule,
    Tenant,
)
from tetra_orchestrator.config.schema_tasks import Pipeline, TaskDefaults
from tetra_orchestrator.config.values import (
    ANY_TEXT,
    Closed,
    Count,
    Filled,
    Limit,
    Name,
    Number,
    Plain,
    Size,
    Switch,
    Text,
    ValueType,
    VariableName,
    Variables,
    Whole,
    fault,
    read,
    text_of,
)


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


EntryArgs = Annotated[
    dict[str, list[Text]], BeforeValidator(_own_args, json_schema_input_type=list[Text] | dict[Name, list[Text]])
]

ModeItem = Annotated[dict[str, EntryArgs], BeforeValidator(_entry, json_schema_input_type=Name | dict[Name, EntryArgs])]


def _plugin(value: Any) -> Any:
    return {"": value} if isinstance(value, str) else value


Plugin = Annotated[
    dict[str, Filled],
    BeforeValidator(_plugin, json_schema_input_type=Filled | dict[Filled, Filled]),
    Field(min_length=1),
]


class RunPolicy(Closed):
    """What holds for a run as a whole."""

    timeout: Limit | None = Field(default=None, description="a run that takes longer is ended")
    stop_after: Count | None = Field(default=None, description="after so many failed tasks nothing more is started")
    max_parallel: Count | None = Field(default=None, description="tasks at the same time")


class Mode(Closed):
    """A selection of pipelines with arguments for each."""

    pipelines: Annotated[list[ModeItem], Field(min_length=1)]
    partition: Literal["range", "day", "week", "month"] | None = Field(
        default=None, description="the mode runs for a range of dates, at once or sliced"
    )
    params: dict[Name, Text] = Field(default_factory=dict, description="values for the project's parameters")
    run: RunPolicy = RunPolicy()
    description: Text | None = None


class Param(Closed):
    """A parameter of a run; without a default it must be given."""

    type: ValueType | None = None
    default: Any = Field(default=None, json_schema_extra=ANY_TEXT)

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


class Secret(Closed):
    """Where the value of a variable comes from, if not from the environment."""

    file: Filled | None = Field(default=None, description="its content, without the line break at the end")
    command: Annotated[list[Text], Field(min_length=1)] | None = Field(
        default=None, description="what this program prints, without the line break at the end"
    )


class Keep(Closed):
    """How long runs and their logs are kept."""

    runs: Count | None = None
    days: Count | None = None
    bytes: Size | None = None


class Logs(Closed):
    """Where and how logs are written."""

    dir: Filled = "logs"
    file: Filled | None = Field(default=None, description="a further log of every run, from the project's root")
    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"
    redact: Switch = Field(default=True, description="values of secrets are masked")
    keep: Keep = Keep()


class Host(Closed):
    """What this machine gives to all runs together."""

    cpu: Annotated[Number, Field(gt=0)] | None = Field(
        default=None, description="CPUs for tasks that say what they take"
    )
    memory: Size | None = Field(default=None, description="memory for tasks that say what they take")
    gpu: Count | None = Field(default=None, description="GPUs for tasks that say what they take")
    max_parallel: Count | None = Field(default=None, description="tasks at the same time; default the number of CPUs")


class Session(Closed):
    """One worker process per run in which function tasks run as calls."""

    threads: Count = Field(default=1, description="calls at the same time")
    python: Filled | None = Field(default=None, description="its interpreter; default the project's")


class Defaults(Closed):
    """What holds where nothing else is said."""

    task: TaskDefaults = TaskDefaults()
    run: RunPolicy = RunPolicy()


class Document(Closed):
    """A native configuration file."""

    version: Whole = Field(description="of this format: 1", json_schema_extra={"const": 1})
    project: Name
    title: Text | None = None
    timezone: Filled = Field(default="UTC", description="IANA name such as America/New_York, or local")
    state: Filled = Field(default="sqlite:///state/tetra.db", description="where runs are remembered")
    python: Filled | None = Field(default=None, description="the tasks' interpreter; default .venv/bin/python")
    pythonpath: list[Filled] = Field(default_factory=list, description="folders of modules, from the project's root")
    plugins: list[Plugin] = Field(
        default_factory=list, description="modules that register task types, or {type: 'module:Class'}"
    )
    env: Env = Field(default_factory=lambda: Env.model_validate({}))
    secrets: dict[VariableName, Secret] = Field(default_factory=dict, description="where ${NAME} comes from")
    include: list[Filled] = Field(
        default_factory=list, description="further files, merged under this one; * is allowed"
    )
    logs: Logs = Logs()
    host: Host = Host()
    pools: dict[Name, Count] = Field(default_factory=dict, description="how many may use something at the same time")
    sessions: dict[Name, Session] = Field(default_factory=dict, description="workers that function tasks share")
    params: dict[Name, Annotated[Param, BeforeValidator(_param, json_schema_input_type=Param | Text)]] = {}
    defaults: Defaults = Defaults()
    pipelines: Annotated[dict[Name, Pipeline], Field(min_length=1)]
    modes: dict[Name, Annotated[Mode, BeforeValidator(_mode, json_schema_input_type=Mode | list[ModeItem])]] = {}
    schedules: dict[Name, Schedule] = Field(default_factory=dict)
    tenants: dict[Name, Tenant] = Field(default_factory=dict, description="owners with limits of their own")
    notifications: Notifications = Notifications()
    alerting: Alerting = Alerting()
    monitor: Monitor = Monitor()
