"""What must hold between tasks and where they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tetra_orchestrator.core.model import LOCAL
from tetra_orchestrator.core.runners import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.schema import Document
    from tetra_orchestrator.config.schema_tasks import Pipeline, Task
    from tetra_orchestrator.config.sheet import Sheet

#: Kinds of tasks that stay on this machine: (key, why).
STAY = (
    ("session", "is a call in the worker of a session, which is on this machine"),
    ("until", "is a service, which others on this machine need"),
    ("background", "leaves something running, which nobody would find on another machine"),
)
#: Options of sbatch by which our jobs are found again, or that would have them end without a word.
OURS = (
    "array", "comment", "dependency", "error", "export", "get-user-env", "hold", "immediate", "job-name", "kill-on",
    "no-requeue", "ntasks", "open-mode", "output", "parsable", "quiet", "requeue", "signal", "test-only", "wait",
    "wrap",
)  # fmt: skip


def check_runners(sheet: Sheet) -> None:
    """Report runners that there are not, and tasks that cannot leave this machine; warn of those that stay."""
    document = sheet.document
    known = dict.fromkeys([LOCAL, *sheet.names("runners"), *(each.name for each in BUILT_IN)])
    for name, runner in document.runners.items():
        if name == LOCAL or name.isdecimal():
            what = "is this machine, and needs no section" if name == LOCAL else "is a number"
            message = f"'{name}' cannot be the name of a runner: it {what}"
            sheet.error("bad_name", ("runners", name), message, "choose another name", key=True)
        for index, option in enumerate(runner.options):
            if option[2:].partition("=")[0] in OURS:
                message = f"{option.partition('=')[0]} is given to every job already"
                sheet.error("misplaced_key", ("runners", name, "options", index), message, "remove it")
    for path, chosen in _named(document):
        if chosen not in known:
            hint = sheet.problems.guess(chosen, known, f"add it: `runners: {{{chosen}: {{type: slurm}}}}`")
            sheet.error("unknown_runner", path, f"there is no runner '{chosen}'", hint)
    for path, task in sheet.tasks():
        _check_task(sheet, path, task)


def runner_of(task: Task, owner: Pipeline, project: str | None) -> str:
    """Where the task runs: as it says itself, its pipeline or the project; what cannot leave this machine stays."""
    chosen = task.runner or owner.runner or project or LOCAL
    return LOCAL if chosen != LOCAL and any(getattr(task, key) for key, _ in STAY) else chosen


def _named(document: Document) -> Iterator[tuple[Path, str]]:
    """(path, name) of every runner that is chosen."""
    if document.runner is not None:
        yield ("runner",), document.runner
    for name, pipeline in document.pipelines.items():
        if pipeline.runner is not None:
            yield ("pipelines", name, "runner"), pipeline.runner
        for short, task in (pipeline.tasks or {}).items():
            if task.runner is not None:
                yield ("pipelines", name, "tasks", short, "runner"), task.runner


def _check_task(sheet: Sheet, path: Path, task: Task) -> None:
    inherited: str = sheet.document.pipelines[str(path[1])].runner or sheet.document.runner or LOCAL
    for key, why in STAY:
        if not getattr(task, key):
            continue
        if task.runner not in (None, LOCAL):
            message = f"'{path[-1]}' {why}: it cannot run on '{task.runner}'"
            sheet.error("misplaced_key", (*path, "runner"), message, f"remove it, or the `{key}`", key=True)
        elif task.runner is None and inherited != LOCAL:
            sheet.warn("stays", path, f"'{path[-1]}' {why}: it runs here", "say `runner: local` there", key=True)
