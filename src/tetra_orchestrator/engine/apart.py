"""A run of one task, for somebody who has each task of a job started by itself: what the others of the job have done.

The runs of a job are found by their tags. What a task is given, and whether it may start, is what it would be if one
run had all of them.
"""

from __future__ import annotations

from tetra_orchestrator.core.condition import FINISHED, unmet
from tetra_orchestrator.core.history import RunFilter
from tetra_orchestrator.core.model import SQLITE, Reason
from tetra_orchestrator.core.narrowing import reduced
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.progress import FAILURES
from tetra_orchestrator.core.reasons import ALREADY_SUCCEEDED, CARRIED_OVER, DISABLED, too_many_failures
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.retry import is_left
from tetra_orchestrator.core.selection import policy
from tetra_orchestrator.core.states import SATISFIED, TaskState
from tetra_orchestrator.engine.attempt import referenced
from tetra_orchestrator.engine.inputs import read_from, writers
from tetra_orchestrator.engine.start import Done

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tetra_orchestrator.core.history import Attempt, TaskRun
    from tetra_orchestrator.core.model import Project, RunIf, Task
    from tetra_orchestrator.core.selection import Selection
    from tetra_orchestrator.engine.start import Request, World
    from tetra_orchestrator.ports import Store

#: How many runs of one job are looked at.
MOST = 100_000
#: The code of the reason of a task whose end, however it was, let the one start that waited for it.
OVER = "over"
#: The code of the reason of a task that cannot start, as one that it needs has failed.
BLOCKED = "upstream_failed"


class Apart(Record):
    """What is known before the run of one task: its `selection`, what of that is `done`, and the run of the attempt
    before it, if there was one."""

    selection: Selection
    known: Done
    before: str | None = None
    retries: int = 0

    def predecessor(self, store: Store) -> str | None:
        """The run of the attempt before."""
        return self.before

    def done(self, request: Request, world: World) -> Done:
        """What is known."""
        return self.known


def apart(
    project: Project, whole: Selection, name: str, jobs: Sequence[str], store: Store, tail_of: Callable[[str], str]
) -> Apart:
    """The run of the task called `name` of the `whole` selection.

    `jobs` are tags: of the job, and of those that it does again in part, newest first. `tail_of(path)` gives the end of
    a log.
    """
    here, left = _rows(jobs[0], store)
    rows = dict(here)
    for job in jobs[1:]:
        rows = {**_rows(job, store)[0], **rows}
    task = next(task for task in whole.tasks if task.id == name)
    others = {one.id: rows.get(one.id) for one in whole.tasks if one.id in _wanted(task, project)}
    beside = {other: row for other, row in others.items() if row is not None}
    selection = reduced(project, whole, {name, *beside})
    tasks = tuple(_cut(one, name, beside) for one in selection.tasks)
    own = tuple(one for one in selection.left_out if one.pipeline == task.pipeline)
    selection = selection._replace(tasks=tasks, pipelines=(task.pipeline,), left_out=own)
    reasons = {other: _reason(row) for other, row in beside.items()}
    held = _held(task, whole, rows, lambda rule: _not_met(rule, rows, store, tail_of))
    held = held or _called_off(project, whole, [row for other, row in here.items() if other != name])
    if held is not None:
        reasons[name] = held
    outputs = {other: row.outputs for other, row in beside.items() if is_satisfied(row) and row.outputs}
    mine = rows.get(name)
    lineage = (mine.run_id,) if mine is not None else ()
    return Apart(selection, Done(reasons, outputs, lineage), mine.run_id if mine else None, left)


def apart_from_all(project: Project, folder: str) -> Project:
    """The project with a store of its own in that folder, for what is to leave nothing behind."""
    return project._replace(store_url=f"{SQLITE}{folder}/tetra.db")


def is_satisfied(row: TaskRun) -> bool:
    """Whether what wants the task succeeded may start."""
    return row.state in SATISFIED or bool(row.reason and row.reason.code in CARRIED_OVER)


