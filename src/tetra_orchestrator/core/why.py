"""Why a task or a run is as it is: the first reason is the cause, the others are what supports it and what to do."""

from __future__ import annotations

from tetra_orchestrator.core.failed_how import BAD, first_ended, last
from tetra_orchestrator.core.failed_why import cause
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.reasons import some
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import printable, to_second
from tetra_orchestrator.core.states import ACTIVE, TERMINAL, RunState, TaskState
from tetra_orchestrator.core.why_support import Past, support, why_begun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.history import Attempt, Run, TaskRun
    from tetra_orchestrator.core.model import Task
    from tetra_orchestrator.core.why_support import Said

#: How a task is said to have ended.
_VERBS = {TaskState.FAILED: "failed", TaskState.TIMED_OUT: "failed", TaskState.LOST: "was lost"}
_VERBS |= {TaskState.PARTIAL: "is partial", TaskState.CANCELLED: "was cancelled", TaskState.SKIPPED: "was skipped"}
_VERBS |= {TaskState.UPSTREAM_FAILED: "was not run"}
_RUN_VERBS = {RunState.FAILED: "failed", RunState.TIMED_OUT: "timed out", RunState.LOST: "was lost"}
_RUN_VERBS |= {RunState.PARTIAL: "is partial", RunState.CANCELLED: "was cancelled"}


class Case(Record):
    """All that is known of a run: its rows, `model` (its tasks by id, as far as its configuration can be read), why
    each task was started last, how the run ended, and what is asked for: one `task`, or None for the run.

    `ahead` are active runs that have pipelines of this one; `past` is that of the task to be `blamed`. `said` writes
    an instant for who asks.
    """

    run: Run
    tasks: Sequence[TaskRun]
    attempts: Sequence[Attempt]
    task: str | None = None
    started: Mapping[str, Reason] = {}
    ended: Reason | None = None
    model: Mapping[str, Task] = {}
    ahead: Sequence[Run] = ()
    past: Past | None = None
    said: Said = to_second

    def row(self, task_id: str) -> TaskRun | None:
        """The row of a task of the run."""
        return next((task for task in self.tasks if task.task_id == task_id), None)


def blamed(case: Case) -> TaskRun | None:
    """The task that is behind it all: the one that is asked for, or the first that failed of those it waited for.

    Of a run that is the first that failed, or that was skipped where all were.
    """
    asked = case.row(case.task) if case.task else None
    if asked is not None:
        return _root(asked, case)
    bad = [task for task in case.tasks if task.state in BAD]
    if bad:
        return first_ended(bad)
    if case.run.state == RunState.SUCCEEDED and all(task.state == TaskState.SKIPPED for task in case.tasks):
        return next(iter(case.tasks), None)
    return next((task for task in case.tasks if task.state == TaskState.PARTIAL), None)


def explain(case: Case) -> list[Reason]:
    """Why it is as it is, the cause first; behind what supports that, what to do."""
    root = blamed(case)
    asked = case.row(case.task) if case.task else None
    first = _of_task(asked, root, case) if asked else _of_run(root, case)
    if root is None:
        return [first, *support(case, None, (), first.code)]
    held_up = [task.task_id for task in case.tasks if task.task_id != root.task_id and _root(task, case) == root]
    return [first, *support(case, root, held_up, told(root, case).code if asked else first.code)]


def _root(task: TaskRun, case: Case) -> TaskRun:
    """The task whose end has kept it from running, through all that were kept from it, too."""
    seen = {task.task_id}
    while task.state in (TaskState.UPSTREAM_FAILED, TaskState.SKIPPED) and task.reason is not None:
        # the reason begins with the name of the task that stood in the way
        above = case.row(task.reason.text.partition(" ")[0])
        if above is None or above.task_id in seen or task.reason.code not in ("upstream_failed", "upstream_skipped"):
            break
        seen.add(above.task_id)
        task = above
    return task


