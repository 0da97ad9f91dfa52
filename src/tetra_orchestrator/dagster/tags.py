"""Tags of jobs and ops: the owner of a task, and what its file says."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.model import Project, Schedule, Task
    from tetra_orchestrator.dagster.plan import Job

#: What Dagster takes for the name of a tag.
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,63}")
#: What a limit for each project has to name in dagster.yaml.
PROJECT = "tetra_project"


def op_tags(task: Task) -> dict[str, str]:
    """The tags of the task, with `tenant` for its owner and `pipeline`."""
    return {**_fit(dict(task.tags)), "pipeline": task.pipeline, **({"tenant": task.tenant} if task.tenant else {})}


def job_tags(job: Job, project: Project) -> dict[str, str]:
    """The project, and what all tasks of the job have in common."""
    own = [{**dict(task.tags), **({"tenant": task.tenant} if task.tenant else {})} for task in job.selection.tasks]
    common = (
        {name: value for name, value in own[0].items() if all(one.get(name) == value for one in own)} if own else {}
    )
    return {PROJECT: project.name, **_fit(common)}


def schedule_tags(schedule: Schedule, job: Job, project: Project) -> dict[str, str]:
    """Those of the job, and those of the schedule; an owner is that of the tasks."""
    return {**_fit(dict(schedule.tags)), **job_tags(job, project)}


def _fit(tags: Mapping[str, str]) -> dict[str, str]:
    return {re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:63]: value for name, value in tags.items()}
