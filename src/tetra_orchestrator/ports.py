"""What the engine asks of the world: one Protocol per kind of effect. Adapters implement them, `wire` chooses them."""

from __future__ import annotations

from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.model import LOCAL
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from typing import Protocol

    from tetra_orchestrator.core.changes import Change
    from tetra_orchestrator.core.diagnosis import Diagnosis
    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.core.facts import Bounds, Facts, Usage
    from tetra_orchestrator.core.history import Attempt, Partition, Pause, PipelineState, Run, RunFilter, TaskRun
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.outcome import Outcome, SpawnFailed
    from tetra_orchestrator.process_port import Processes as Processes
    from tetra_orchestrator.store_parts import Alerts, Backfills, Ledger, Results


class Call(Record):
    """A function to be called in a session's worker. `env` and `cwd` hold while it lasts if `threads` is 1."""

    session: str
    threads: int
    function: str
    env: Mapping[str, str]
    cwd: str


class Wants(Record):
    """What an attempt on another machine asks an engine for: what its task says it takes and how long it may take.

    `cpu` is in processors, `memory_bytes` in bytes, `time_limit_s` in seconds, its end included. `title` is for people.
    """

    cpu: float | None = None
    memory_bytes: int | None = None
    gpu: int | None = None
    time_limit_s: float | None = None
    title: str = ""


class Launch(Record):
    """All a runner needs to start one attempt. Paths are absolute; `env` is the child's whole environment.

    With a `call`, the command and what surrounds it are those of the session's worker. `bounds` is None where nothing
    is limited. What is in `redact` never reaches the log, in none of the usual encodings, nor does what fits one of the
    regular expressions in `patterns`. With a `record`, the attempt outlives us: its wrapper leaves there how it ended.
    `background` lets what it leaves behind live. `runner` is where it runs; elsewhere it has a record, and `wants`.
    """

    token: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    log: str
    kill_grace_s: float
    call: Call | None = None
    bounds: Bounds | None = None
    redact: tuple[bytes, ...] = ()
    patterns: tuple[bytes, ...] = ()
    record: str | None = None
    background: bool = False
    runner: str = LOCAL
    wants: Wants | None = None


class Ended(Record):
    """An attempt whose process has exited and whose process tree is gone, as far as it has to be.

    `lasted_s` is how long it took where only its runner knows when it began.
    """

    handle: str
    outcome: Outcome
    facts: Facts = NO_FACTS
    lasted_s: float | None = None


class Wakeup(Record):
    """When to poll a runner again: as soon as `fd` is readable, and after `within_s` seconds at the latest."""

    fd: int | None = None
    within_s: float | None = None


class PipelineSummary(Record):
    """A pipeline as the store knows it; `last_success_at` is when its latest successful run finished (UTC).

    `last_run_s` is how long the last run as a whole took, with all its pipelines.
    """

    pipeline: PipelineState
    active: bool
    last_run_id: str | None = None
    last_state: str | None = None
    last_started_at: datetime | None = None
    last_finished_at: datetime | None = None
    last_success_at: datetime | None = None
    last_run_s: float | None = None


class Subject(Record):
    """What a reporter knows of the run besides its events. `expected_s` and `tasks` follow the plan's order.

    `config` is the file to name, where it is not found by itself. `log_of(task, attempt)` is a path; `tail_of(path)`
    the last lines of that log; `rows()` its tasks as the store has them, `attempts()` their attempts. `secrets` are
    values that nothing may show. `trace()` is the trace context that its tasks are in.
    """

    run_id: str
    title: str
    tasks: tuple[str, ...]
    expected_s: Mapping[str, float]
    log: str
    log_of: Callable[[str, int], str]
    tail_of: Callable[[str], str]
    config: str | None = None
    rows: Callable[[], Sequence[TaskRun]] = list
    run: Run | None = None
    project: Project | None = None
    secrets: tuple[str, ...] = ()
    attempts: Callable[[], Sequence[Attempt]] = list
    trace: Callable[[], str] = str


#: A wrapper leaves the outputs without secrets in a file called like theirs with this behind it.
MASKED = ".masked"


