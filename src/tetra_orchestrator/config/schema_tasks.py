"""The parts of a native file that say what runs: tasks and pipelines."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from tetra_orchestrator.config.schema_watching import DataSource, Hooks, OnFailure
from tetra_orchestrator.config.values import (
    SOME_TEXT,
    Amount,
    Closed,
    Codes,
    Count,
    Factor,
    Filled,
    FreeMap,
    Limit,
    Name,
    Names,
    OutputType,
    Pattern,
    Patterns,
    Plain,
    Seconds,
    Share,
    Size,
    Switch,
    Tags,
    Text,
    Variables,
    Whole,
    fault,
    one_of,
    size,
    text_of,
)

#: Outputs are small values; more belongs into a file whose path is handed on.
MOST_OUTPUT = 1024 * 1024
CONDITIONS = ("succeeded", "finished", "ready")

UpstreamState = Literal[
    "succeeded", "partial", "failed", "timed_out", "skipped", "upstream_failed", "cancelled", "lost"
]


class Need(str):
    """The name of a dependency, and what must have become of it."""

    condition: str = "succeeded"


def _need(value: Any) -> Need:
    if isinstance(value, dict) and len(value) == 1:
        ((name, condition),) = value.items()
        if condition not in CONDITIONS:
            raise fault(f"must be {' or '.join(CONDITIONS)} for '{name}'", "leave the condition out for succeeded")
        need = Need(name)
        need.condition = str(condition)
        return need
    if not isinstance(value, str) or not value.strip():
        raise fault("must be a name, or one name with its condition", "write it like - extract or - extract: finished")
    return Need(value)


def _weights(value: Any) -> Any:
    if isinstance(value, str):
        return {value: Plain("1")}
    if isinstance(value, list):
        return {text_of(item): Plain("1") for item in value}
    return value


Weights = Annotated[
    dict[Name, Count], BeforeValidator(_weights, json_schema_input_type=Name | Names | dict[Name, Count])
]

Dependency = Annotated[
    Need,
    PlainValidator(_need),
    WithJsonSchema(
        {
            "anyOf": [
                SOME_TEXT,
                {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": one_of(*CONDITIONS),
                },
            ]
        }
    ),
]


class Retry(Closed):
    """When a failed attempt is followed by another."""

    max_attempts: Count | None = Field(
        default=None, description="how often a task is tried, the first time included; default 1"
    )
    delay: Seconds | None = Field(default=None, description="wait before the second attempt; default 0")
    backoff: Factor | None = Field(default=None, description="factor by which each wait grows; default 1")
    max_delay: Seconds | None = Field(default=None, description="no wait is longer; default 1h")
    jitter: Share | None = Field(default=None, description="spread of the waits, 0 to 1; default 0")
    on_exit_codes: Codes | None = Field(default=None, description="only after one of these exit codes")
    on_output: Patterns | None = Field(default=None, description="only where the log's end matches one of these")
    on_errors: list[Filled] | None = Field(
        default=None, description="only after such errors: timeout, connection_error, or the name of an exception"
    )
    not_on_errors: list[Filled] | None = Field(default=None, description="never after such errors")


class Resources(Closed):
    """What a task takes of the host while it runs, and may use at most."""

    cpu: Amount | None = Field(default=None, description="CPUs")
    memory: Size | None = Field(default=None, description="such as 8GB; GB is 1024^3 bytes")
    gpu: Count | None = Field(default=None, description="GPUs, shared out where `host` has `gpu`")
    disk: Size | None = Field(default=None, description="what its `cwd`, else its checkpoint folder, may hold")
    processes: Count | None = Field(default=None, description="processes and threads")
    open_files: Count | None = Field(default=None, description="open files of a process")
    workers: Count | None = Field(default=None, description="how many workers it should use: TETRA_WORKERS")
    grow: Factor | None = Field(
        default=None, description="each further attempt may use so many times the memory and disk of the one before"
    )


class TaskDefaults(Closed):
    """What holds for every task that does not say otherwise."""

    timeout: Limit | None = Field(
        default=None, description="an attempt that takes longer is ended; time asleep does not count"
    )
    wall_timeout: Limit | None = Field(
        default=None, description="the same by the clock on the wall: time asleep counts, too"
    )
    kill_grace: Seconds | None = Field(
        default=None, description="time between the request to end (TERM) and the end (KILL); default 10s"
    )
    retry: Retry | None = Field(default=None, description="when a failed attempt is followed by another")
    resources: Resources | None = Field(default=None, description="what it takes of the host, and may use at most")
    log_limit: Size | None = Field(
        default=None, description="most bytes of an attempt's log; beyond it only its head and tail are kept"
    )


class RunIf(Closed):
    """What must have become of a dependency; else the task is skipped."""

    states: Annotated[list[UpstreamState], Field(min_length=1)] | None = Field(
        default=None, description="one of these states"
    )
    exit_codes: Annotated[Codes, Field(min_length=1)] | None = Field(
        default=None, description="one of these exit codes"
    )
    output: Pattern | None = Field(default=None, description="the end of its log matches this regular expression")


class ContinueOn(Closed):
    """Failures after which the task counts as partial, and what depends on it goes on."""

    failure: Switch = Field(default=False, description="any failure")
    exit_codes: Codes = Field(default_factory=list, description="one of these exit codes")
    output: Pattern | None = Field(default=None, description="the end of its log matches this regular expression")


class Cache(Closed):
    """What a task makes its result of; while that is as it was, the task is skipped."""

    inputs: list[Filled] = Field(default_factory=list, description="files that it reads, as patterns from the root")
    max_age: Limit | None = Field(default=None, description="a result older than this is made anew")


class Task(TaskDefaults):
    """One program to run."""

    module: Filled | None = Field(
        default=None, description="a Python module, run as `python -m` by the project's interpreter"
    )
    command: Annotated[list[Text], Field(min_length=1)] | None = Field(
        default=None, description="an argument list, no shell"
    )
    shell: Filled | None = Field(default=None, description="one line for /bin/sh")
    function: Filled | None = Field(
        default=None, description="a Python function such as package.module.name, called with `config` as keywords"
    )
    type: Filled | None = Field(default=None, description="a registered task type, given `config`")
    args: list[Text] = Field(default_factory=list, description="arguments added to the program's own")
    config: FreeMap | None = Field(
        default=None, description="keywords of a function, configuration of a type, else `config` in TETRA_INPUT"
    )
    reads: list[Filled] = Field(default_factory=list, description="data sets that a function is given, in this order")
    writes: list[Filled] = Field(default_factory=list, description="names under which what a function returns is kept")
    session: Name | None = Field(default=None, description="the session in which a function runs as a call")
    depends_on: list[Dependency] = Field(default_factory=list, description="what must have succeeded before")
    run_if: dict[Filled, RunIf] = Field(
        default_factory=dict, description="conditions on what it depends on; else it is skipped"
    )
    continue_on: ContinueOn | None = Field(default=None, description="failures that count as partial")
    enabled: Switch = Field(default=True, description="false skips it, and what depends on it")
    env: Variables = Field(default_factory=dict, description="environment variables")
    cwd: Filled | None = Field(default=None, description="working folder, from the project's root")
    python: Filled | None = Field(default=None, description="its interpreter; default the project's")
    pool: Weights = Field(
        default_factory=dict, description="pools it takes a place in: a name, names, or names with weights"
    )
    priority: Whole = Field(default=0, description="of several that could start, the highest starts first")
    outputs: dict[Name, OutputType] = Field(
        default_factory=dict, description="values it hands on, referred to as {task.key}"
    )
    output_limit: Annotated[Size, Field(le=MOST_OUTPUT), size(exclusiveMaximum=MOST_OUTPUT + 1)] | None = Field(
        default=None, description="most bytes of outputs, at most and by default 1MB"
    )
    expected: Limit | None = Field(default=None, description="how long it usually takes, until that is learned")
    tags: Tags = Field(default_factory=dict, description="words that its runs carry")
    tenant: Name | None = Field(default=None, description="its owner")
    idempotent: Switch = Field(default=False, description="doing it twice does no harm")
    on_lost: Literal["fail", "retry", "resume"] | None = Field(
        default=None,
        description="what becomes of an attempt whose owner died; default fail, where it is idempotent resume",
    )
    background: Switch = Field(default=False, description="what it leaves running is left alone")
    cache: Cache | None = Field(default=None, description="skip it while what it makes its result of is as it was")
    survive: Switch = Field(default=False, description="its attempts outlive us and are found again")
    until: Literal["stopped"] | None = Field(default=None, description="it runs until nothing in the run needs it")
    runner: Name | None = Field(
        default=None, description="where it runs: local, slurm, or one of `runners`; default the project's"
    )
    ready_when: Pattern | None = Field(default=None, description="such a line in its log says that it is ready")


class Pipeline(Task):
    """A named group of tasks, or one program of its own."""

    provides: Names = Field(default_factory=list, description="data it makes")
    requires: Names = Field(default_factory=list, description="data it needs from a pipeline before it")
    max_data_age: Limit | None = Field(default=None, description="data older than this are stale")
    description: Text | None = Field(default=None, description="free text")
    on_failure: OnFailure | None = Field(default=None, description="what is done when it fails")
    data: dict[Name, DataSource] = Field(default_factory=dict, description="where the age of its data shows, by name")
    hooks: Hooks | None = Field(default=None, description="commands for what happens to it in a run")
    tasks: Annotated[dict[Name, Task], Field(min_length=1)] | None = Field(
        default=None, description="its tasks by name"
    )
