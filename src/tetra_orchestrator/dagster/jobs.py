"""A job of ours as one of Dagster: its graph of ops, its tags, and what executes it."""

from __future__ import annotations

import dagster as dg

from tetra_orchestrator.core.graph import levels
from tetra_orchestrator.core.selection import places, policy
from tetra_orchestrator.dagster.executor import executor
from tetra_orchestrator.dagster.ops import DONE, MAX_RUNTIME, OVER, Work, retry_policy
from tetra_orchestrator.dagster.plan import deciding, edges, free, has_barriers, named
from tetra_orchestrator.dagster.settings import SETTINGS, settings
from tetra_orchestrator.dagster.tags import job_tags, op_tags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from tetra_orchestrator.core.model import Project, Task
    from tetra_orchestrator.dagster.plan import Edge, Job

    Wiring = dict[dg.NodeInvocation, dict[str, dg.DependencyDefinition]]


def job_definition(job: Job, project: Project, source: Mapping[str, Any], taken: set[str]) -> dg.JobDefinition:
    """The job with an op for each task. `taken` are the names of jobs and ops that there are; its own are added."""
    tasks, nodes = job.selection.tasks, set[str]()
    decide, waits = deciding(project, job.selection), edges(project, job.selection)
    names = {task.id: free(task.id, nodes) for task in tasks}
    judged = set[str]() if has_barriers(project, job.selection) else decide
    verdicts = {task.id: free(f"{names[task.id]}_succeeded", nodes) for task in tasks if task.id in judged}
    made: list[dg.OpDefinition] = []
    wiring: Wiring = {}
    for task in tasks:
        own = {f"after_{names[edge.task]}": _source(edge, names, verdicts) for edge in waits[task.id]}
        work = Work(task, job, source, decides=task.id in decide, judged=task.id in judged)
        op = _op(work, free(f"{job.name}__{names[task.id]}", taken), own, project)
        made.append(op)
        wiring[dg.NodeInvocation(op.name, alias=names[task.id])] = own
        if task.id in judged:
            from tetra_orchestrator.dagster.verdict import verdict  # which alone needs the engine and the store

            judge = verdict(task, free(f"{job.name}__{verdicts[task.id]}", taken), project)
            made.append(judge)
            wiring[dg.NodeInvocation(judge.name, alias=verdicts[task.id])] = {
                "after": dg.DependencyDefinition(names[task.id], OVER)
            }
    widest = max(map(len, levels({task.id: task.depends_on for task in tasks})), default=1)
    graph = dg.GraphDefinition(job.name, node_defs=made, dependencies=wiring)
    return graph.to_job(
        name=job.name,
        description=_description(job, project),
        tags={**job_tags(job, project), **_limit(job, project)},
        resource_defs={SETTINGS: settings},
        executor_def=executor(places(project, job.selection.mode), widest),
    )


def _source(edge: Edge, names: Mapping[str, str], verdicts: Mapping[str, str]) -> dg.DependencyDefinition:
    if edge.over:
        return dg.DependencyDefinition(names[edge.task], OVER)
    return dg.DependencyDefinition(verdicts.get(edge.task, names[edge.task]), DONE)


def _op(work: Work, name: str, waits: Iterable[str], project: Project) -> dg.OpDefinition:
    task, out = work.task, OVER if work.decides else DONE

    @dg.op(
        name=name,
        description=_what(task, project),
        ins={each: dg.In(dg.Nothing) for each in waits},
        out={out: dg.Out(dg.Nothing, is_required=False)},
        retry_policy=retry_policy(task.retry),
        tags=op_tags(task),
        required_resource_keys={SETTINGS},
        pool=f"{named(project.name)}_{named(task.pool[0][0])}" if task.pool else None,
    )
    def run_task(context):  # type: ignore[no-untyped-def]
        yield from work.perform(context, context.resources.run)

    return run_task


def _what(task: Task, project: Project) -> str:
    pipeline = project.pipeline(task.pipeline)
    return (pipeline and pipeline.description) or f"Task {task.id} of {project.file}"


def _description(job: Job, project: Project) -> str:
    mode = job.selection.mode
    what = f"mode {mode.name}" if mode else f"pipeline {', '.join(job.pipelines)}" if job.pipelines else "everything"
    return (mode and mode.description) or f"{project.title or project.name}: {what}"


def _limit(job: Job, project: Project) -> dict[str, str]:
    most = policy(project, job.selection.mode).timeout_s
    return {} if most is None else {MAX_RUNTIME: f"{most:g}"}
