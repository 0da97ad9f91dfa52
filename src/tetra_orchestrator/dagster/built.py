"""All that Dagster is told of a project: its jobs and when they are due."""

from __future__ import annotations

import os

import dagster as dg

from tetra_orchestrator.config.cache import load
from tetra_orchestrator.config.find import find_config
from tetra_orchestrator.dagster.jobs import job_definition
from tetra_orchestrator.dagster.plan import jobs
from tetra_orchestrator.dagster.refusals import refuse
from tetra_orchestrator.dagster.schedules import due
from tetra_orchestrator.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.core.model import Project

    Path = str | os.PathLike[str]


def build(
    config: Path | None,
    overlay: Path | Sequence[Path],
    sets: Sequence[str],
    dialect: str | None,
    bindings: Path | None,
    on: str | None,
) -> dg.Definitions:
    """See `tetra_orchestrator.dagster.definitions`."""
    found = os.path.abspath(find_config(None if config is None else os.fspath(config), os.environ, os.getcwd()))
    overlays = [overlay] if isinstance(overlay, (str, os.PathLike)) else overlay
    source = {
        "overlays": tuple(os.path.abspath(each) for each in overlays),
        "sets": tuple(sets),
        "dialect": dialect,
        "bindings": None if bindings is None else os.path.abspath(bindings),
        "on": on,
    }
    project = _project(found, source)
    planned = jobs(project)
    refuse(project, planned)
    taken = {job.name for job in planned}
    made = {job.name: job_definition(job, project, {"config": found, **source}, taken) for job in planned}
    schedules, sensors = due(project, planned, made)
    return dg.Definitions(jobs=list(made.values()), schedules=schedules, sensors=sensors)


def _project(found: str, source: Mapping[str, Any]) -> Project:
    try:
        return load(found, environ=os.environ, **source).project
    except ConfigError as error:
        if len(error.problems) < 2:
            raise
        # Dagster shows no more of an exception than its text
        every = "\n".join(one.render() for one in error.problems)  # type: ignore[attr-defined]
        raise ConfigError(f"{error.message}\n{every}", problems=error.problems) from None
