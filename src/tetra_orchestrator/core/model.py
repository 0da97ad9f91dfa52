"""What a project consists of, as plain frozen values. Durations are seconds, sizes bytes, instants aware UTC.

`config` builds these from text; nothing after it sees a raw mapping. Words as in DESIGN.md section 2.
"""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from tetra_orchestrator.core.runners import Remote
    from tetra_orchestrator.core.watching import Alerting, DataSource, Hooks, Monitoring, OnFailure

    Json = None | bool | int | float | str | list[Any] | dict[str, Any]


#: How the `store_url` of a SQLite file begins; an absolute path follows.
SQLITE = "sqlite:///"
#: After so many seconds without a word from a host its runs count as dead.
HOST_TIMEOUT_S = 60.0


#: The runner of a task that says nothing: a process on this machine.
LOCAL = "local"
#: What happens to an attempt of which nobody knows how it ended: `on_lost` of its task.
FAIL, RETRY, RESUME = "fail", "retry", "resume"


class Reason(Record):
    """Why something was decided: a stable `code` for programs and one clause of `text` for people."""

    code: str
    text: str


class RetryPolicy(Record):
    """When a failed attempt is followed by another. `max_attempts` counts the first try.

    Where `on_exit_codes`, `on_output` (regular expressions) or `on_errors` (error classes) are given, only a failure
    that fits each of them is tried again; one of a class in `not_on_errors` never is.

    With `before`, somebody else decides when it is tried again: he has had so many attempts made, and this is one more.
    """

    max_attempts: int = 1
    delay_s: float = 0.0
    backoff: float = 1.0
    max_delay_s: float = 3600.0
    jitter: float = 0.0
    on_exit_codes: tuple[int, ...] = ()
    on_output: tuple[str, ...] = ()
    on_errors: tuple[str, ...] = ()
    not_on_errors: tuple[str, ...] = ()
    before: int | None = None


class Command(Record):
    """An argument list, executed without a shell."""

    argv: tuple[str, ...]


class Shell(Record):
    """One line for /bin/sh, because the file says `shell:`."""

    line: str


class Module(Record):
    """A Python module, run as `python -m` by the project's own interpreter."""

    name: str


class Function(Record):
    """A Python function by its dotted path, called with the task's `config` as keywords in a child interpreter.

    The data sets named in `reads` are its positional arguments; what it returns is kept under the names in `writes`.
    """

    path: str
    session: str | None = None
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


class Typed(Record):
    """A registered task type; `target` is its `module:Class` where the file names it."""

    type: str
    target: str | None = None


if TYPE_CHECKING:
    from typing import TypeAlias

    Program: TypeAlias = Command | Shell | Module | Function | Typed


class Resources(Record):
    """What one task takes of the host while it runs, and may use at most; 0 is nothing said.

    Attempt n may use `grow ** (n - 1)` times the memory and disk.
    """

    cpu: float = 0.0
    memory_bytes: int = 0
    gpu: int = 0
    disk_bytes: int = 0
    processes: int = 0
    open_files: int = 0
    workers: int = 0
    grow: float = 1.0


class ContinueOn(Record):
    """Failures after which the task counts as partial and what depends on it goes on."""

    failure: bool = False
    exit_codes: tuple[int, ...] = ()
    output: str | None = None


class RunIf(Record):
    """A condition on a finished dependency; all that are given have to hold, else the task is skipped."""

    task: str
    states: tuple[str, ...] = ()
    exit_codes: tuple[int, ...] = ()
    output: str | None = None


class Service(Record):
    """A task that runs until nothing in the run needs it; ready by `ready_when` in its log, or by its outputs file."""

    ready_when: str | None = None


class Cache(Record):
    """What a task makes its result of: glob patterns of files, from the project's root, beside what it is given.

    A result older than `max_age_s` seconds does not count.
    """

    inputs: tuple[str, ...] = ()
    max_age_s: float | None = None


class RunPolicy(Record):
    """What holds for a run as a whole. After `stop_after` failed tasks nothing more is started.

    `max_retries` is one budget for the retries of all its tasks. With `barriers` no task starts before all of the level
    before its own are over.
    """

    timeout_s: float | None = None
    stop_after: int | None = None
    max_parallel: int | None = None
    max_retries: int | None = None
    barriers: bool | None = None


class Task(Record):
    """One node of the graph. `depends_on` holds task ids; `args` are appended to the program's own.

    `timeout_s` counts while the machine is awake, `wall_timeout_s` also while it sleeps.
    `conditions` names the dependencies that need not have succeeded: `(task id, "finished" or "ready")`. `config` is
    JSON text. `runner` is where it runs: `local`, or the name of one of the project's.
    """

    id: str
    pipeline: str
    program: Program
    args: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    cwd: str | None = None
    timeout_s: float | None = None
    kill_grace_s: float = 10.0
    retry: RetryPolicy = RetryPolicy()
    outputs: tuple[tuple[str, str], ...] = ()
    pool: tuple[tuple[str, int], ...] = ()
    priority: int = 0
    enabled: bool = True
    expected_s: float | None = None
    config: str | None = None
    python: str | None = None
    conditions: tuple[tuple[str, str], ...] = ()
    run_if: tuple[RunIf, ...] = ()
    continue_on: ContinueOn | None = None
    resources: Resources | None = None
    service: Service | None = None
    on_lost: str = FAIL
    idempotent: bool = False
    background: bool = False
    survive: bool = False
    output_limit_bytes: int = 1024 * 1024
    tags: tuple[tuple[str, str], ...] = ()
    tenant: str | None = None
    wall_timeout_s: float | None = None
    log_limit_bytes: int = 0
    cache: Cache | None = None
    runner: str = LOCAL


