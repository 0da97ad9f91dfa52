"""What becomes of the tasks that are left out of a pipeline of which others run."""

from __future__ import annotations

from tetra_orchestrator.core.freshness import lacking
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.narrowing import NOT_SELECTED, behind
from tetra_orchestrator.core.reasons import ALREADY_SUCCEEDED, DISABLED
from tetra_orchestrator.core.selection import beside
from tetra_orchestrator.engine.standing import Standings, of_row
from tetra_orchestrator.engine.start import Done

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from tetra_orchestrator.core.history import Partition
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.selection import Selection
    from tetra_orchestrator.ports import Store


def left_out(project: Project, selection: Selection, store: Store, now: datetime, of: Partition | None = None) -> Done:
    """The tasks that are left out of pipelines in the run, with why they are skipped, and the outputs that count.

    A run for the dates `of` counts only what was done for the same dates.

    One that succeeded last, and not too long ago, is done: so the pipeline is whole when the run succeeds. One behind a
    task that runs is not, as what that makes is new to it.
    """
    outdated = behind({task.id: task.depends_on for task in project.tasks()}, [task.id for task in selection.tasks])
    ages = {pipeline.name: pipeline.max_data_age_s for pipeline in project.pipelines}
    standings = Standings(store, of)
    done = Done({}, {})
    for task in beside(selection):
        row = standings.row_of(task.pipeline, task.id)
        if not task.enabled:
            reason = DISABLED
        elif row is None or task.id in outdated or lacking(task.id, of_row(row), ages[task.pipeline], now):
            reason = NOT_SELECTED
        else:
            reason = Reason(ALREADY_SUCCEEDED, f"it succeeded in run {row.run_id}")
            done = done._replace(outputs={**done.outputs, **({task.id: row.outputs} if row.outputs else {})})
        done = done._replace(reasons={**done.reasons, task.id: reason})
    return done
