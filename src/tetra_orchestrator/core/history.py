"""What the store remembers: runs, tasks in them, attempts, pipelines. Instants are aware UTC, durations seconds."""

from __future__ import annotations

from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.model import LOCAL as LOCAL
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tetra_orchestrator.core.facts import Facts
    from tetra_orchestrator.core.model import Json, Reason


#: The runner of an attempt on this machine that outlives its run's owner; that of one that does not is `LOCAL`.
WRAPPED = "wrapped"
#: The trigger of a run that is one task of a job of Dagster.
DAGSTER = "dagster"
#: So much longer than the run that it was in may something have lasted by another clock.
ROUNDING_S = 1.0


class Partition(Record):
    """The slice of time a run is for, as the user wrote its ends (`2020-01-01`); `end` is inclusive."""

    start: str
    end: str


class Run(Record):
    """One execution of a selection. What is known at its end only stays None until then.

    `params` are the parameters that it was given by name, as texts; None stands for a secret, which is not kept.
    A schedule started it for its `slot`, the `backfill` of that id for its partition. `tags` are those of its tasks and
    of its schedule, each once as `name=value`, with `tenant=NAME` for the owners of its tasks. When it `tells`, it is
    untold from its end on (`Alerts.untold`); once somebody has been told, it does not any more.
    """

    run_id: str
    project: str
    mode: str | None
    trigger: str
    state: str
    config_hash: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_s: float | None = None
    exit_code: int | None = None
    log: str | None = None
    slot: datetime | None = None
    partition: Partition | None = None
    resumes: str | None = None
    owner: str | None = None
    params: Mapping[str, str | None] | None = None
    schedule: str | None = None
    tags: tuple[str, ...] = ()
    backfill: str | None = None
    tells: bool = False


class RunFilter(Record):
    """Which runs are asked for; what is None or empty does not matter. Instants are aware UTC, `until` is exclusive.

    `tags` are all there, as `name=value`. `before` is a run id: only runs that were recorded before that one.
    """

    pipeline: str | None = None
    mode: str | None = None
    states: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    before: str | None = None
    backfill: str | None = None


class Attempt(Record):
    """One try of one task. `token` is the fencing token its processes carry in their environment.

    `duration_s` is by a clock that never jumps; None where its owner did not live to see the end.
    """

    run_id: str
    task_id: str
    number: int
    token: str
    state: str
    log: str
    runner: str = LOCAL
    handle: str | None = None
    kind: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    text: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    waited_s: float | None = None
    tail: str | None = None
    facts: Facts = NO_FACTS
    duration_s: float | None = None


class TaskRun(Record):
    """A task within a run, with why it is in its state."""

    run_id: str
    task_id: str
    pipeline: str
    position: int
    state: str
    version: int = 0
    reason: Reason | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int = 0
    outputs: Mapping[str, Json] | None = None


class Result(Record):
    """What a task made of the inputs that `key` stands for, and in which run."""

    task_id: str
    key: str
    run_id: str
    made_at: datetime
    outputs: Mapping[str, Json]


class PipelineState(Record):
    """What the store knows of a pipeline besides its runs; kept so that `status` needs no configuration."""

    name: str
    max_data_age_s: float | None = None
    enabled: bool = True
    position: int = 0


#: The kinds of what can be paused.
PIPELINE, SCHEDULE = "pipeline", "schedule"
#: The reason of the pauses that `schedule disable` makes, which switch a timer off; `schedule enable` ends no others.
DISABLED = "disabled"


class Pause(Record):
    """What holds a pipeline or a schedule (its `kind`) back since then: until somebody ends it, or until an instant."""

    kind: str
    name: str
    since: datetime
    until: datetime | None = None
    reason: str | None = None

    def holds(self, now: datetime) -> bool:
        """True unless its end has come. Its start does not count: a clock that was set back lifts no pause."""
        return self.until is None or now < self.until


def lasted_s(began: datetime | None, ended: datetime | None, most_s: float | None) -> float | None:
    """Seconds between two instants of the wall clock; None where one of them is not known.

    Where the clock was set in between, what it says is longer than the whole run took (`most_s`, by another clock), or
    negative; then it is that.
    """
    if began is None or ended is None:
        return None
    span = (ended - began).total_seconds()
    return span if 0 <= span <= (span if most_s is None else most_s + ROUNDING_S) else most_s
