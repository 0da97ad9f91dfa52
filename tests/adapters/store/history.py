"""Runs that have happened, written into a store by a few words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from support.builders import utc
from tetra_orchestrator.core.changes import AttemptClosed, AttemptOpened, TaskMoved
from tetra_orchestrator.core.events import RunEvent
from tetra_orchestrator.core.history import Attempt, PipelineState, Run, TaskRun
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.states import TaskState

if TYPE_CHECKING:
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.ports import Store

AT = utc(2026, 3, 1, 20)
DAY = 86400.0
A_PIPELINE = PipelineState("a")


def later(seconds: float) -> datetime:
    """So long after `AT`."""
    return AT + timedelta(seconds=seconds)


def run(run_id: str, mode: str = "daily") -> Run:
    """A run that started at `AT` and goes on."""
    return Run(run_id, "demo", mode, "manual", "running", "0" * 64, AT)


def task(run_id: str, task_id: str, position: int) -> TaskRun:
    """A pending task; its pipeline is the part before the dot."""
    return TaskRun(run_id, task_id, task_id.partition(".")[0], position, "pending")


def attempt(task_id: str, number: int, run_id: str = "r1") -> Attempt:
    """An attempt that has been submitted at `AT`."""
    log = f"/logs/{task_id}.{number}.log"
    return Attempt(run_id, task_id, number, f"{run_id}-{task_id}-{number}", "submitted", log, started_at=AT)


def event(seq: int, reason: Reason | None = None) -> RunEvent:
    """An event of run `r1`."""
    return RunEvent("run.started", seq, later(seq), "r1", reason=reason)


def moved(
    task_id: str,
    before: TaskState,
    after: TaskState,
    version: int = 0,
    attempts: int = 0,
    at: datetime = AT,
    reason: Reason | None = None,
) -> TaskMoved:
    """A move of a task of run `r1`."""
    return TaskMoved("r1", task_id, before, after, version, attempts, at, reason)


class Diary:
    """Writes whole histories into a store."""

    def __init__(self, store: Store):
        self.store = store
        self._fresh = 0

    def open(self, run_id: str, *tasks: str) -> None:
        """A run of these tasks, all pending, and their pipelines."""
        rows = [task(run_id, name, position) for position, name in enumerate(tasks)]
        names = dict.fromkeys(row.pipeline for row in rows)
        pipelines = [PipelineState(name, position=position) for position, name in enumerate(names)]
        self.store.open_run(run(run_id), rows, pipelines, "version: 1\n")

    def fresh(self, *tasks: str) -> str:
        """A further run of these tasks; returns its id."""
        self._fresh += 1
        run_id = f"fresh-{self._fresh}"
        self.open(run_id, *tasks)
        return run_id

    def end(self, run_id: str, at: datetime = AT, **states: TaskState) -> None:
        """Moves each task to its state by way of `submitted`."""
        for name, state in states.items():
            first = moved(name, TaskState.PENDING, TaskState.SUBMITTED, 0, 1, at)._replace(run_id=run_id)
            last = moved(name, TaskState.SUBMITTED, state, 1, 1, at)._replace(run_id=run_id)
            self.store.record([first, last])

    def try_once(self, run_id: str, task_id: str, number: int, outcome: Outcome, lasted: float = 1.0) -> None:
        """An attempt from its start at `AT` to its end."""
        opened = AttemptOpened(attempt(task_id, number, run_id))
        self.store.record([opened, AttemptClosed(run_id, task_id, number, outcome, later(lasted))])
