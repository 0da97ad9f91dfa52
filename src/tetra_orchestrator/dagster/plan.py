"""What becomes a job, by which name, and how its ops depend on each other; nothing here knows Dagster."""

from __future__ import annotations

import re

from tetra_orchestrator.core.condition import FINISHED
from tetra_orchestrator.core.graph import levels, upstream_of
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import policy, select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tetra_orchestrator.core.model import Project, Schedule, Task
    from tetra_orchestrator.core.selection import Selection

#: The job of what `run` does when it is told no more; recomart's name for it.
WHOLE = "automated_pipeline_job"


class Job(Record):
    """A job: the selection that it runs, and what `run` would have to be told for that."""

    name: str
    selection: Selection
    mode: str | None = None
    pipelines: tuple[str, ...] = ()


class Edge(Record):
    """What an op waits for: another `task`, which has to have succeeded, or only to be `over`."""

    task: str
    over: bool = False


def jobs(project: Project) -> list[Job]:
    """A job for everything, for each mode, for each schedule and for each pipeline; names are unique."""
    wanted: list[tuple[str, str | None, tuple[str, ...]]] = [(WHOLE, project.default_mode, ())]
    wanted += [(mode.name, mode.name, ()) for mode in project.modes]
    wanted += [(schedule.name, None, schedule.pipelines) for schedule in project.schedules if schedule.mode is None]
    wanted += [(pipeline.name, None, (pipeline.name,)) for pipeline in project.pipelines]
    made: dict[str, Job] = {}
    for name, mode, pipelines in wanted:
        job = Job(named(name), select(project, mode, pipelines), mode, pipelines)
        taken = made.get(job.name)
        if taken is not None and job.selection.tasks == taken.selection.tasks:
            continue
        while job.name in made:
            job = job._replace(name=f"{job.name}_{'pipeline' if pipelines == (name,) else 'job'}")
        made[job.name] = job
    return list(made.values())


def job_of(schedule: Schedule, planned: Iterable[Job]) -> Job:
    """The job that is run when the schedule is due."""
    for job in planned:
        if (job.mode == schedule.mode) if schedule.mode else (job.mode is None and job.pipelines == schedule.pipelines):
            return job
    return next(job for job in planned if job.name == named(schedule.name))


def named(name: str) -> str:
    """The name as Dagster takes it: letters, digits and underscores."""
    return re.sub("[^A-Za-z0-9_]", "_", name.replace(".", "__"))


def node_names(tasks: Iterable[Task]) -> dict[str, str]:
    """By task id the name of its op; unique."""
    found: dict[str, str] = {}
    for task in tasks:
        name = named(task.id)
        while name in found.values():
            name += "_"
        found[task.id] = name
    return found


def edges(project: Project, selection: Selection) -> dict[str, tuple[Edge, ...]]:
    """By task id what its op waits for.

    With `barriers` a task also waits for those of the level before its own that can run at all.
    """
    every = deciding(selection)
    found = {}
    for task in selection.tasks:
        conditions = dict(task.conditions)
        found[task.id] = {
            name: Edge(name, task.id in every or conditions.get(name) == FINISHED) for name in task.depends_on
        }
    if policy(project, selection.mode).barriers:
        off = disabled(selection)
        groups = levels({task.id: task.depends_on for task in selection.tasks})
        for before, group in zip(groups, groups[1:], strict=False):
            for name in group:
                for other in before:
                    if other not in off:
                        found[name].setdefault(other, Edge(other, name in every and other in every))
    return {name: tuple(own.values()) for name, own in found.items()}


def deciding(selection: Selection) -> set[str]:
    """The tasks before one that starts however they end: their ops run in any case, and find out themselves whether
    the task may start, as Dagster would run nothing behind an op that was skipped or has failed."""
    graph = {task.id: task.depends_on for task in selection.tasks}
    ends = {name for task in selection.tasks for name, condition in task.conditions if condition == FINISHED}
    return ends.union(*(upstream_of(graph, name) for name in ends))


def disabled(selection: Selection) -> set[str]:
    """The tasks that are off, and those behind them."""
    off: set[str] = set()
    for group in levels({task.id: task.depends_on for task in selection.tasks}):
        by_id = {task.id: task for task in selection.tasks}
        for task in map(by_id.__getitem__, group):
            loose = {name for name, condition in task.conditions if condition == FINISHED}
            if not task.enabled or any(name in off for name in task.depends_on if name not in loose):
                off.add(task.id)
    return off
