"""What cannot be carried into Dagster, where each task is a run of its own, and what to do about it."""

from __future__ import annotations

from tetra_orchestrator.core.model import Function
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tetra_orchestrator.core.model import Project, Task
    from tetra_orchestrator.dagster.plan import Job


def refuse(project: Project, jobs: Sequence[Job]) -> None:
    """Raises `UsageError` naming the first thing that Dagster cannot do."""
    for job in jobs:
        for message, hint in _found(project, job):
            raise UsageError(message, hint=hint, where=project.file)


def _found(project: Project, job: Job) -> Iterator[tuple[str, str]]:
    for task in job.selection.tasks:
        if task.service is not None:
            yield (
                f"{task.id} runs until it is stopped, and in Dagster nothing runs beside the steps that need it",
                "run it outside of Dagster, such as by its own mode with `tetra run`, or leave it out by an overlay",
            )
    for name, users in _sessions(job.selection.tasks).items():
        if len(users) > 1:
            yield (
                f"{' and '.join(users[:2])} share the session '{name}', and in Dagster each is a process of its own",
                "keep to `tetra run`; or, where your file says `session`, leave it out, and they hand on files",
            )
    hooked = [pipeline.name for pipeline in project.pipelines if pipeline.hooks is not None]
    if project.hooks is not None or hooked:
        whose = "the project" if project.hooks is not None else hooked[0]
        yield (
            f"{whose} has `hooks`, which are run around a whole run, and in Dagster each task is a run of its own",
            "leave them out by an overlay, and use Dagster's own hooks and sensors",
        )


def _sessions(tasks: Sequence[Task]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for task in tasks:
        if isinstance(task.program, Function) and task.program.session is not None:
            found.setdefault(task.program.session, []).append(task.id)
    return found
