"""What has become of pipelines in the latest runs, as the monitor and rules ask for it. Reads each row once."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

from tetra_orchestrator.core.history import RunFilter, lasted_s
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.retry import is_left
from tetra_orchestrator.core.states import RunState, TaskState, rank, word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.history import Attempt, Pause, Run, TaskRun
    from tetra_orchestrator.core.slots import Slot
    from tetra_orchestrator.ports import PipelineSummary, Store

#: The states of a pipeline that has failed. Somebody wanted it who cancelled it.
BAD = frozenset((TaskState.FAILED, TaskState.TIMED_OUT, TaskState.LOST, TaskState.UPSTREAM_FAILED))
#: Those in which it has failed itself; what another pipeline has held up has not.
OWN_FAULT = BAD - {TaskState.UPSTREAM_FAILED}
GOOD = frozenset((TaskState.SUCCEEDED, TaskState.PARTIAL))
#: So many runs are read at a time, and at most of one pipeline.
PAGE, MOST = 25, 500
#: So far back slots count.
SLOTS_BACK = timedelta(days=7)


class Part(Record):
    """What one run was for one pipeline. `state` is that of the worst of its tasks, or `running`."""

    run: Run
    tasks: Sequence[TaskRun]
    state: str

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to the pipeline in that run."""
        return self.state != RunState.RUNNING

    @property
    def began_at(self) -> datetime | None:
        """When its first task began."""
        return min((task.started_at for task in self.tasks if task.started_at), default=None)

    @property
    def ended_at(self) -> datetime | None:
        """When the last of its tasks was over."""
        ends = (task.finished_at for task in self.tasks if task.finished_at)
        return max(ends, default=self.run.finished_at) if self.is_over else None

    @property
    def duration_s(self) -> float | None:
        """From the first start to the last end; None where it did not run, or is not over."""
        ends = [task.finished_at for task in self.tasks if task.started_at and task.finished_at]
        return lasted_s(self.began_at, max(ends, default=None), self.run.duration_s) if self.is_over else None

    def so_far_s(self, now: datetime) -> float | None:
        """The same, as of now where it is not over."""
        return self.duration_s if self.is_over else lasted_s(self.began_at, now, None)


class Past:
    """The runs of pipelines in a store, newest first. Where a pipeline was only skipped, it did not run."""

    def __init__(self, store: Store):
        self._store = store
        self._pages: dict[tuple[str, str | None], list[Run]] = {}
        self._tasks: dict[str, list[TaskRun]] = {}
        self._attempts: dict[str, list[Attempt]] = {}
        self._slots: dict[str, list[Slot]] = {}
        self._summaries: dict[str, PipelineSummary] | None = None
        self._pauses: list[Pause] | None = None

    def parts(self, pipeline: str, run: Run | None = None) -> Iterator[Part]:
        """The pipeline's part in each of its runs; with `run`, in that one and those that were recorded before it.

        One that was left to be tried again is no part of its own: the run of the next attempt tells.
        """
        for each in islice(self._runs(pipeline, run), MOST):
            tasks = [task for task in self.tasks(each.run_id) if task.pipeline == pipeline]
            if any(task.state != TaskState.SKIPPED for task in tasks) and not any(map(is_left, tasks)):
                yield Part(each, tasks, word(rank(tasks)))

    def tasks(self, run_id: str) -> list[TaskRun]:
        """The run's tasks."""
        if run_id not in self._tasks:
            self._tasks[run_id] = self._store.task_runs(run_id)
        return self._tasks[run_id]

    def attempts(self, part: Part) -> list[Attempt]:
        """The attempts of the pipeline's tasks in that run."""
        run_id = part.run.run_id
        if run_id not in self._attempts:
            self._attempts[run_id] = self._store.attempts(run_id)
        mine = {task.task_id for task in part.tasks}
        return [one for one in self._attempts[run_id] if one.task_id in mine]

    def slots(self, schedule: str, now: datetime) -> list[Slot]:
        """The schedule's slots of the last seven days, oldest first."""
        if schedule not in self._slots:
            self._slots[schedule] = self._store.ledger.slots(schedule, since=now - SLOTS_BACK, until=now)
        return self._slots[schedule]

    def summary(self, pipeline: str) -> PipelineSummary | None:
        """How the pipeline stands; None where no run has named it."""
        if self._summaries is None:
            self._summaries = {one.pipeline.name: one for one in self._store.summaries()}
        return self._summaries.get(pipeline)

    def paused(self, kind: str, name: str, now: datetime) -> bool:
        """Whether somebody has paused it."""
        if self._pauses is None:
            self._pauses = self._store.pauses()
        return any((one.kind, one.name) == (kind, name) and one.holds(now) for one in self._pauses)

    def _runs(self, pipeline: str, run: Run | None) -> Iterator[Run]:
        before = None
        if run is not None:
            yield run
            before = run.run_id
        while page := self._page(pipeline, before):
            yield from page
            before = page[-1].run_id

    def _page(self, pipeline: str, before: str | None) -> list[Run]:
        if (pipeline, before) not in self._pages:
            found = self._store.search(RunFilter(pipeline=pipeline, before=before), PAGE)
            self._pages[pipeline, before] = found
        return self._pages[pipeline, before]


def over(parts: Iterable[Part]) -> Iterator[Part]:
    """Those that are over."""
    return (part for part in parts if part.is_over)


def in_a_row(parts: Iterable[Part]) -> int:
    """How many of them failed up to the newest; one that was cancelled or held up does not count, and ends nothing."""
    count = 0
    for part in over(parts):
        if part.state in GOOD:
            return count
        count += part.state in OWN_FAULT
    return count


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of those that are known; None where none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