class AttemptFiles(Record):
    """Absolute paths of one attempt: its log, two JSON files, the folder that survives attempts, a wrapper's record.

    `tenant` is the folder of the task's owner, which survives runs.
    """

    log: str
    input: str
    output: str
    checkpoint: str
    record: str
    tenant: str | None = None


if TYPE_CHECKING:

    class Store(Protocol):
        """The memory of all runs. One conformance suite holds for every implementation.

        Every method raises `StoreError` when the store is unavailable.
        """

        @property
        def ledger(self) -> Ledger: ...

        @property
        def backfills(self) -> Backfills: ...

        @property
        def results(self) -> Results: ...

        @property
        def alerts(self) -> Alerts: ...

        # Inserts the run, its tasks, the pipelines it knows and the configuration text, in one commit. A run for a slot
        # takes that from the ledger, where it has to be queued without a run: else `StateConflict`.
        def open_run(
            self, run: Run, tasks: Sequence[TaskRun], pipelines: Sequence[PipelineState], config: str
        ) -> None: ...

        # Applies all changes in one durable commit, or none of them: `StateConflict` when a compare-and-set fails.
        def record(self, changes: Iterable[Change]) -> None: ...

        def run(self, run_id: str) -> Run | None: ...

        # Newest first.
        def runs(self, *, limit: int = 50, active: bool = False, pipeline: str | None = None) -> list[Run]: ...

        # Ids of those of the `latest` runs that are in one of the states, newest first.
        def among(self, latest: int, states: Collection[str]) -> list[str]: ...

        # Those that fit, newest first.
        def search(self, wanted: RunFilter, limit: int) -> list[Run]: ...

        # Those whose ids begin so, newest first.
        def named(self, beginning: str, limit: int) -> list[Run]: ...

        # In the order of the plan, with outputs.
        def task_runs(self, run_id: str) -> list[TaskRun]: ...

        # The task's row in the newest run, of those for the dates `of` if given, in which it is in one of the states.
        def latest(
            self, pipeline: str, task_id: str, states: Collection[str], of: Partition | None = None
        ) -> TaskRun | None: ...

        # The configuration that the run was started with, as `open_run` was given it; None where there is no run.
        def config_text(self, run_id: str) -> str | None: ...

        # By task in the order of the plan, then by number.
        def attempts(self, run_id: str) -> list[Attempt]: ...

        # By run id, what all its attempts took; runs of which nothing is known are absent.
        def used(self, run_ids: Collection[str]) -> Mapping[str, Usage]: ...

        # By sequence number.
        def events(self, run_id: str) -> list[RunEvent]: ...

        # Task id -> median seconds of its last successful attempts (at most 10 each); unknown ones are absent.
        def expected_s(self) -> Mapping[str, float]: ...

        # Task id -> seconds of those attempts, shortest first.
        def durations_s(self) -> Mapping[str, Sequence[float]]: ...

        # In file order of the last run that named them.
        def summaries(self) -> list[PipelineSummary]: ...

        # Asks the run's owner for something (`cancel`); idempotent, durable.
        def request(self, run_id: str, what: str, at: datetime) -> None: ...

        def requests(self, run_id: str) -> list[str]: ...

        # Durable. What is paused already stays paused since then, and gets this end and reason.
        def pause(self, kind: str, name: str, at: datetime, until: datetime | None, reason: str | None) -> None: ...

        # False where there was no pause.
        def unpause(self, kind: str, name: str) -> bool: ...

        # In the order in which they began, those that have ended by themselves included.
        def pauses(self) -> list[Pause]: ...

        # Ids of the runs that other answers rest on: of each pipeline the newest and the latest that succeeded, of each
        # task the latest in which it did.
        def needed(self) -> set[str]: ...

        # How many alerts that somebody was told of are not over, and how many letters have not gone out.
        def alerts_standing(self) -> tuple[int, int]: ...

        # How it keeps its promises: which library, how durable, whether it is whole.
        def diagnose(self) -> list[Diagnosis]: ...

        # Whether its rows agree with each other, whatever has happened to it; takes a while where there are many.
        def check(self) -> list[Diagnosis]: ...

        # Frees the disk space that is kept for the last words of a run; the next command keeps it again.
        def make_room(self) -> None: ...

        # Bytes of it that are free for new rows; None where that is its server's affair.
        def spare_bytes(self) -> int | None: ...

        # Removes the run with all its rows, in one commit; nothing where it is unknown, active, or has to be told of.
        def forget(self, run_id: str) -> None: ...

        def close(self) -> None: ...

    class Runner(Protocol):
        """Starts attempts as detached jobs and tells how they ended."""

        # One answer per launch, in order: the handle by which this runner finds the job, or why it did not start.
        def submit(self, launches: Sequence[Launch]) -> list[str | SpawnFailed]: ...

        # The handle by which other processes, too, find the job that has not ended yet.
        def lasting(self, handle: str) -> str: ...

        # Handles of live jobs that carry the fencing token, whoever started them.
        def find(self, token: str) -> list[str]: ...

        # Those of `handles` that have ended since they were submitted. Each is reported once.
        def poll(self, handles: Collection[str]) -> list[Ended]: ...

        # Those of `handles` whose attempts have begun. Others wait for their turn, and no time limit counts for them.
        def begun(self, handles: Collection[str]) -> Collection[str]: ...

        # Asks the whole process tree to end: TERM, CONT, the launch's grace, KILL. Returns at once.
        def cancel(self, handle: str) -> None: ...

        # Ends the whole process tree by KILL. Returns at once; `poll` tells when it is gone.
        def kill(self, handle: str) -> None: ...

        def wakeup(self) -> Wakeup: ...

        # Ends every job still held, without grace, and waits until they are gone.
        def close(self) -> None: ...

    class Locks(Protocol):
        """Kernel locks, freed by the kernel when their holder dies."""

        # Holds all names or none while the context lasts; `NotNow` naming the holder when one is taken. Those who hold
        # a name `shared` get along with each other, and with nobody else.
        def held(self, names: Sequence[str], holder: str, *, shared: bool = False) -> AbstractContextManager[None]: ...

        # Whether anybody holds the name, shared or not.
        def is_held(self, name: str) -> bool: ...

        # Holds the lock `run-RUN_ID` while the context lasts, and counts the run among the live ones. `parent` is the
        # run of whose task this one is a part: what that one and its own parents take is not held against it.
        def shares(self, run_id: str, parent: str | None = None) -> AbstractContextManager[Shares]: ...

        # Has the run's owner look at what it was asked for, where it is on another host; here a signal does that.
        def nudge(self, run_id: str) -> None: ...

    class Shares(Protocol):
        """What the live runs of a project take of what all of them share: amounts by name."""

        # What the other runs take, None where that cannot be known for the moment. No other run looks or takes while
        # the context lasts, so it should be short.
        def turn(self) -> AbstractContextManager[Mapping[str, int] | None]: ...

        # Publishes what this run takes from now on; within a turn.
        def take(self, amounts: Mapping[str, int]) -> None: ...

        # When the next turn is due although nothing has happened to the run.
        def wakeup(self) -> Wakeup: ...

        # Whether the run may have been asked for something since the last call.
        def asked(self) -> bool: ...

    class Clock(Protocol):
        """The time, and waiting for it to pass."""

        # Aware UTC.
        def now(self) -> datetime: ...

        # Seconds that never jump; they stand still while the machine sleeps.
        def monotonic(self) -> float: ...

        # Seconds that never jump and go on while the machine sleeps.
        def elapsed(self) -> float: ...

        # Returns when one of `fds` is readable (True) or after `timeout_s` seconds (False); None waits without limit.
        def wait(self, fds: Collection[int], timeout_s: float | None) -> bool: ...

    class Interrupts(Protocol):
        """Signals sent to us, turned into values."""

        # Becomes readable when a signal has arrived.
        def fileno(self) -> int: ...

        # Numbers of the signals since the last call, oldest first.
        def take(self) -> list[int]: ...

    class Reporter(Protocol):
        """Shows a run to somebody. A reporter that fails changes nothing about the run."""

        # Called after the event is durable, in their order.
        def event(self, event: RunEvent) -> None: ...

        # Called after all events of one commit: shows what it was told.
        def flush(self) -> None: ...

        # Called now and then while a run waits.
        def tick(self) -> None: ...

        def close(self) -> None: ...

    class Notifier(Protocol):
        """Tells somebody who is not looking."""

        # Best effort within a time limit; never raises.
        def notify(self, title: str, text: str) -> None: ...
