"""All that the store knows of one run, read once."""

from __future__ import annotations

from tetra_orchestrator.core.bars import bars, span_s
from tetra_orchestrator.core.graph import critical_path, slack_s
from tetra_orchestrator.core.history import RunFilter, lasted_s
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import RUN_TERMINAL
from tetra_orchestrator.report.words import why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.alerts import Alert
    from tetra_orchestrator.core.bars import Bar
    from tetra_orchestrator.core.graph import Graph
    from tetra_orchestrator.core.history import Attempt, Run, TaskRun
    from tetra_orchestrator.ports import Store

#: Earlier runs of the same mode that are shown, and alerts that are looked through.
EARLIER, ALERTS = 60, 1000


def no_samples(log: str) -> tuple[str, ...]:
    """None, whatever the log."""
    return ()


class Changes(Record):
    """What the configuration has that the last success, that run, did not have; one line each, secrets masked."""

    since: str
    lines: Sequence[str]


class Beside(Record):
    """What is known of a run besides the store: the project's title, and what each task depends on, if it still is.

    Without `changes` there was no success before. `samples` gives the lines of its samples of use, which lie beside the
    log of an attempt. `most` is how many attempts each task may have.
    """

    title: str
    graph: Graph | None = None
    changes: Changes | None = None
    samples: Callable[[str], Iterable[str]] = no_samples
    most: Mapping[str, int] = {}


class Story(Record):
    """One run. `took_s` is each task's time from its first start to its last end, 0 where it did not run.

    `last` is the last attempt of each. `graph` holds only tasks of the run; `slack_s` is None where it is not known.
    `earlier` are runs of the same mode, newest first.
    """

    run: Run
    now: datetime
    total_s: float
    tasks: Sequence[TaskRun]
    attempts: Sequence[Attempt]
    last: Mapping[str, Attempt]
    bars: Sequence[Bar]
    took_s: Mapping[str, float]
    graph: Graph | None
    critical: Sequence[str]
    slack_s: Mapping[str, float] | None
    alerts: Sequence[Alert]
    earlier: Sequence[Run]
    beside: Beside

    def why(self, task: TaskRun) -> str:
        """Why the task is in its state; nothing where it did what it should."""
        return why(task, self.last.get(task.task_id), self.beside.most.get(task.task_id))


def read(run: Run, store: Store, now: datetime, beside: Beside) -> Story:
    """The story of the run."""
    tasks, attempts = store.task_runs(run.run_id), store.attempts(run.run_id)
    total = span_s(run, now)
    drawn = bars(run, attempts, total)
    took = _took(tasks, drawn, total)
    graph = _within(beside.graph, took)
    before = RunFilter(mode=run.mode, states=tuple(RUN_TERMINAL), before=run.run_id)
    return Story(
        run,
        now,
        total,
        tasks,
        attempts,
        {attempt.task_id: attempt for attempt in attempts},
        drawn,
        took,
        graph,
        [task for task in critical_path(graph, took) if took[task]] if graph else (),
        slack_s(graph, took) if graph else None,
        [one for one in store.alerts.all(ALERTS) if one.run_id == run.run_id],
        [one for one in store.search(before, EARLIER) if one.mode == run.mode],
        beside,
    )


def _took(tasks: Sequence[TaskRun], drawn: Sequence[Bar], total: float) -> dict[str, float]:
    """By task in the order of the plan; by its attempts where it had some, as these know of clocks that were set."""
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for bar in drawn:
        first.setdefault(bar.attempt.task_id, bar.start_s)
        last[bar.attempt.task_id] = bar.end_s
    return {
        task.task_id: last[task.task_id] - first[task.task_id]
        if task.task_id in first
        else lasted_s(task.started_at, task.finished_at, total) or 0.0
        for task in tasks
    }


def _within(graph: Graph | None, tasks: Mapping[str, float]) -> Graph | None:
    """The part of the graph that the run had; None where a task of it is not in the graph."""
    if graph is None or not all(task in graph for task in tasks):
        return None
    return {task: [name for name in graph[task] if name in tasks] for task in tasks}
