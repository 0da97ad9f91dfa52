"""All that the store knows of the last days, read once."""

from __future__ import annotations

from itertools import groupby

from tetra_orchestrator.core.failed_how import BAD
from tetra_orchestrator.core.history import RunFilter, lasted_s
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import TaskState, rank, word
from tetra_orchestrator.report.trends import Event, of_runs
from tetra_orchestrator.report.words import why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.alerts import Alert
    from tetra_orchestrator.core.history import Run, TaskRun
    from tetra_orchestrator.core.slots import Slot
    from tetra_orchestrator.ports import PipelineSummary, Store

    Named = tuple[str, str]

#: Runs and alerts that are read at most, newest first.
RUNS, ALERTS = 10_000, 5000
#: What stands for the mode of a run of single pipelines.
NO_MODE = "no mode"
#: Of tasks that did not succeed in some run, newest first.
FAILURES = 2000
_BAD = BAD | {TaskState.CANCELLED}
_LEFT_OUT = frozenset((TaskState.SKIPPED, TaskState.UPSTREAM_FAILED, TaskState.PENDING))


class Failure(Record):
    """A task that did not do in that run what it should have done, itself, and why."""

    run: Run
    task: TaskRun
    why: str = ""


class Period(Record):
    """What happened from `since` to `now`. `runs` are those that began then, newest first, and all there are unless
    `cut`. `gone` are those that slots tell of and the store has not kept.

    `modes` are what became of each, oldest first; so are `pipelines` and `tasks`, by name and mode, as one
    takes another time in another mode. `due` are pairs of a schedule and an instant.
    """

    since: datetime
    now: datetime
    title: str
    runs: Sequence[Run]
    cut: bool
    gone: int
    modes: Mapping[str, Sequence[Event]]
    pipelines: Mapping[Named, Sequence[Event]]
    tasks: Mapping[Named, Sequence[Event]]
    failures: Sequence[Failure]
    slots: Sequence[Slot]
    summaries: Sequence[PipelineSummary]
    alerts: Sequence[Alert]
    due: Sequence[tuple[str, datetime]]


def read(store: Store, since: datetime, now: datetime, title: str, due: Sequence[tuple[str, datetime]]) -> Period:
    """The period up to now."""
    runs = store.search(RunFilter(since=since), RUNS + 1)
    cut, runs = len(runs) > RUNS, runs[:RUNS]
    pipelines: dict[Named, list[Event]] = {}
    tasks: dict[Named, list[Event]] = {}
    modes: dict[str, list[Event]] = {}
    failures: list[Failure] = []
    for run in reversed(runs):
        modes.setdefault(run.mode or NO_MODE, []).extend(of_runs([run]))
        rows = store.task_runs(run.run_id)
        _count(run, rows, pipelines, tasks)
        failures += [Failure(run, row) for row in rows if row.state in _BAD]
    slots = store.ledger.slots(since=since, until=now)
    known = {run.run_id for run in runs}
    return Period(
        since,
        now,
        title,
        runs,
        cut,
        0 if cut else sum(slot.lateness_s is not None and slot.run_id not in known for slot in slots),
        modes,
        pipelines,
        tasks,
        _explained(store, failures[: -FAILURES - 1 : -1]),
        slots,
        store.summaries(),
        [one for one in store.alerts.all(ALERTS) if _is_of(one, since)],
        due,
    )


def _explained(store: Store, failures: Sequence[Failure]) -> list[Failure]:
    """With what the last attempt of each tells; it is read run by run."""
    found = []
    for _, own in groupby(failures, key=lambda one: one.run.run_id):
        same = list(own)
        last = {attempt.task_id: attempt for attempt in store.attempts(same[0].run.run_id)}
        found += [one._replace(why=why(one.task, last.get(one.task.task_id))) for one in same]
    return found


def _is_of(one: Alert, since: datetime) -> bool:
    """Whether it was open at some time since then, and somebody was told."""
    return one.raised_at is not None and (one.resolved_at is None or one.resolved_at >= since)


def _count(
    run: Run, rows: Sequence[TaskRun], pipelines: dict[Named, list[Event]], tasks: dict[Named, list[Event]]
) -> None:
    """Add the run's tasks that ran, and its pipelines: these from the first start to the last end of theirs."""
    groups: dict[str, list[TaskRun]] = {}
    mode = run.mode or NO_MODE
    for row in rows:
        if row.started_at is not None and row.state not in _LEFT_OUT:
            took = lasted_s(row.started_at, row.finished_at, run.duration_s)
            tasks.setdefault((row.task_id, mode), []).append(Event(row.started_at, row.state, took, run.run_id))
            groups.setdefault(row.pipeline, []).append(row)
    for name, own in groups.items():
        began = min(row.started_at for row in own if row.started_at)
        ends = [row.finished_at for row in own if row.finished_at]
        took = lasted_s(began, max(ends), run.duration_s) if len(ends) == len(own) else None
        pipelines.setdefault((name, mode), []).append(Event(began, word(rank(own)), took, run.run_id))
