"""Rescues tasks that have failed for good: by what they have completed or made before, or by another program."""

from __future__ import annotations

from tetra_orchestrator.core.events import RECOVERY_STEP
from tetra_orchestrator.core.history import RunFilter
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.progress import FAILURES
from tetra_orchestrator.core.reasons import NOBODY_TOLD
from tetra_orchestrator.core.recovery import ITEMS
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.core.states import TaskState
from tetra_orchestrator.engine.evidence import left_behind
from tetra_orchestrator.errors import TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tetra_orchestrator.core.decision import Start
    from tetra_orchestrator.core.history import Run, TaskRun
    from tetra_orchestrator.core.model import Json, Task
    from tetra_orchestrator.core.plan import Plan
    from tetra_orchestrator.core.recovery import Recovery, Told
    from tetra_orchestrator.engine.journal import Journal
    from tetra_orchestrator.file_ports import Workspace
    from tetra_orchestrator.ports import AttemptFiles, Launch, Store

#: How many of a pipeline's latest runs are looked through for one that is for no dates.
RECENT = 100
SUCCEEDED = (TaskState.SUCCEEDED,)


class Rescuer:
    """What rescues the tasks of one run, and tells in its events what is done: first who is told, last who is told when
    nothing has helped. `recovery` tells by task id how each may be rescued, `told` who is told.
    """

    def __init__(
        self, run: Run, recovery: Mapping[str, Recovery], told: Mapping[str, Told], store: Store, workspace: Workspace
    ):
        self.recovery = recovery
        self._run = run
        self._told = told
        self._store = store
        self._workspace = workspace

    def equip(self, launch: Launch, start: Start) -> Launch:
        """The launch; where it is of a fallback, its environment says so, and why the task itself has failed."""
        if start.failed is None:
            return launch
        own = {"TETRA_FALLBACK": "1", "TETRA_FAILED_REASON": start.failed}
        if launch.call is not None:
            return launch._replace(call=launch.call._replace(env={**launch.call.env, **own}))
        return launch._replace(env={**launch.env, **own})

    def items(self, task_id: str, files: AttemptFiles) -> int:
        """How many items the task says it has completed, where that matters."""
        found = self.recovery.get(task_id)
        items = left_behind(files, self._workspace).get(ITEMS) if found and found.partial else None
        return len(items) if isinstance(items, list) else 0

    def settle(
        self, start: Start, plan: Plan, journal: Journal, outlast: Callable[[TetraError], None]
    ) -> Mapping[str, Json] | None:
        """See to a failed attempt of which the plan knows; returns the earlier outputs that stand in for the task.

        `outlast` waits a little for a store that has gone away, and raises where that is no use.
        """
        row: TaskRun | None = None
        name, told = start.task.id, self._told.get(start.task.id)
        if told and told.notify and start.attempt == 1 and not plan.cancelled:
            _tell(journal, start, Reason("notify", f"notify {', '.join(told.notify)}"))
        if plan.wants_earlier(name):
            row, text = self._made_before(start.task, outlast)
            plan.earlier(name, text, stands_in=row is not None)
        journal.moves(plan.take_moves())
        if told and told.escalate and plan.state(name) in FAILURES:
            _tell(journal, start, _escalation(told.escalate, told))
        return None if row is None else row.outputs or {}

    def _made_before(self, task: Task, outlast: Callable[[TetraError], None]) -> tuple[TaskRun | None, str]:
        while True:
            try:
                row = self._latest(task)
                break
            except TetraError as fault:
                try:
                    outlast(fault)
                except TetraError:
                    return None, f"what it has made before cannot be read: {fault.message}"
        dates = f" for {self._run.partition.start} to {self._run.partition.end}" if self._run.partition else ""
        if row is None:
            return None, f"it has never succeeded before{dates}"
        when = f" of {instant(row.finished_at)}" if row.finished_at else ""
        return row, f"what it made in run {row.run_id}{when}"

    def _latest(self, task: Task) -> TaskRun | None:
        """The task's latest success in a run for the same dates: what was made for others would be wrong here."""
        row = self._store.latest(task.pipeline, task.id, SUCCEEDED, self._run.partition)
        found = None if row is None or self._run.partition else self._store.run(row.run_id)
        if found is None or found.partition is None:
            return row
        for run in self._store.search(RunFilter(pipeline=task.pipeline), RECENT):
            rows = () if run.partition else self._store.task_runs(run.run_id)
            for row in rows:
                if row.task_id == task.id and row.state in SUCCEEDED:
                    return row
        return None


def _tell(journal: Journal, start: Start, reason: Reason) -> None:
    journal.event(RECOVERY_STEP, start.task.id, start.attempt, None, reason)


def _escalation(name: str, told: Told) -> Reason:
    text = f"escalation to {name}"
    if told.failures > 1:
        text += f", once {told.failures} runs in a row have failed"
    if told.unreachable:
        return Reason(NOBODY_TOLD, f"{text}; but nobody is told, as no such channel is switched on")
    return Reason("escalation", text)
