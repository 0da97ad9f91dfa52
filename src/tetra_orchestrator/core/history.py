"""What the store remembers: runs, tasks in them, attempts, pipelines. Instants are aware UTC, durations seconds."""

from __future__ import annotations

from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tetra_orchestrator.core.facts import Facts
    from tetra_orchestrator.core.model import Json, Reason


class Partition(Record):
    """The slice of time a run is for, as the user wrote its ends (`2020-01-01`); `end` is inclusive."""

    start: str
    end: str


class Run(Record):
    """One execution of a selection. `outcome` fields stay None until it is terminal."""

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


class Attempt(Record):
    """One try of one task. `token` is the fencing token its processes carry in their environment."""

    run_id: str
    task_id: str
    number: int
    token: str
    state: str
    log: str
    runner: str = "local"
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


class PipelineState(Record):
    """What the store knows of a pipeline besides its runs; kept so that `status` needs no configuration."""

    name: str
    max_data_age_s: float | None = None
    enabled: bool = True
    position: int = 0
