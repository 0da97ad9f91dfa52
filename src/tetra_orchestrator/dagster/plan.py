"""What becomes a job, by which name, and how its ops depend on each other; nothing here knows Dagster."""

from __future__ import annotations

import keyword
import re

from tetra_orchestrator.core.condition import FINISHED
from tetra_orchestrator.core.graph import levels, upstream_of
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import policy, select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tetra_orchestrator.core.model import Project, Schedule
    from tetra_orchestrator.core.selection import Selection

#: The job of what `run` does when it is told no more; recomart's name for it.
WHOLE = "automated_pipeline_job"
#: What Dagster takes for no name, as it is a word of its own or of Python.
RESERVED = {
    *keyword.kwlist,
    "bool",
    "conf",
    "config",
    "context",
    "dict",
    "float",
    "input",
    "int",
    "meta",
    "output",
    "str",
}
RESERVED |= {"type", "arg_dict", "input_arg_dict", "output_arg_dict"}


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
    """The name as Dagster takes it: letters, digits and underscores, and no word of its own."""
    found = re.sub("[^A-Za-z0-9_]", "_", name.replace(".", "__"))
    return f"{found}_" if found in RESERVED else found


def free(name: str, taken: set[str]) -> str:
    """The name as Dagster takes it, changed where it is taken; it is taken from here on."""
    found = named(name)
    while found in taken:
        found += "_"
    taken.add(found)
    return found


def edges(project: Project, selection: Selection) -> dict[str, tuple[Edge, ...]]:
    """By task id what its op waits for.

    With `barriers` a task also waits for those of the level before its own, skipped or not; those that fail keep it
    from starting.
    """
    every = deciding(project, selection)
    found = {}
    for task in selection.tasks:
        conditions = dict(task.conditions)
        found[task.id] = {
            name: Edge(name, task.id in every or conditions.get(name) == FINISHED) for name in task.depends_on
        }
    if has_barriers(project, selection):
        groups = levels({task.id: task.depends_on for task in selection.tasks})
        for before, group in zip(groups, groups[1:], strict=False):
            for name in group:
                found[name].update((other, Edge(other, over=True)) for other in before)
    return {name: tuple(own.values()) for name, own in found.items()}


def has_barriers(project: Project, selection: Selection) -> bool:
    """Whether the tasks start level by level."""
    return bool(policy(project, selection.mode).barriers)


def deciding(project: Project, selection: Selection) -> set[str]:
    """The tasks before one that starts however they end: their ops run in any case, and find out themselves whether
    the task may start, as Dagster would run nothing behind an op that was skipped or has failed."""
    if has_barriers(project, selection):
        return {task.id for task in selection.tasks}
    graph = {task.id: task.depends_on for task in selection.tasks}
    ends = {name for task in selection.tasks for name, condition in task.conditions if condition == FINISHED}
    return ends.union(*(upstream_of(graph, name) for name in ends))
