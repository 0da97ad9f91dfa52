"""The shape of a native file: closed pydantic models, from which the checks and the JSON Schema both come.

Every scalar arrives as text (`Plain` where it stood without quotes) and each field says what it must be, so that
`1.10` stays `1.10` where text is due. Faults are raised with `fault`; `complaints` gives them a place.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

from tetra_orchestrator.config import scalars
from tetra_orchestrator.config.yaml_tree import Map, Null, Scalar, Seq

if TYPE_CHECKING:
    from tetra_orchestrator.config.yaml_tree import Node


class Plain(str):
    """Text that stood without quotes, and so may also be a number or true or false."""

    __slots__ = ()


class Nothing:
    """An empty value. Not None, which the models have for "not given" and would let pass."""


def to_data(node: Node) -> Any:
    """The tree as what the models take: mappings, lists, text and `Nothing`."""
    match node:
        case Map():
            return {key: to_data(entry.value) for key, entry in node.entries.items()}
        case Seq():
            return [to_data(item) for item in node.items]
        case Scalar():
            return Plain(node.text) if node.plain else node.text
        case Null():
            return Nothing()


def fault(message: str, hint: str = "") -> PydanticCustomError:
    """A wrong value; `message` completes "'timeout' ..."."""
    return PydanticCustomError("fault", "{message}", {"message": message, "hint": hint})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise fault(f"must be text, not {kind(value)}")
    if "\0" in value:
        raise fault("holds a NUL character, which no program can be given")
    return str(value)


def _filled(value: Any) -> str:
    text = _text(value)
    if not text.strip():
        raise fault("is empty")
    return text


def _unquoted(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise fault(f"must be {what}, not {kind(value)}")
    if not isinstance(value, Plain):
        raise fault(f"must be {what}, not text in quotes", "remove the quotes")
    return value


def kind(value: Any) -> str:
    """What a value is, in the words of a message."""
    return {dict: "a mapping", list: "a list", Nothing: "nothing"}.get(type(value), "text")


def _read(value: str, parse: Any) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        raise fault(*error.args) from None


def _weights(value: Any) -> Any:
    if isinstance(value, str):
        return {value: Plain("1")}
    if isinstance(value, list):
        return {_text(item): Plain("1") for item in value}
    return value


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


_VARIABLE = {"type": "string", "pattern": r"\$\{"}


def _or_variable(schema: dict[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [schema, _VARIABLE]})


_ANY_TEXT: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_DURATION = {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^[0-9][0-9.dhms]*$|\$\{"}]}

Text = Annotated[str, BeforeValidator(_text), WithJsonSchema(_ANY_TEXT)]
Filled = Annotated[str, BeforeValidator(_filled), WithJsonSchema(_ANY_TEXT)]
Name = Annotated[
    str,
    BeforeValidator(lambda value: _read(_text(value), scalars.name)),
    WithJsonSchema({"type": "string", "pattern": f"^{scalars.NAME}$"}),
]
VariableName = Annotated[
    str,
    BeforeValidator(lambda value: _read(_text(value), scalars.variable_name)),
    WithJsonSchema({"type": "string", "pattern": f"^{scalars.VARIABLE}$"}),
]
Seconds = Annotated[
    float, BeforeValidator(lambda value: _read(_text(value), scalars.duration_s)), WithJsonSchema(_DURATION)
]
Limit = Annotated[Seconds, Field(gt=0)]
Whole = Annotated[
    int,
    BeforeValidator(lambda value: _read(_unquoted(value, "a whole number"), scalars.whole)),
    _or_variable({"type": "integer"}),
]
Count = Annotated[Whole, Field(ge=1)]
Number = Annotated[
    float,
    BeforeValidator(lambda value: _read(_unquoted(value, "a number"), scalars.number)),
    _or_variable({"type": "number"}),
]
Switch = Annotated[
    bool,
    BeforeValidator(lambda value: _read(_unquoted(value, "true or false"), scalars.boolean)),
    _or_variable({"type": "boolean"}),
]
Names = list[Name]
Variables = dict[VariableName, Text]
Weights = Annotated[
    dict[Name, Count], BeforeValidator(_weights, json_schema_input_type=Name | Names | dict[Name, Count])
]
EntryArgs = Annotated[
    dict[str, list[Text]], BeforeValidator(_own_args, json_schema_input_type=list[Text] | dict[Name, list[Text]])
]
ModeItem = Annotated[dict[str, EntryArgs], BeforeValidator(_entry, json_schema_input_type=Name | dict[Name, EntryArgs])]
ValueType = Literal["str", "int", "float", "bool"]
OutputType = Literal["str", "int", "float", "bool", "list", "map"]


class Closed(BaseModel):
    """A mapping that knows all of its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Retry(Closed):
    """When a failed attempt is followed by another."""

    max_attempts: Count | None = Field(default=None, description="how often a task is tried, the first time included")
    delay: Seconds | None = Field(default=None, description="wait before the second attempt")
    backoff: Annotated[Number, Field(ge=1)] | None = Field(default=None, description="factor by which each wait grows")
    max_delay: Seconds | None = Field(default=None, description="no wait is longer")
    jitter: Annotated[Number, Field(ge=0, le=1)] | None = Field(default=None, description="spread of the waits, 0 to 1")


