"""Whether a pipeline's data is recent enough, for `status` and for what depends on it."""

from __future__ import annotations

from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.spoken import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tetra_orchestrator.core.model import Pipeline, Project
    from tetra_orchestrator.core.selection import Selection

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


def unmet(
    project: Project, selection: Selection, last_success_at: Mapping[str, datetime | None], now: datetime
) -> dict[str, Reason]:
    """Selected pipelines whose dependencies outside the run have not succeeded or are stale, with the first cause.

    `last_success_at` maps a pipeline to when it last succeeded if its last run did, else None.
    """
    found: dict[str, Reason] = {}
    pipelines = {pipeline.name: pipeline for pipeline in project.pipelines}
    inside = set(selection.pipelines)
    for name in selection.pipelines:
        for upstream in pipelines[name].depends_on:
            if upstream in inside or name in found:
                continue
            reason = _why_not(pipelines[upstream], last_success_at.get(upstream), now)
            if reason:
                found[name] = reason
    return found


def _why_not(upstream: Pipeline, succeeded_at: datetime | None, now: datetime) -> Reason | None:
    name, limit = upstream.name, upstream.max_data_age_s
    if succeeded_at is None:
        return Reason("dependency_not_succeeded", f"{name} has not succeeded in its last run")
    if freshness(succeeded_at, limit, now) == "stale":
        age_h = (now - succeeded_at).total_seconds() / 3600
        text = f"the data of {name} is {age_h:.1f} h old, over its limit of {duration(limit)}"
        return Reason("dependency_stale", text)
    return None
