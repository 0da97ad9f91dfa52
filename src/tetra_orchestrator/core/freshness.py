"""Whether a pipeline's data is recent enough, for `status` and for what depends on it."""

from __future__ import annotations

from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import duration
from tetra_orchestrator.core.states import TERMINAL, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

#: Seconds by which clocks that are looked after may differ, such as ours and that of a file server.
SKEW_S = 60.0


def freshness(last_success_at: datetime | None, max_age_s: float | None, now: datetime) -> str:
    """`fresh`, `stale`, or `unknown` where no age is set, it never succeeded, or a clock was wrong then or is now.

    A clock was wrong that showed a time before 1970, or one that has not come yet by more than `SKEW_S`.
    """
    if last_success_at is None or max_age_s is None:
        return "unknown"
    age_s = (now - last_success_at).total_seconds()
    if age_s < -SKEW_S or last_success_at.timestamp() < 0:
        return "unknown"
    return "stale" if age_s > max_age_s else "fresh"


class Standing(Record):
    """How a pipeline or a task stands: the state that it ended in last or is in, in which run, and when that ended.

    Without a state it has never run.
    """

    state: str | None = None
    run_id: str | None = None
    ended_at: datetime | None = None


def lacking(name: str, standing: Standing, max_age_s: float | None, now: datetime) -> Reason | None:
    """Why what depends on it may not start by itself, None where it may.

    It has to have succeeded in its last run (T-140), no longer ago than its own limit (T-141). An age that is not known
    holds nothing back.
    """
    if standing.state != TaskState.SUCCEEDED:
        return Reason("dependency_not_succeeded", _not_succeeded(name, standing))
    if freshness(standing.ended_at, max_age_s, now) == "stale" and standing.ended_at is not None:
        age_h = (now - standing.ended_at).total_seconds() / 3600
        text = f"the data of {name} is {age_h:.1f} h old, over its limit of {duration(max_age_s)}"
        return Reason("dependency_stale", text)
    return None


def _not_succeeded(name: str, standing: Standing) -> str:
    if standing.state is None:
        return f"{name} has never run"
    if standing.state not in TERMINAL:
        return f"{name} has not ended yet in run {standing.run_id}"
    ended = standing.state.replace("_", " ")
    return f"{name} has not succeeded in its last run: {ended} in {standing.run_id}"
