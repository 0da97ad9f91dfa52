"""`why`: why a run or a task ran, was skipped, waits or failed."""

from __future__ import annotations

import os
import re
from shlex import quote
from typing import Annotated

import typer

from tetra_orchestrator.cli.known import glance, settled
from tetra_orchestrator.cli.output import local, print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.prose import sentence
from tetra_orchestrator.cli.records import find_run
from tetra_orchestrator.cli.refused import refused
from tetra_orchestrator.cli.unrun import last_project, unrun_slot
from tetra_orchestrator.core.failed_how import BAD, first_ended
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.reasons import CARRIED_OVER
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import suggest
from tetra_orchestrator.core.spoken import printable, to_second
from tetra_orchestrator.core.states import SATISFIED, TaskState
from tetra_orchestrator.core.why import explain
from tetra_orchestrator.errors import Exit, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.core.history import Run, TaskRun
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.engine.reconcile import Scene
    from tetra_orchestrator.ports import Store


#: How many runs of a pipeline are looked through for the newest that a task was in.
RECENT = 25


class Subject(Record):
    """What is asked about: a run, or a task of one; `pipeline` is the task's, where a task or pipeline was named.

    With `is_latest` it is about what was done last, and no run was chosen.
    """

    run: Run | None
    task: str | None = None
    pipeline: str | None = None
    is_latest: bool = False


def command(
    what: Annotated[
        str,
        typer.Argument(metavar="[RUN|TASK]", help="Run id, or its beginning; a task or a pipeline. [the newest run]"),
    ] = "latest",
    in_run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="The run to look at for TASK; the newest with it.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Say why a run or a task ran, was skipped, waits or failed.

    The cause is in the first line, then comes what supports it.

    Examples: `why`, `why report`, `why features.build --run 20260302`.
    """
    from tetra_orchestrator.cli.why_case import gather

    said = to_second if as_json else local
    seen = glance(config)
    with settled(seen) as scene:
        subject = _subject(what, in_run, scene.store, seen.pipelines, config)
        told = refused(subject.pipeline, subject.run, config, said) if subject.is_latest else []
        run = None if told else subject.run
        slots = unrun_slot(subject.pipeline, run, scene, config, said) if subject.is_latest and not told else []
        if run is not None:
            told = [*explain(gather(run, subject.task, scene, config, said)), *slots]
        told = [_naming(config, reason) for reason in told or slots or _never(subject, scene)]
    if as_json:
        rows = [reason._asdict() for reason in told]
        ids = {"run_id": run.run_id if run else None, "task": subject.task}
        print_json("why", {**ids, "cause": rows[0], "evidence": rows[1:]})
    else:
        _print(told)
    return Exit.OK


def _print(told: Sequence[Reason]) -> None:
    print(sentence(_near(told[0])))
    for reason in told[1:]:
        text = f"what to do: {_near(reason)}" if reason.code == "next" else _near(reason)
        first, *quoted = text.splitlines()
        print("\n".join((sentence(first, "  "), *(f"  {line}" for line in quoted))))


def _naming(config: str | None, reason: Reason) -> Reason:
    """What to do, in commands that ask about the same configuration as the one that was typed."""
    if config is None or reason.code != "next":
        return reason
    return reason._replace(
        text=re.sub(r"\btetra [a-z-]+", lambda found: f"{found[0]} --config {quote(config)}", reason.text)
    )


def _near(reason: Reason) -> str:
    """Its text; the path of a log from the current folder, where it lies below that."""
    text = printable(reason.text)
    return text.replace(f" {os.getcwd()}{os.sep}", " ", 1) if reason.code == "log" else text


def _subject(what: str, in_run: str | None, store: Store, pipelines: Sequence[str], config: str | None) -> Subject:
    """What the words mean. Raises `UsageError` where that is nothing that there is."""
    if what == "latest":
        newest = find_run(store, in_run) if in_run else next(iter(store.runs(limit=1)), None)
        return Subject(newest, is_latest=in_run is None)
    if store.run(what) is not None:
        return Subject(find_run(store, what))
    known = {*pipelines, *(one.pipeline.name for one in store.summaries())}
    pipeline = what.partition(".")[0]
    if pipeline not in known and in_run is None and store.named(what, 1):
        return Subject(find_run(store, what))
    if pipeline not in known:
        raise _unknown(what, sorted(known), last_project(config))
    runs = [find_run(store, in_run)] if in_run else store.runs(limit=RECENT, pipeline=pipeline)
    if not runs:
        project = last_project(config) if what != pipeline else None
        if project is not None and what not in (task.id for task in project.tasks()):
            raise _unknown(what, sorted(known), project)
        return Subject(None, None, pipeline, is_latest=True)
    run = next((run for run in runs if any(row.task_id == what for row in store.task_runs(run.run_id))), runs[0])
    return Subject(run, _task(what, pipeline, run, store), pipeline, is_latest=in_run is None)


def _unknown(what: str, known: Sequence[str], project: Project | None) -> UsageError:
    """What to say of a name that is nothing that runs, with what may have been meant."""
    hint = suggest(what, known, "pipelines")
    if project is not None:
        pipeline, _, name = what.rpartition(".")
        tasks = [task for task in project.tasks() if pipeline == task.pipeline or task.id.endswith(f".{name}")]
        if tasks:
            hint = suggest(what, [task.id for task in tasks], "tasks")
        elif any(what == one.name for one in project.schedules):
            hint = f"it is a schedule: tetra why-not {what}"
    return UsageError(f"there is no run, task or pipeline '{printable(what)}'", hint=hint)


def _task(what: str, pipeline: str, run: Run, store: Store) -> str:
    """The task that is meant: the one of that name, else that of the pipeline which failed first, or did not run."""
    rows = [row for row in store.task_runs(run.run_id) if row.pipeline == pipeline]
    ids = [row.task_id for row in rows]
    if what in ids:
        return what
    if not rows or what != pipeline:
        hint = suggest(what, ids, "its tasks") if ids else "`tetra show` lists the tasks of a run"
        raise UsageError(f"'{printable(what)}' is not in run {run.run_id}", hint=hint)
    if bad := [row for row in rows if row.state in BAD]:
        return first_ended(bad).task_id
    rest = [row for row in rows if row.state not in SATISFIED and not _is_carried_over(row)]
    return rest[0].task_id if rest else ids[-1]


def _is_carried_over(row: TaskRun) -> bool:
    return row.state == TaskState.SKIPPED and row.reason is not None and row.reason.code in CARRIED_OVER


def _never(subject: Subject, scene: Scene) -> list[Reason]:
    name = subject.pipeline
    if name is None:
        find_run(scene.store, None)  # which says how to start one
    known = {one.pipeline.name: one.pipeline for one in scene.store.summaries()}
    if name in known and not known[name].enabled:
        return [Reason("disabled", f"{name} has not run: `enabled: false` in the configuration")]
    return [Reason("never_run", f"{name} has not run yet"), Reason("next", f"run it: tetra run -p {name}")]
