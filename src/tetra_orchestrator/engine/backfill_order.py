"""Ordering a backfill: which partitions it has by what has been run, how long it will take, and keeping it."""

from __future__ import annotations

from statistics import median

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.backfill import BACKFILL_OPEN, PENDING, RUNNING, SKIPPED, Backfill
from tetra_orchestrator.core.backfill_plan import Before, Inputs, at_once, choose, left_s
from tetra_orchestrator.core.forecast import forecast
from tetra_orchestrator.core.history import RunFilter
from tetra_orchestrator.core.identity import run_id
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.slices import slices
from tetra_orchestrator.core.states import RUN_ACTIVE, RunState
from tetra_orchestrator.engine.start import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.backfill import PartitionState
    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.selection import Selection
    from tetra_orchestrator.engine.start import World
    from tetra_orchestrator.ports import Store

#: So many of the latest runs tell how long one takes.
RECENT = 200
#: What the seconds of a partition are taken from.
OWN, EARLIER, EXPECTED = "this backfill", "earlier runs", "expected durations of the tasks"


class Outlook(Record):
    """Seconds that a partition takes, by what that is known, and seconds until all are done; None: not known."""

    each_s: float | None = None
    basis: str | None = None
    left_s: float | None = None


def planned(
    dates: tuple[str, str], how: str, only: str, project: Project, selection: Selection, store: Store, now: datetime
) -> list[PartitionState]:
    """The partitions of a range of dates, both inclusive, with what is decided. Raises what `slices` raises."""
    assert selection.mode is not None
    cut = slices(*dates, how, project.timezone)
    return choose(cut, before(project, selection, store, now), only, _inputs(project, selection, store), now)


def before(project: Project, selection: Selection, store: Store, now: datetime) -> dict[tuple[str, str], Before]:
    """How the last run of the mode for each partition went, be it forgotten or not; successes of a part are none."""
    assert selection.mode is not None
    mode = selection.mode.name
    known = {
        dates: Before(row.state, row.run_id, since) for dates, (row, since) in store.backfills.settled(mode).items()
    }
    pipelines = len({task.pipeline for task in selection.tasks})
    for dates, run in store.backfills.latest_whole(mode, project.config_hash, pipelines).items():
        at = run.finished_at or run.started_at or now
        if dates not in known or at >= known[dates].at:
            known[dates] = Before(run.state, run.run_id, at)
    return known


def _inputs(project: Project, selection: Selection, store: Store) -> Inputs:
    pipelines = [pipeline for pipeline in project.pipelines if pipeline.name in selection.pipelines]
    outside = {name for pipeline in pipelines for name in pipeline.depends_on} - set(selection.pipelines)
    succeeded = [
        (one.last_success_at, one.pipeline.name)
        for one in store.summaries()
        if one.pipeline.name in outside and one.last_success_at is not None
    ]
    at, name = max(succeeded, default=(None, None))
    ages = [pipeline.max_data_age_s for pipeline in pipelines if pipeline.max_data_age_s is not None]
    return Inputs(name, at, min(ages, default=None))


def add(asked: Backfill, partitions: Sequence[PartitionState], document: str, world: World) -> Backfill:
    """Keep the backfill under a new id; or find the open one of the same mode that is asked for the same.

    Raises `NotNow` where another one of the mode is open, or that one leaves out partitions which are to be run now.
    """
    for one in world.store.backfills.all():
        if one.state in BACKFILL_OPEN and _same(one, asked):
            left_out = {row.start for row in world.store.backfills.partitions(one.backfill_id) if row.state == SKIPPED}
            if not any(row.state == PENDING and row.start in left_out for row in partitions):
                return one
    now = world.clock.now()
    backfill = asked._replace(backfill_id=f"bf-{run_id(now, world.entropy(4))}", state=RUNNING, created_at=now)
    failpoints.hit("backfill.insert")
    world.store.backfills.add(backfill, partitions, document)
    failpoints.hit("backfill.insert.commit")
    return backfill


#: What two backfills have in common that are asked for the same.
_SAME = ("mode", "start", "end", "slice", "params", "config_hash")


def _same(one: Backfill, other: Backfill) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in _SAME)


def outlook(
    backfill: Backfill,
    partitions: Sequence[PartitionState],
    store: Store,
    now: datetime,
    plan: tuple[Project, Selection] | None,
) -> Outlook:
    """How long what is left of a backfill, which may not be kept yet, will take. `plan` is what it runs, if known.

    What a partition takes is the median of this backfill's partitions, else of earlier runs of the mode, else what the
    tasks are expected to take. Only the first of these is measured beside as many others as there will be.
    """
    waiting = sum(one.state == PENDING for one in partitions)
    own = store.search(RunFilter(backfill=backfill.backfill_id), RECENT)
    active = [run for run in own if run.state in RUN_ACTIVE]
    running_s = [(now - run.started_at).total_seconds() if run.started_at else 0.0 for run in active]
    expected = store.expected_s() if plan else {}
    each_s, basis = _each_s(backfill.mode, own, store, expected, plan)
    if each_s is None:
        return Outlook()
    lanes = float(backfill.parallel)
    if basis != OWN and plan:
        project, selection = plan
        lanes = min(lanes, at_once(selection.tasks, limits(project, selection.mode), expected, each_s))
    return Outlook(each_s, basis, left_s(each_s, waiting, running_s, lanes) if waiting or active else 0.0)


def _each_s(
    mode: str, own: Sequence[Run], store: Store, expected: Mapping[str, float], plan: tuple[Project, Selection] | None
) -> tuple[float | None, str | None]:
    if (seconds := _usual_s(own)) is not None:
        return seconds, OWN
    if (seconds := _usual_s(list(store.backfills.latest(mode).values()))) is not None:
        return seconds, EARLIER
    if plan is None:
        return None, None
    project, selection = plan
    return forecast(selection.tasks, limits(project, selection.mode), expected).finish_s, EXPECTED


def _usual_s(runs: Sequence[Run]) -> float | None:
    """The median of those that did everything themselves and succeeded."""
    good = [
        run.duration_s
        for run in runs
        if run.state == RunState.SUCCEEDED and run.resumes is None and run.duration_s is not None
    ]
    return median(good) if good else None