class Pipeline(Record):
    """A named group of tasks; it owns state, freshness, a lock and a history."""

    name: str
    tasks: tuple[Task, ...]
    depends_on: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    max_data_age_s: float | None = None
    enabled: bool = True
    description: str | None = None
    on_failure: OnFailure | None = None
    data: tuple[DataSource, ...] = ()
    hooks: Hooks | None = None


class ModeEntry(Record):
    """One pipeline of a mode: extra arguments by task id."""

    pipeline: str
    args: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Mode(Record):
    """A named selection of pipelines with arguments for each."""

    name: str
    entries: tuple[ModeEntry, ...]
    partition: str | None = None
    run: RunPolicy = RunPolicy()
    params: tuple[tuple[str, Json], ...] = ()
    description: str | None = None


class Schedule(Record):
    """When a mode, or single pipelines, are due: by a cron rule in a time zone, an interval or one instant.

    `dst_gap` and `dst_fold` say what a local time is in the nights in which the clock is changed. Without
    `max_concurrent_runs`, as many as there are may run with the overlap `allow`, else one. Of several schedules that
    are due after a sleep, the one of the highest `priority` goes first.
    """

    name: str
    mode: str | None
    cron: str | None
    timezone: str
    enabled: bool = True
    pipelines: tuple[str, ...] = ()
    every_s: float | None = None
    at: str | None = None
    catch_up: str = "latest"
    catch_up_window_s: float | None = None
    catch_up_count: int | None = None
    overlap: str = "skip"
    dst_gap: str = "shift"
    dst_fold: str = "first"
    jitter_s: float = 0.0
    max_concurrent_runs: int | None = None
    on_startup: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    priority: int = 0
    heartbeat: str | None = None


class Host(Record):
    """What one machine gives to all runs together; 0 is nothing said.

    Other hosts take its runs for dead when the database has not heard of them for `timeout_s` seconds.
    """

    max_parallel: int
    cpu: float = 0.0
    memory_bytes: int = 0
    gpu: int = 0
    timeout_s: float = HOST_TIMEOUT_S


class Session(Record):
    """One worker process per run in which several function tasks run as calls."""

    name: str
    threads: int = 1
    python: str | None = None


class Keep(Record):
    """What stays of the past: so many runs, those of so many days, so many bytes of their files. None: all of it."""

    runs: int | None = None
    days: int | None = None
    total_bytes: int | None = None


class Logs(Record):
    """Where logs are written, as an absolute path; whether secrets are kept out of them, and what else is: patterns.

    `file` (absolute) is a further log of every run, of that `level` and what is worse; `{tenant}` in it makes it one
    for each. Its `format` (text, json) is also that of the run's own log and of plain lines on the standard output.
    """

    dir: str
    redact: bool = True
    patterns: tuple[str, ...] = ()
    keep: Keep = Keep()
    file: str | None = None
    format: str = "text"
    level: str = "info"


class Environment(Record):
    """What a task inherits: `all` of our environment, or only the `base` names and those listed; never `withheld`."""

    inherit: Literal["all", "base"] = "all"
    passed: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()
    withheld: tuple[str, ...] = ()


class Param(Record):
    """A run parameter of the project with its default; None means it must be given."""

    name: str
    type: str
    default: Json = None
    required: bool = False


class Timers(Record):
    """What the system's scheduler is asked for beyond the times: `sandbox` is none or strict.

    `at_once` runs are made up for at the same time after a sleep (None: the host's `max_parallel`), spread over
    `spread_s` seconds.
    """

    sandbox: str = "none"
    at_once: int | None = None
    spread_s: float = 0.0


class Project(Record):
    """Everything one configuration describes. `root` is absolute; `python` is the tasks' interpreter."""

    name: str
    root: str
    file: str
    config_hash: str
    timezone: str
    store_url: str
    python: str
    pipelines: tuple[Pipeline, ...]
    modes: tuple[Mode, ...]
    schedules: tuple[Schedule, ...]
    host: Host
    logs: Logs
    title: str | None = None
    pythonpath: tuple[str, ...] = ()
    environment: Environment = Environment()
    pools: tuple[tuple[str, int], ...] = ()
    shared_pools: tuple[str, ...] = ()
    params: tuple[Param, ...] = ()
    dialect: str = "native"
    run: RunPolicy = RunPolicy()
    sessions: tuple[Session, ...] = ()
    plugins: tuple[str, ...] = ()
    default_mode: str | None = None
    timers: Timers = Timers()
    alerting: Alerting | None = None
    monitor: Monitoring | None = None
    hooks: Hooks | None = None
    runners: tuple[Remote, ...] = ()

    def pipeline(self, name: str) -> Pipeline | None:
        """The pipeline called `name`, or None."""
        return next((p for p in self.pipelines if p.name == name), None)

    def mode(self, name: str) -> Mode | None:
        """The mode called `name`, or None."""
        return next((m for m in self.modes if m.name == name), None)

    def pipelines_of(self, schedule: Schedule) -> tuple[str, ...]:
        """The names of the pipelines that the schedule runs."""
        mode = self.mode(schedule.mode) if schedule.mode else None
        return tuple(entry.pipeline for entry in mode.entries) if mode else schedule.pipelines

    def tasks(self) -> tuple[Task, ...]:
        """Every task of every pipeline, in file order."""
        return tuple(task for pipeline in self.pipelines for task in pipeline.tasks)
