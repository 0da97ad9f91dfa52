"""A backfill: a mode run over a range of time, slice by slice. What it consists of and how it stands."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import RunState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tetra_orchestrator.core.model import Reason

#: Why a run was ended that nobody wanted to be over for good: its partition is to be run again, like a lost run's.
ENDED_EARLY = ("interrupted", "stop_requested", "replaced")
#: Why a task is skipped that its partition lacks then: a run that succeeded without it has not done the partition.
LEFT_OUT = ("not_selected", "not_retried", "paused")
#: Besides the states of its run, a partition is waiting to be run, or it is left out.
PENDING, SKIPPED = "pending", "skipped"
RUNNING, PAUSED = "running", "paused"
#: How a partition's run has ended without success; to continue a backfill that is over runs these again.
UNSUCCESSFUL = tuple(
    state.value for state in (RunState.PARTIAL, RunState.FAILED, RunState.TIMED_OUT, RunState.CANCELLED, RunState.LOST)
)
#: States of a backfill that is not over: it goes on, or waits until somebody continues it.
BACKFILL_OPEN = (RUNNING, PAUSED)
BACKFILL_STATES = (*BACKFILL_OPEN, RunState.SUCCEEDED.value, RunState.FAILED.value, RunState.CANCELLED.value)


def lock_of(backfill_id: str) -> str:
    """The lock that whoever drives the backfill holds."""
    return f"backfill-{backfill_id}"


class Backfill(Record):
    """A mode over a range of dates, both inclusive, as the user wrote them; `slice` is how it is cut.

    `params` are as those of a `Run`. It is performed with the configuration of `config_hash`.
    """

    backfill_id: str
    mode: str
    start: str
    end: str
    slice: str
    state: str
    config_hash: str
    created_at: datetime
    newest_first: bool = False
    parallel: int = 1
    params: Mapping[str, str | None] | None = None
    finished_at: datetime | None = None


class PartitionState(Record):
    """How one slice of a backfill stands; `position` is its place in time.

    A run that was lost, or ended for one of `ENDED_EARLY`, leaves it pending, and named.
    """

    start: str
    end: str
    position: int
    state: str = PENDING
    run_id: str | None = None
    reason: Reason | None = None
