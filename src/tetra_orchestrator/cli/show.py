"""`show`: one run, its tasks and attempts."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator.cli.output import local, near, print_json, print_table
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.records import find_run, run_row, task_row
from tetra_orchestrator.core.spoken import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.core.model import Attempt, Run, TaskRun


def command(
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="Run id; the newest without one.")] = "latest",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show one run: its tasks, every attempt with its outcome and log, and the outputs."""
    from tetra_orchestrator import wire

    with wire.settled_store(config) as store:
        run = find_run(store, run_id)
        tasks, attempts = store.task_runs(run.run_id), store.attempts(run.run_id)
    if as_json:
        print_json("show", {"run": run_row(run), "tasks": [task_row(task, attempts) for task in tasks]})
    else:
        _print(run, tasks, attempts)
    return 0


def _print(run: Run, tasks: Sequence[TaskRun], attempts: Sequence[Attempt]) -> None:
    span = f"{run.partition.start} to {run.partition.end}" if run.partition else None
    head = [run.run_id, run.mode, span, run.state, run.trigger]
    print("  ".join(part for part in head if part))
    print(f"started {local(run.started_at)}, took {duration(run.duration_s)}, log {near(run.log)}\n")
    print_table(("task", "state", "attempts", "took", "why"), [_task_cells(task) for task in tasks])
    print()
    print_table(("attempt", "outcome", "took", "log"), [_attempt_cells(attempt) for attempt in attempts])
    for task in tasks:
        if task.outputs:
            print(f"\n{task.task_id} outputs")
            print_table(("key", "value"), list(task.outputs.items()))
    for attempt in attempts:
        if attempt.tail and attempt is [a for a in attempts if a.task_id == attempt.task_id][-1]:
            print(f"\nend of {near(attempt.log)}\n{attempt.tail.rstrip()}")


def _task_cells(task: TaskRun) -> tuple[object, ...]:
    took = (task.finished_at - task.started_at).total_seconds() if task.finished_at and task.started_at else None
    return (task.task_id, task.state, task.attempts, duration(took), task.reason.text if task.reason else "-")


def _attempt_cells(attempt: Attempt) -> tuple[object, ...]:
    took = None
    if attempt.finished_at and attempt.started_at:
        took = (attempt.finished_at - attempt.started_at).total_seconds()
    code = attempt.exit_code if attempt.exit_code is not None else attempt.signal
    outcome = " ".join(str(part) for part in (attempt.kind or attempt.state, code) if part is not None)
    return (f"{attempt.task_id} {attempt.number}", outcome, duration(took), near(attempt.log))