class TaskDefaults(Closed):
    """What holds for every task that does not say otherwise."""

    timeout: Limit | None = Field(default=None, description="an attempt that takes longer is ended")
    kill_grace: Seconds | None = Field(
        default=None, description="time between the request to end (TERM) and the end (KILL)"
    )
    retry: Retry | None = None


class Task(TaskDefaults):
    """One program to run."""

    module: Filled | None = Field(
        default=None, description="a Python module, run as `python -m` by the project's interpreter"
    )
    command: Annotated[list[Text], Field(min_length=1)] | None = Field(
        default=None, description="an argument list, no shell"
    )
    shell: Filled | None = Field(default=None, description="one line for /bin/sh")
    args: list[Text] = Field(default=[], description="arguments added to the program's own")
    depends_on: list[Filled] = Field(default=[], description="what must have succeeded before")
    enabled: Switch = Field(default=True, description="false skips it, and what depends on it")
    env: Variables = Field(default={}, description="environment variables")
    cwd: Filled | None = Field(default=None, description="working folder, from the project's root")
    pool: Weights = Field(default={}, description="pools it takes a place in: a name, names, or names with weights")
    priority: Whole = Field(default=0, description="of several that could start, the highest starts first")
    outputs: dict[Name, OutputType] = Field(default={}, description="values it hands on, referred to as {task.key}")
    expected: Limit | None = Field(default=None, description="how long it usually takes, until that is learned")


class Pipeline(Task):
    """A named group of tasks, or one program of its own."""

    provides: Names = Field(default=[], description="data it makes")
    requires: Names = Field(default=[], description="data it needs from a pipeline before it")
    max_data_age: Limit | None = Field(default=None, description="data older than this are stale")
    description: Text | None = None
    tasks: Annotated[dict[Name, Task], Field(min_length=1)] | None = Field(
        default=None, description="its tasks by name"
    )


class Mode(Closed):
    """A selection of pipelines with arguments for each."""

    pipelines: Annotated[list[ModeItem], Field(min_length=1)]
    partition: Literal["range"] | None = Field(default=None, description="the mode runs for a range of dates")


class Schedule(Closed):
    """When a mode is due."""

    mode: Filled
    cron: Filled = Field(description="five fields: minute, hour, day of month, month, day of week; or @daily and so on")
    timezone: Filled | None = Field(default=None, description="IANA name, such as Europe/Berlin; default the project's")
    enabled: Switch = True


class Param(Closed):
    """A parameter of a run; without a default it must be given."""

    type: ValueType | None = None
    default: Any = Field(default=None, json_schema_extra=_ANY_TEXT)

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
            None if self.default is None else _read(_text(self.default), lambda text: scalars.value(self.kind(), text))
        )


class Env(Closed):
    """What tasks inherit from our environment, and what is added."""

    inherit: Literal["all", "base"] = Field(
        "all", description="base: only PATH, HOME and the like, and what `pass` names"
    )
    passed: list[VariableName] = Field(default=[], alias="pass", description="further variables to inherit")
    set: Variables = Field(default={}, description="variables for every task")


class Logs(Closed):
    """Where logs are written."""

    dir: Filled = "logs"


class Host(Closed):
    """What this machine gives to all runs together."""

    max_parallel: Count | None = Field(default=None, description="tasks at the same time; default the number of CPUs")


class Defaults(Closed):
    """What holds where nothing else is said."""

    task: TaskDefaults = TaskDefaults()


class Document(Closed):
    """A native configuration file."""

    version: Whole = Field(description="of this format: 1", json_schema_extra={"const": 1})
    project: Name
    title: Text | None = None
    timezone: Filled = Field(default="UTC", description="IANA name, such as America/New_York")
    state: Filled = Field(default="sqlite:///state/tetra.db", description="where runs are remembered")
    python: Filled | None = Field(default=None, description="the tasks' interpreter; default .venv/bin/python")
    pythonpath: list[Filled] = Field(default=[], description="folders of modules, from the project's root")
    env: Env = Field(default_factory=lambda: Env.model_validate({}))
    logs: Logs = Logs()
    host: Host = Host()
    pools: dict[Name, Count] = Field(default={}, description="how many may use something at the same time")
    params: dict[Name, Annotated[Param, BeforeValidator(_param, json_schema_input_type=Param | Text)]] = {}
    defaults: Defaults = Defaults()
    pipelines: Annotated[dict[Name, Pipeline], Field(min_length=1)]
    modes: dict[Name, Annotated[Mode, BeforeValidator(_mode, json_schema_input_type=Mode | list[ModeItem])]] = {}
    schedules: dict[Name, Schedule] = {}


class _WithoutNull(GenerateJsonSchema):
    """None is how our models say "not given"; a file cannot say it."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        value = super().default_schema(schema)
        if value.get("default") in (None, [], {}) or isinstance(value["default"], dict):
            value.pop("default", None)
        return value

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def json_schema() -> str:
    """The text of `schema.json` (draft 2020-12), which editors complete and check native files with."""
    schema = Document.model_json_schema(by_alias=True, schema_generator=_WithoutNull)
    marked = {"$schema": _WithoutNull.schema_dialect, "$comment": "generated from schema.py", **schema}
    return json.dumps(marked, indent=2) + "\n"