def _of_run(root: TaskRun | None, case: Case) -> Reason:
    run = case.run
    if run.state == RunState.QUEUED:
        holders = ", ".join(f"run {one.run_id}" for one in case.ahead) or "another run"
        return Reason("queued", f"run {run.run_id} waits for its turn: {holders} has pipelines that it needs")
    if run.state == RunState.LOST and root is None:
        return Reason("lost", f"run {run.run_id} was lost: the process that ran it died")
    if root is not None and (root.state in BAD or run.state == RunState.PARTIAL):
        return _of_task(root, root, case)
    ended = case.ended or Reason(run.state, run.state)
    if run.state == RunState.SUCCEEDED:
        if root is not None and root.state == TaskState.SKIPPED:
            below = told(root, case)
            return Reason(below.code, f"run {run.run_id} ran nothing: {below.text}")
        return Reason("ran", f"run {run.run_id} ran: {why_begun(run, case.said)}; {ended.text}")
    if run.state == RunState.RUNNING:
        return Reason("running", f"run {run.run_id} is running: {why_begun(run, case.said)}; {_doing(case)}")
    return Reason(ended.code, f"run {run.run_id} {_RUN_VERBS[RunState(run.state)]}: {ended.text}")


def _doing(case: Case) -> str:
    """What a run does that goes on."""
    active = [task.task_id for task in case.tasks if task.state in ACTIVE]
    if active:
        return f"{some(active)} {'is' if len(active) == 1 else 'are'} running"
    delayed = [task.task_id for task in case.tasks if task.state == TaskState.WAITING_RETRY]
    return f"to be tried again: {some(delayed)}" if delayed else "it starts its tasks"


def _of_task(task: TaskRun, root: TaskRun | None, case: Case) -> Reason:
    if root is not None and root.task_id != task.task_id:
        below = told(root, case)
        verb = "was skipped" if task.state == TaskState.SKIPPED else "was not run"
        return Reason(task.reason.code if task.reason else below.code, f"{task.task_id} {verb}: {below.text}")
    return told(task, case)


def told(task: TaskRun, case: Case) -> Reason:
    """How the task has ended and why, as a sentence."""
    name, reason = task.task_id, task.reason
    attempt = last(task, case.attempts)
    if task.state in BAD:
        return _failed(task, attempt, case)
    if task.state == TaskState.SUCCEEDED:
        why = case.started.get(name)
        return Reason("ran", f"{name} ran: {why.text if why else 'it was its turn'}{_before(attempt, case)}")
    if task.state in _VERBS:
        own = None if reason is not None and reason.text == task.state else reason
        why = own or case.ended or reason or Reason(task.state, "nobody has noted why")
        return Reason(why.code, f"{name} {_VERBS[TaskState(task.state)]}: {why.text}")
    if task.state in ACTIVE:
        why = case.started.get(name)
        since = f" since {case.said(task.started_at)}" if task.started_at else ""
        return Reason("running", f"{name} is running{since}{f': {why.text}' if why else ''}")
    return _waiting(task, case)


def _failed(task: TaskRun, attempt: Attempt | None, case: Case) -> Reason:
    found = _changed(cause(task, attempt, _most(task.task_id, case)), case)
    if found.text.startswith("exit code"):
        return Reason(found.code, f"{task.task_id} failed with {found.text}")
    is_unstarted = attempt is not None and attempt.kind == "spawn_error"
    verb = "could not start" if is_unstarted else _VERBS[TaskState(task.state)]
    return Reason(found.code, f"{task.task_id} {verb}: {found.text}")


def _before(attempt: Attempt | None, case: Case) -> str:
    """How the attempt before the last has ended, where there was one."""
    if attempt is None:
        return ""
    others = [one for one in case.attempts if (one.task_id, one.number) == (attempt.task_id, attempt.number - 1)]
    return "".join(f"; attempt {one.number}: {printable(one.text or one.state)}" for one in others)


def _waiting(task: TaskRun, case: Case) -> Reason:
    name = task.task_id
    if task.state == TaskState.WAITING_RETRY:
        return Reason("retry_scheduled", f"{name} waits to be tried again: {task.reason.text if task.reason else '-'}")
    upstream = case.model[name].depends_on if name in case.model else ()
    open_ = [one.task_id for one in case.tasks if one.task_id in upstream and one.state not in TERMINAL]
    if open_:
        return Reason("dependencies", f"{name} waits for {some(open_)}")
    return Reason("no_place", f"{name} waits for a place: other tasks take what the run or the host has")


def _most(name: str, case: Case) -> int | None:
    return case.model[name].retry.max_attempts if name in case.model else None


def _changed(found: Reason, case: Case) -> Reason:
    """The cause with what has changed about the task since its last success, which may be behind it."""
    past = case.past
    if past is None or not past.changed:
        return found
    return Reason(found.code, f"{found.text}; changed since its last success: {some(past.changed)}")
