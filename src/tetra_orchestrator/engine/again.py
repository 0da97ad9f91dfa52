"""A new run that does what an earlier one has left: all of it, or only some tasks."""

from __future__ import annotations

from tetra_orchestrator.core.condition import FINISHED
from tetra_orchestrator.core.graph import order
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.reasons import ALREADY_SUCCEEDED, CARRIED_OVER
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import RUN_ACTIVE, TaskState
from tetra_orchestrator.engine.overlap import pause
from tetra_orchestrator.engine.reconcile import reconcile, survivors
from tetra_orchestrator.engine.start import Done
from tetra_orchestrator.errors import NotNow, StoreError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tetra_orchestrator.core.history import TaskRun
    from tetra_orchestrator.core.model import Task
    from tetra_orchestrator.engine.start import Request, World
    from tetra_orchestrator.ports import Store

#: How many of the latest runs are looked through for one that goes on after another.
RECENT = 1000
#: Why a task is done again that had succeeded.
DEFINITION_CHANGED = "definition_changed"
NOT_RETRIED = Reason("not_retried", "it is not among the tasks that are to be tried again")


class Again(Record):
    """The earlier run, and which of its tasks are done again: with `tasks` only these, with `downstream` also what
    depends on them; without `tasks` all that have not succeeded.

    `redefined` are tasks that mean something else than they did in it, with why: their success there does not count,
    nor does that of anything behind them.
    """

    run_id: str
    tasks: tuple[str, ...] = ()
    downstream: bool = False
    redefined: Mapping[str, Reason] = {}

    def predecessor(self, store: Store) -> str | None:
        """The id of the earlier run."""
        return self.run_id

    def done(self, request: Request, world: World) -> Done:
        """What the earlier run has done; see `done_before`."""
        return done_before(self, request.selection.tasks, world)


def done_before(again: Again, tasks: Sequence[Task], world: World) -> Done:
    """What the earlier run has done, once nothing of it is running any more.

    Raises `NotNow` while its owner lives, `UsageError` where a task that is to be tried again cannot be.
    """
    _await_end(again.run_id, world)
    if not again.tasks:
        _refuse_resumed(again.run_id, world)
    rows = {row.task_id: row for row in world.store.task_runs(again.run_id)}
    succeeded = {name: reason for name, row in rows.items() if (reason := _success(row)) is not None}
    outputs = {name: row.outputs for name in succeeded if (row := rows[name]).outputs}
    lineage = _lineage(again.run_id, world)
    outdated = _outdated(again, tasks)
    counting = {name: reason for name, reason in succeeded.items() if name not in outdated}
    if again.tasks:
        chosen = _chosen(again, tasks, succeeded, outdated)
        counting = {task.id: counting.get(task.id, NOT_RETRIED) for task in tasks if task.id not in chosen}
    why = {name: reason for name, reason in outdated.items() if name in succeeded and name not in counting}
    return Done(counting, {name: values for name, values in outputs.items() if name in counting}, lineage, why)


def _outdated(again: Again, tasks: Sequence[Task]) -> dict[str, Reason]:
    """The tasks whose success counts no more, with why: those that are redefined, and all behind them."""
    if not again.redefined:
        return {}
    from tetra_orchestrator.core.narrowing import behind

    graph = {task.id: task.depends_on for task in tasks}
    changed = [name for name in again.redefined if name in graph]
    follows = Reason(DEFINITION_CHANGED, "the definition of something that it depends on has changed")
    return {**dict.fromkeys(behind(graph, changed), follows), **{name: again.redefined[name] for name in changed}}


def _lineage(run_id: str | None, world: World) -> tuple[str, ...]:
    found: list[str] = []
    while run_id is not None and run_id not in found:
        found.append(run_id)
        run = world.store.run(run_id)
        run_id = run.resumes if run else None
    return tuple(found)


def _await_end(run_id: str, world: World) -> None:
    """Wait for what has outlived the owner of the run, and settle that. Raises `NotNow` while its owner lives."""
    left: list[str] = []
    while found := [one.task_id for one in survivors(run_id, world.scene)]:
        if found != left:
            world.tell(f"waiting: {', '.join(found)} of run {run_id} is still running")
            left = found
        pause(world)
    reconcile(world.scene, end_survivors=True)
    run = world.store.run(run_id)
    if run is None:
        raise StoreError(f"run {run_id} is not in the store", hint="`tetra status` lists what is there")
    if run.state in RUN_ACTIVE:
        raise NotNow(f"run {run_id} is still {run.state}", hint=f"wait until it ends, or `tetra cancel {run_id}`")


def _refuse_resumed(run_id: str, world: World) -> None:
    """Raises `UsageError` where another run goes on after this one: it may have done what this one has left."""
    for run in world.store.runs(limit=RECENT):
        if run.resumes == run_id:
            hint = f"`tetra resume {run.run_id}` goes on there, `tetra retry {run_id} --task T` does single tasks again"
            raise UsageError(f"run {run_id} was resumed by {run.run_id}", hint=hint)


def _success(row: TaskRun) -> Reason | None:
    """Why the task counts as done, None where it does not."""
    if row.state == TaskState.SUCCEEDED:
        return Reason(ALREADY_SUCCEEDED, f"it succeeded in run {row.run_id}")
    return row.reason if row.reason and row.reason.code in CARRIED_OVER else None


def _chosen(again: Again, tasks: Sequence[Task], succeeded: Collection[str], outdated: Collection[str]) -> set[str]:
    """The ids of the tasks to try again."""
    by_id = {task.id: task for task in tasks}
    for name in again.tasks:
        if name not in by_id:
            from tetra_orchestrator.core.selection import suggest

            hint = suggest(name, by_id, "tasks")
            raise UsageError(f"run {again.run_id} has no task '{name}'", hint=hint)
    chosen: set[str] = set()
    for task in map(by_id.__getitem__, order({task.id: task.depends_on for task in tasks})):
        missing = [name for name in _needed(task) if name not in chosen and (name not in succeeded or name in outdated)]
        if task.id in again.tasks and missing:
            raise _too_early(task.id, missing[0], again, is_outdated=missing[0] in outdated)
        if task.id in again.tasks or (again.downstream and not missing and chosen.intersection(task.depends_on)):
            chosen.add(task.id)
    return chosen


def _too_early(task_id: str, missing: str, again: Again, *, is_outdated: bool) -> UsageError:
    what = "is to be done again, as its definition or that of something before it has changed"
    message = f"which {what}" if is_outdated else f"which has not succeeded in run {again.run_id}"
    option = " --with-current-config" if is_outdated else ""
    hint = f"add --task {missing}, or do all that is left with `tetra resume {again.run_id}{option}`"
    return UsageError(f"{task_id} cannot be tried again: it depends on {missing}, {message}", hint=hint)


def _needed(task: Task) -> list[str]:
    """What has to have succeeded, or to be tried again with it, before the task can start."""
    loose = {name for name, condition in task.conditions if condition == FINISHED}
    return [name for name in task.depends_on if name not in loose]
