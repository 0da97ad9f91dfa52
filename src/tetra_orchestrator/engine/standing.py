"""How that stands which a run needs outside of it, by the store, and what it lacks therefore."""

from __future__ import annotations

from tetra_orchestrator.core.freshness import Standing, lacking
from tetra_orchestrator.core.history import PIPELINE
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.reasons import paused
from tetra_orchestrator.core.states import TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tetra_orchestrator.core.history import Partition, Pause, TaskRun
    from tetra_orchestrator.core.model import Pipeline, Project
    from tetra_orchestrator.core.outside import Need
    from tetra_orchestrator.ports import PipelineSummary, Store

#: The states of a task that was not left out, and whose turn has come: a run that is still queued has changed nothing.
TRIED = frozenset(TaskState) - {TaskState.SKIPPED, TaskState.PENDING}


def all_lacking(
    project: Project, wanted: Sequence[Need], store: Store, now: datetime, of: Partition | None = None
) -> dict[str, Reason]:
    """Each waiter with the first reason why what it needs is not as it has to be, in the order of the needs.

    Of single tasks only runs for the dates `of` count, if they are given.
    """
    pipelines = {pipeline.name: pipeline for pipeline in project.pipelines}
    pauses = {one.name: one for one in store.pauses() if one.kind == PIPELINE and one.holds(now)}
    standings = Standings(store, of)
    found: dict[str, Reason] = {}
    for need in wanted:
        pipeline = pipelines[need.pipeline]
        reason = None if need.waiter in found else _lacking(need, pipeline, standings, now)
        if reason is not None:
            why = _held_back(need, pipeline, pauses.get(need.pipeline))
            found[need.waiter] = reason._replace(text=reason.text + _dates(need, of) + why)
    return found


class Standings:
    """How pipelines and tasks stand by their last runs, as far as anybody asks. What was only skipped did not run.

    Of tasks only runs for the dates `of` count, if they are given.
    """

    def __init__(self, store: Store, of: Partition | None = None):
        self._store = store
        self._of = of
        self._summaries: dict[str, PipelineSummary] | None = None

    def of_pipeline(self, name: str) -> Standing:
        """How the pipeline as a whole stands."""
        if self._summaries is None:
            self._summaries = {one.pipeline.name: one for one in self._store.summaries()}
        found = self._summaries.get(name)
        return Standing(found.last_state, found.last_run_id, found.last_finished_at) if found else Standing()

    def row_of(self, pipeline: str, task_id: str) -> TaskRun | None:
        """The task's row in the newest run that did not leave it out."""
        return self._store.latest(pipeline, task_id, TRIED, self._of)


def of_row(row: TaskRun | None) -> Standing:
    """How a task stands by its row in that run."""
    return Standing(row.state, row.run_id, row.finished_at) if row else Standing()


def _lacking(need: Need, pipeline: Pipeline, standings: Standings, now: datetime) -> Reason | None:
    if need.task is None:
        return lacking(need.name, standings.of_pipeline(need.pipeline), pipeline.max_data_age_s, now)
    standing = of_row(standings.row_of(need.pipeline, need.task))
    if not need.ready:
        return lacking(need.name, standing, pipeline.max_data_age_s, now)
    if standing.state == TaskState.READY:
        return None
    return Reason("dependency_not_ready", f"the service {need.name} is not ready")


def _dates(need: Need, of: Partition | None) -> str:
    if of is None or need.task is None:
        return ""
    return f" for {of.start}" if of.start == of.end else f" for {of.start} to {of.end}"


def _held_back(need: Need, pipeline: Pipeline, pause: Pause | None) -> str:
    """Why what is needed may not come by itself."""
    own = [task for task in pipeline.tasks if need.task in (None, task.id)]
    if not pipeline.enabled or not any(task.enabled for task in own):
        return f"; `enabled: false` keeps {need.name} from running"
    return f"; {paused(pause).text}" if pause else ""
