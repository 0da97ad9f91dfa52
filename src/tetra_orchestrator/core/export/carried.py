"""What an exported file cannot say: what would make it wrong is refused, what is only missing is told."""

from __future__ import annotations

import re

from tetra_orchestrator.core.condition import FINISHED
from tetra_orchestrator.core.export.job import DAGSTER, MAKE, SYSTEMD, Note
from tetra_orchestrator.core.model import LOCAL, Command, Function, Shell, Typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.core.model import Pipeline, Project, Resources, RunPolicy, Schedule, Task

#: Variables that every exported task has; of the others only we know the values.
_GIVEN = ("HOME", "OUTPUT", "PARTITION_START", "PARTITION_END", "TENANT", "WORKERS")
_OURS = re.compile(rf"TETRA_(?!(?:{'|'.join(_GIVEN)}|REF_\d+)\b)[A-Z_]+")


def refusals(task: Task, to: str) -> Iterator[str]:
    """Why the task cannot be written for `make`, `systemd` or `dagster`: it would do something else there."""
    program = task.program
    if isinstance(program, Typed):
        yield f"its type '{program.type}' only runs in a worker of ours"
    elif isinstance(program, Function):
        yield from _of_function(program, task)
    elif task.config:
        yield "its `config` is handed over in a file that only we write"
    if task.service:
        yield "it runs until nothing needs it (`until: stopped`)"
    if task.run_if:
        yield "it starts on a condition (`run_if`)"
    loose = [name for name, condition in task.conditions if condition == FINISHED]
    if loose and to != SYSTEMD:
        yield f"it also starts where {', '.join(loose)} has failed (`finished`)"
    if task.runner != LOCAL:
        yield f"it runs on '{task.runner}', and not on this machine"


def _of_function(program: Function, task: Task) -> Iterator[str]:
    if program.session:
        yield f"it is a call in the session '{program.session}'"
    elif program.reads or program.writes:
        yield "its function is handed data sets, or leaves some (`reads`, `writes`)"
    elif task.config and '"ml_context"' in task.config:
        yield "its function is handed an `ml_context`"


def refusals_of_chain(name: str, to: str, *, dates: bool) -> Iterator[Note]:
    """Why a mode cannot be written as a whole."""
    if dates and to == SYSTEMD:
        yield Note(name, "it runs over a range of dates, which no unit is given")
    if to == MAKE and name.lower() in ("makefile", "gnumakefile"):
        yield Note(name, "make takes a target of this name for its own file")


def losses(task: Task, to: str) -> Iterator[Note]:
    """What the file does not have of a task."""
    yield from (Note(task.id, text) for text in _losses(task, to))


def _losses(task: Task, to: str) -> Iterator[str]:
    retry = task.retry
    if has_conditions(task):
        yield "not tried again, as its retries depend on its log or on classes of errors"
    elif retry.max_attempts > 1 and retry.jitter:
        yield "the waits before its retries are not spread (`jitter`)"
    if task.continue_on and task.continue_on.output is not None:
        yield "what its log says after a failure does not count (`continue_on: output`)"
    yield from _shares(task, to)
    if task.cache:
        yield "it runs each time, whether its inputs have changed or not (`cache`)"
    if task.priority:
        yield "no `priority`"
    if task.outputs:
        yield "what it leaves as outputs is not kept"
    if task.log_limit_bytes:
        yield "its log has no limit"
    named = dict.fromkeys(_OURS.findall(" ".join(_texts(task))))
    if named:
        yield f"{', '.join(named)} is not set"


def _shares(task: Task, to: str) -> Iterator[str]:
    if task.pool:
        yield f"it waits for no place in a pool ({', '.join(name for name, _ in task.pool)})"
    resources = task.resources
    left = [name for name, value in _amounts(resources) if value and (to != SYSTEMD or name in ("gpu", "disk"))]
    if resources and left:
        yield f"no limit or share of {', '.join(left)}"


def _amounts(resources: Resources | None) -> list[tuple[str, float]]:
    if resources is None:
        return []
    memory = [("cpu", resources.cpu), ("memory", resources.memory_bytes), ("gpu", resources.gpu)]
    counts = [("processes", resources.processes), ("open_files", resources.open_files)]
    return [*memory, ("disk", resources.disk_bytes), *counts]


def _texts(task: Task) -> list[str]:
    match task.program:
        case Command(argv):
            return [*argv, *task.args]
        case Shell(line):
            return [line, *task.args]
    return list(task.args)


def has_conditions(task: Task) -> bool:
    """Whether it depends on more than an exit code if the task is tried again."""
    retry = task.retry
    return retry.max_attempts > 1 and bool(retry.on_output or retry.on_errors or retry.not_on_errors)


def losses_of_run(chain: str, policy: RunPolicy) -> Iterator[Note]:
    """What the file does not have of the limits of a run."""
    said = policy._asdict()
    left = [name.removesuffix("_s") for name, value in said.items() if value not in (None, False)]
    if left:
        yield Note(chain, f"a run has no `{'`, `'.join(left)}`")


def losses_of_project(project: Project, pipelines: set[str]) -> Iterator[Note]:
    """What the file does not have of the project and of these pipelines."""
    if project.alerting:
        yield Note(project.name, "nobody is told of a failure (`alerting`)")
    if project.hooks:
        yield Note(project.name, "no `hooks`")
    if project.logs.patterns:
        yield Note(project.name, "nothing is kept out of logs (`logs: patterns`)")
    for pipeline in project.pipelines:
        if pipeline.name in pipelines:
            yield from (Note(pipeline.name, text) for text in _of_pipeline(pipeline))


def _of_pipeline(pipeline: Pipeline) -> Iterator[str]:
    if pipeline.hooks:
        yield "no `hooks`"
    if pipeline.on_failure:
        yield "nothing is done when it fails (`on_failure`)"


def losses_of_schedule(schedule: Schedule, to: str) -> Iterator[Note]:
    """What the file does not have of a schedule. A Makefile has none of any, which its head says."""
    if to == MAKE:
        return
    for text in _of_schedule(schedule, to):
        yield Note(f"schedule {schedule.name}", text)


def _of_schedule(schedule: Schedule, to: str) -> Iterator[str]:
    most = "all of them are one" if schedule.catch_up == "all" else ""
    if to == SYSTEMD and most:
        yield f"of what was missed {most} run (`catch_up: all`)"
    if to == DAGSTER and schedule.catch_up != "none":
        yield f"what was missed is not made up for (`catch_up: {schedule.catch_up}`)"
    if schedule.overlap != "skip":
        yield f"no `overlap: {schedule.overlap}`"
    if (schedule.dst_gap, schedule.dst_fold) != ("shift", "first"):
        yield "no `dst`"
    if schedule.heartbeat:
        yield "no `heartbeat`"
    if to == DAGSTER and schedule.jitter_s:
        yield "no `jitter`"
    if to == DAGSTER and schedule.on_startup:
        yield "not at the start of the machine (`on_startup`)"
