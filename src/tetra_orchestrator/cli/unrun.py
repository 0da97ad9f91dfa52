"""The slot of a pipeline's schedules that was due last and did not run."""

from __future__ import annotations

import os
from datetime import timedelta

from tetra_orchestrator.cli.records import began
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.slots import LATE, RAN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.slots import Slot
    from tetra_orchestrator.core.why_support import Said
    from tetra_orchestrator.engine.reconcile import Scene

#: How far back slots are looked for, where the pipeline has not run since.
BACK = timedelta(days=7)


def unrun_slot(pipeline: str | None, run: Run | None, scene: Scene, config: str | None, said: Said) -> list[Reason]:
    """Why the latest slot that would have run the pipeline did not, where nothing of it has run since."""
    project = last_project(config) if pipeline else None
    if project is None:
        return []
    since = began(run) if run else scene.clock.now() - BACK
    found = [slot for name in _schedules(project, pipeline) for slot in _unrun(name, since, scene)]
    if not found:
        return []
    slot = max(found, key=lambda one: one.at)
    why = slot.reason or Reason(slot.outcome, slot.outcome)
    text = f"{pipeline} was not run for the slot {said(slot.at)} of schedule {slot.schedule}: {why.text}"
    return [Reason(why.code, text), Reason("next", f"look closer: tetra why-not {slot.schedule}")]


def _unrun(schedule: str, since: datetime, scene: Scene) -> list[Slot]:
    rows = scene.store.ledger.slots(schedule, since=since, until=scene.clock.now())
    return [row for row in rows if row.settled_at is not None and row.outcome not in (RAN, LATE)]


def _schedules(project: Project, pipeline: str | None) -> list[str]:
    return [one.name for one in project.schedules if pipeline in project.pipelines_of(one)]


def last_project(config: str | None) -> Project | None:
    """The project as the file is now, or as it was when it could last be used."""
    from tetra_orchestrator.cli.kept import usable
    from tetra_orchestrator.config.cache import last_good
    from tetra_orchestrator.config.find import find_config

    found = usable(config) or last_good(find_config(config, os.environ, os.getcwd()), os.environ)
    return found.project if found else None
