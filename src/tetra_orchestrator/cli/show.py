"""`show`: one run, its tasks and attempts."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from tetra_orchestrator.cli.config_since import changes, print_since, since_success
from tetra_orchestrator.cli.known import settled_scene
from tetra_orchestrator.cli.output import dates, local, near, print_json, print_table
from tetra_orchestrator.cli.paint import cell, signed
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.prose import sentence
from tetra_orchestrator.cli.records import by_task, find_run, run_row, task_row, usage_row
from tetra_orchestrator.cli.timeline import timeline
from tetra_orchestrator.cli.words import WordsOption, run_in, task_in
from tetra_orchestrator.core.facts import together
from tetra_orchestrator.core.history import Attempt, lasted_s
from tetra_orchestrator.core.spoken import duration, params, printable, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.core.history import Run, TaskRun
    from tetra_orchestrator.core.model import Json


#: How many of the latest runs are looked through for those that resume this one.
RECENT = 1000


def command(
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="Run id; the newest without one.")] = "latest",
    words: WordsOption = "native",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show one run: timeline, tasks, attempts, outputs.

    Every attempt is told with its outcome and log. RUN may be the beginning of an id that no other run has.

    Examples: `show`, `show 20260301T2000`, `show latest --json`.
    """
    with settled_scene(config) as scene:
        store, now = scene.store, scene.clock.now()
        run = find_run(store, run_id)
        tasks, attempts = store.task_runs(run.run_id), store.attempts(run.run_id)
        since = since_success(run, store)
        resumed_by = [one.run_id for one in store.runs(limit=RECENT) if one.resumes == run.run_id]
    run, tasks = run_in(words, run), [task_in(words, task) for task in tasks]
    if as_json:
        of_task = by_task(attempts)
        rows = [task_row(task, of_task.get(task.task_id, ())) for task in tasks]
        diff = {"last_success": since.run_id, "changes": changes(since)} if since else None
        used = usage_row(together(attempt.facts.usage for attempt in attempts))
        print_json(
            "show",
            {"run": {**run_row(run), "usage": used}, "tasks": rows, "resumed_by": resumed_by, "config_diff": diff},
        )
        return 0
    _print_head(run, resumed_by)
    _print_lines(timeline(run, attempts, now))
    _print(run, tasks, attempts)
    print_since(since)
    return 0


def _print_head(run: Run, resumed_by: Sequence[str]) -> None:
    span = dates(run.partition.start, run.partition.end) if run.partition else None
    head = [run.run_id, run.mode, span, signed(run.state), run.trigger]
    print("  ".join(part for part in head if part))
    print(f"started {local(run.started_at)}, took {duration(run.duration_s)}")
    print(f"log {near(run.log)}")
    of = {
        "schedule": f"{run.schedule}, slot {local(run.slot)}" if run.schedule and run.slot else run.schedule,
        "backfill": run.backfill,
        "resumes": run.resumes,
        "resumed by": ", ".join(resumed_by),
        "parameters": params(run.params),
        "tags": ", ".join(run.tags),
    }
    _print_lines([f"{name} {_line(text)}" for name, text in of.items() if text], gap=False)


def _print_lines(lines: Sequence[str], *, gap: bool = True) -> None:
    if lines:
        print("\n" * gap + "\n".join(lines))


def _print(run: Run, tasks: Sequence[TaskRun], attempts: Sequence[Attempt]) -> None:
    print()
    print_table(("task", "state", "attempts", "took", "why"), [_task_cells(task, run) for task in tasks])
    if attempts:
        print(f"\nattempts, with their logs in {near(os.path.dirname(attempts[0].log))}\n")
    print_table(
        ("attempt", "outcome", "took", "cpu", "memory", "log"), [_attempt_cells(attempt, run) for attempt in attempts]
    )
    for attempt in attempts:
        if attempt.facts.note:
            print("\n" + sentence(f"{attempt.task_id} {attempt.number}: {_line(attempt.facts.note)}"))
    for task in tasks:
        if task.outputs:
            print(f"\n{task.task_id} outputs")
            print_table(("key", "value"), [(_line(key), _value(value)) for key, value in task.outputs.items()])
    for *_, attempt in by_task(attempts).values():
        if attempt.tail:
            print(f"\nend of {near(attempt.log)}\n{printable(attempt.tail).rstrip()}")


def _task_cells(task: TaskRun, run: Run) -> tuple[object, ...]:
    why = _line(task.reason.text) if task.reason else "-"
    return (task.task_id, cell(task.state), task.attempts, _took(task, run), why)


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
    usage = attempt.facts.usage
    memory = "-" if usage.peak_rss_bytes is None else size(usage.peak_rss_bytes)
    took = (_took(attempt, run), duration(usage.cpu_s), memory)
    return (f"{attempt.task_id} {attempt.number}", outcome, *took, os.path.basename(attempt.log))
