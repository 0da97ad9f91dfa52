"""`show`: one run, its tasks and attempts."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator.cli.known import settled_store
from tetra_orchestrator.cli.output import local, near, print_json, print_table
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.records import by_task, find_run, run_row, task_row
from tetra_orchestrator.core.history import Attempt, lasted_s
from tetra_orchestrator.core.spoken import duration, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.core.history import Run, TaskRun
    from tetra_orchestrator.core.model import Json


def command(
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="Run id; the newest without one.")] = "latest",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show one run: its tasks, every attempt with its outcome and log, and the outputs."""
    with settled_store(config) as store:
        run = find_run(store, run_id)
        tasks, attempts = store.task_runs(run.run_id), store.attempts(run.run_id)
    if as_json:
        of_task = by_task(attempts)
        rows = [task_row(task, of_task.get(task.task_id, ())) for task in tasks]
        print_json("show", {"run": run_row(run), "tasks": rows})
    else:
        _print(run, tasks, attempts)
    return 0


def _print(run: Run, tasks: Sequence[TaskRun], attempts: Sequence[Attempt]) -> None:
    span = f"{run.partition.start} to {run.partition.end}" if run.partition else None
    head = [run.run_id, run.mode, span, run.state, run.trigger]
    print("  ".join(part for part in head if part))
    print(f"started {local(run.started_at)}, took {duration(run.duration_s)}, log {near(run.log)}\n")
    print_table(("task", "state", "attempts", "took", "why"), [_task_cells(task, run) for task in tasks])
    print()
    print_table(("attempt", "outcome", "took", "log"), [_attempt_cells(attempt, run) for attempt in attempts])
    for attempt in attempts:
        if attempt.facts.note:
            print(f"\n{attempt.task_id} {attempt.number}: {_line(attempt.facts.note)}")
    for task in tasks:
        if task.outputs:
            print(f"\n{task.task_id} outputs")
            print_table(("key", "value"), [(_line(key), _value(value)) for key, value in task.outputs.items()])
    for *_, attempt in by_task(attempts).values():
        if attempt.tail:
            print(f"\nend of {near(attempt.log)}\n{printable(attempt.tail).rstrip()}")


def _task_cells(task: TaskRun, run: Run) -> tuple[object, ...]:
    return (task.task_id, task.state, task.attempts, _took(task, run), _line(task.reason.text) if task.reason else "-")


def _took(one: TaskRun | Attempt, run: Run) -> str:
    own = one.duration_s if isinstance(one, Attempt) else None
    return duration(lasted_s(one.started_at, one.finished_at, run.duration_s) if own is None else own)


def _value(value: Json) -> str:
    from json import dumps

    return _line(value if isinstance(value, str) else dumps(value, ensure_ascii=False))


def _line(text: str) -> str:
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _attempt_cells(attempt: Attempt, run: Run) -> tuple[object, ...]:
    code = attempt.exit_code if attempt.exit_code is not None else attempt.signal
    outcome = " ".join(str(part) for part in (attempt.kind or attempt.state, code) if part is not None)
    return (f"{attempt.task_id} {attempt.number}", outcome, _took(attempt, run), near(attempt.log))