def _rows(job: str, store: Store) -> tuple[dict[str, TaskRun], int]:
    """The newest row of each task that was tried or decided in the job, and how many were left to be tried again."""
    found: dict[str, TaskRun] = {}
    left = 0
    for run in store.search(RunFilter(tags=(job,)), MOST):
        own = next((tag.partition("=")[2] for tag in run.tags if tag.startswith(f"{TASK}=")), None)
        for row in store.task_runs(run.run_id):
            if row.task_id == own:
                found.setdefault(own, row)
                left += is_left(row)
    return found, left


#: The name of the tag that says which task the run of a job is for.
TASK = "only_task"


def _wanted(task: Task, project: Project) -> set[str]:
    """The tasks that it waits for, or is given something of."""
    references = [*referenced(task), *read_from(task, writers(project))]
    return {*task.depends_on, *(rule.task for rule in task.run_if), *(each.owner for each in references)} - {task.id}


def _cut(one: Task, name: str, beside: Mapping[str, TaskRun]) -> Task:
    """The task as it stands in its own run: it still names what it depends on, and all that has been decided."""
    upstream = tuple(other for other in one.depends_on if other in beside) if one.id == name else ()
    return one._replace(depends_on=upstream, conditions=(), run_if=())


def _reason(row: TaskRun) -> Reason:
    if row.state == TaskState.SUCCEEDED:
        return Reason(ALREADY_SUCCEEDED, f"it succeeded in run {row.run_id}")
    if is_satisfied(row) and row.reason and row.state == TaskState.SKIPPED:
        return row.reason
    code = ALREADY_SUCCEEDED if is_satisfied(row) else OVER
    return Reason(code, f"it ended {row.state.replace('_', ' ')} in run {row.run_id}")


def _held(
    task: Task, whole: Selection, rows: Mapping[str, TaskRun], not_met: Callable[[RunIf], Reason | None]
) -> Reason | None:
    """Why the task is not run, by what it depends on; None where it is."""
    conditions, every = dict(task.conditions), {one.id: one for one in whole.tasks}
    for name in task.depends_on:
        if conditions.get(name) == FINISHED or name not in every:
            continue
        row = rows.get(name)
        if not every[name].enabled:
            return Reason(DISABLED.code, f"{name} was skipped: {DISABLED.text}")
        if row is not None and not is_satisfied(row):
            skipped = row.state == TaskState.SKIPPED and not (row.reason and row.reason.code == BLOCKED)
            how = "was skipped" if skipped else "failed"
            return Reason("upstream_skipped" if skipped else BLOCKED, f"{name} {how} in run {row.run_id}")
    return next((why for rule in task.run_if if (why := not_met(rule)) is not None), None)


def _not_met(rule: RunIf, rows: Mapping[str, TaskRun], store: Store, tail_of: Callable[[str], str]) -> Reason | None:
    row = rows.get(rule.task)
    if row is None:
        return None
    state = TaskState.SUCCEEDED if is_satisfied(row) and row.state == TaskState.SKIPPED else TaskState(row.state)
    attempts = [one for one in store.attempts(row.run_id) if one.task_id == row.task_id]
    last = attempts[-1] if attempts else None
    return unmet(rule, state, _outcome(last, state), tail_of(last.log) if last and rule.output else "")


def _outcome(attempt: Attempt | None, state: TaskState) -> Exited | None:
    if attempt is None:
        return Exited(0) if state is TaskState.SUCCEEDED else None
    return None if attempt.exit_code is None else Exited(attempt.exit_code)


def _called_off(project: Project, whole: Selection, others: Sequence[TaskRun]) -> Reason | None:
    """That nothing more is started, as so many tasks have failed."""
    allowed = policy(project, whole.mode).stop_after
    failed = sum(row.state in FAILURES and not is_left(row) for row in others)
    return too_many_failures(failed) if allowed is not None and failed >= allowed else None
