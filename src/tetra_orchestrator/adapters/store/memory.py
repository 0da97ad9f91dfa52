"""The store in memory: the same rules as the durable ones, for tests and simulations. It dies with its process."""

from __future__ import annotations

from tetra_orchestrator.adapters.store import conflicts
from tetra_orchestrator.adapters.store.durations import in_seconds, latest, medians
from tetra_orchestrator.adapters.store.memory_alerts import MemoryAlerts
from tetra_orchestrator.adapters.store.memory_backfills import MemoryBackfills
from tetra_orchestrator.adapters.store.memory_ledger import MemoryLedger
from tetra_orchestrator.adapters.store.memory_results import MemoryResults
from tetra_orchestrator.adapters.store.memory_search import search
from tetra_orchestrator.adapters.store.rows import from_json, micros, outcome_columns, plain, to_json
from tetra_orchestrator.adapters.store.standing import SKIPPED, SUCCEEDED, UNFINISHED, rank, word
from tetra_orchestrator.core.changes import (
    AttemptClosed,
    AttemptOpened,
    AttemptRunning,
    EventLogged,
    OutputsSaved,
    RunMoved,
    TaskMoved,
)
from tetra_orchestrator.core.facts import UNKNOWN, Usage, together
from tetra_orchestrator.core.history import Pause
from tetra_orchestrator.core.states import RUN_ACTIVE, RUN_TERMINAL, TERMINAL, RunState, TaskState
from tetra_orchestrator.ports import PipelineSummary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.core.changes import Change
    from tetra_orchestrator.core.diagnosis import Diagnosis
    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.core.history import Attempt, Partition, PipelineState, Run, RunFilter, TaskRun
    from tetra_orchestrator.core.model import Reason


class _Folder:
    """All that belongs to one run."""

    def __init__(self, run: Run, tasks: Sequence[TaskRun], config: str):
        self.run = {run.run_id: run}
        self.config = config
        self.tasks = {task.task_id: task for task in tasks}
        self.attempts: dict[str, dict[int, Attempt]] = {task.task_id: {} for task in tasks}
        self.events: dict[int, RunEvent] = {}
        self.requests: list[str] = []

    def ordered(self) -> list[TaskRun]:
        return sorted(self.tasks.values(), key=lambda task: task.position)


class MemoryStore:
    """The `Store` in dictionaries. Raises `StateConflict` where the others do, and nothing else."""

    def __init__(self) -> None:
        self._folders: dict[str, _Folder] = {}
        self._pipelines: dict[str, PipelineState] = {}
        self._pauses: dict[tuple[str, str], Pause] = {}
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self.ledger = MemoryLedger(self._with_pipelines)
        self.backfills = MemoryBackfills(self._with_pipelines, self.task_runs)
        self.results = MemoryResults()
        self.alerts = MemoryAlerts(self._with_pipelines, self._put_run)

    def open_run(self, run: Run, tasks: Sequence[TaskRun], pipelines: Sequence[PipelineState], config: str) -> None:
        """Insert the run, its tasks and the pipelines it knows; `StateConflict` when the run is there already."""
        kept = [_settled(task) for task in tasks]
        if run.run_id in self._folders or len({task.task_id for task in kept}) < len(kept):
            raise conflicts.opened_already(run.run_id)
        self.ledger.take(run)
        self.backfills.take(run)
        self._folders[run.run_id] = _Folder(run._replace(log=plain(run.log)), kept, config)
        self._pipelines |= {pipeline.name: pipeline for pipeline in pipelines}

    def record(self, changes: Iterable[Change]) -> None:
        """Apply all changes, or none of them: `StateConflict` when a compare-and-set fails."""
        self._undo = []
        try:
            for change in changes:
                self._apply(change)
        except BaseException:
            for table, key, before in reversed(self._undo):
                if before is None:
                    del table[key]
                else:
                    table[key] = before
            raise

    def run(self, run_id: str) -> Run | None:
        """The run called `run_id`, or None."""
        folder = self._folders.get(run_id)
        return folder.run[run_id] if folder else None

    def runs(self, *, limit: int = 50, active: bool = False, pipeline: str | None = None) -> list[Run]:
        """The latest runs, newest first: all, only the active ones, or only those with a task of `pipeline`."""
        found = [
            folder.run[run_id]
            for run_id, folder in reversed(self._folders.items())
            if (not active or folder.run[run_id].state in RUN_ACTIVE)
            and (pipeline is None or any(task.pipeline == pipeline for task in folder.tasks.values()))
        ]
        return found[:limit]

    def among(self, latest: int, states: Collection[str]) -> list[str]:
        """Ids of those of the latest runs that are in one of the states, newest first."""
        return [run.run_id for run in self.runs(limit=latest) if run.state in states]

    def search(self, wanted: RunFilter, limit: int) -> list[Run]:
        """The runs that fit, newest first."""
        return search(wanted, self._with_pipelines(), limit)

    def named(self, beginning: str, limit: int) -> list[Run]:
        """Runs whose ids begin so, newest first."""
        found = [folder.run[run_id] for run_id, folder in self._folders.items() if run_id.startswith(beginning)]
        return found[::-1][:limit]

    def task_runs(self, run_id: str) -> list[TaskRun]:
        """The run's tasks in the order of the plan, with outputs."""
        folder = self._folders.get(run_id)
        return folder.ordered() if folder else []

    def latest(
        self, pipeline: str, task_id: str, states: Collection[str], of: Partition | None = None
    ) -> TaskRun | None:
        """The task's row in the newest run, of those for the dates `of` if given, where its state is one of these."""
        folders = (
            self._folders[run.run_id] for run in self.runs(limit=len(self._folders)) if of in (None, run.partition)
        )
        rows = [folder.tasks.get(task_id) for folder in folders]
        return next((row for row in rows if row and row.pipeline == pipeline and row.state in states), None)

    def config_text(self, run_id: str) -> str | None:
        """The configuration that the run was started with, or None where there is no such run."""
        folder = self._folders.get(run_id)
        return folder.config if folder else None

    def attempts(self, run_id: str) -> list[Attempt]:
        """The run's attempts, by task in the order of the plan, then by number."""
        folder = self._folders.get(run_id)
        if folder is None:
            return []
        return [one for task in folder.ordered() for _, one in sorted(folder.attempts[task.task_id].items())]

    def used(self, run_ids: Collection[str]) -> Mapping[str, Usage]:
        """By run id, what all its attempts took; runs of which nothing is known are absent."""
        found = {name: together(one.facts.usage for one in self.attempts(name)) for name in run_ids}
        return {name: usage for name, usage in found.items() if usage != UNKNOWN}

    def events(self, run_id: str) -> list[RunEvent]:
        """The run's events by sequence number."""
        folder = self._folders.get(run_id)
        return [event for _, event in sorted(folder.events.items())] if folder else []

    def expected_s(self) -> Mapping[str, float]:
        """Task id -> median seconds of its last successful attempts, at most 10 of them."""
        return medians(latest(self._durations()))

    def durations_s(self) -> Mapping[str, Sequence[float]]:
        """Task id -> seconds of those, shortest first."""
        return in_seconds(latest(self._durations()))

    def summaries(self) -> list[PipelineSummary]:
        """Every pipeline that a run has named, with how it stands, in file order."""
        parts = self._parts()
        ordered = sorted(self._pipelines.values(), key=lambda pipeline: (pipeline.position, pipeline.name))
        found = [_summary(pipeline, parts.get(pipeline.name, [])) for pipeline in ordered]
        runs = [self.run(one.last_run_id or "") for one in found]
        return [one._replace(last_run_s=run and run.duration_s) for one, run in zip(found, runs, strict=True)]

    def request(self, run_id: str, what: str, at: datetime) -> None:
        """Ask the run's owner for something; asking twice is asking once. `StateConflict` where there is no run."""
        folder = self._folders.get(run_id)
        if folder is None:
            raise conflicts.unknown_run(run_id)
        if what not in folder.requests:
            folder.requests.append(what)

    def requests(self, run_id: str) -> list[str]:
        """What the run's owner was asked for, oldest first."""
        folder = self._folders.get(run_id)
        return list(folder.requests) if folder else []

    def pause(self, kind: str, name: str, at: datetime, until: datetime | None, reason: str | None) -> None:
        """Pause it from `at` on; what is paused already stays paused since then, and gets this end and reason."""
        before = self._pauses.get((kind, name), Pause(kind, name, at))
        if not before.holds(at):
            del self._pauses[kind, name]
            before = Pause(kind, name, at)
        self._pauses[kind, name] = before._replace(until=until, reason=plain(reason))

    def unpause(self, kind: str, name: str) -> bool:
        """End the pause; False where there was none."""
        return self._pauses.pop((kind, name), None) is not None

    def pauses(self) -> list[Pause]:
        """Every pause in the order in which they began, those that have ended by themselves included."""
        return list(self._pauses.values())

    def needed(self) -> set[str]:
        """Ids of the runs that other answers rest on: see the port."""
        found: dict[tuple[str, str], str] = {}
        for run_id, folder in reversed(self._folders.items()):
            for task_id, attempts in folder.attempts.items():
                if any(one.state == TaskState.SUCCEEDED for one in attempts.values()):
                    found.setdefault(("task", task_id), run_id)
        for pipeline, parts in self._parts().items():
            for run_id, tasks in parts if pipeline in self._pipelines else ():
                if rank(tasks) != SKIPPED:
                    found.setdefault(("last", pipeline), run_id)
                if rank(tasks) == SUCCEEDED:
                    found.setdefault(("success", pipeline), run_id)
        return set(found.values())

    def alerts_standing(self) -> tuple[int, int]:
        """How many alerts that somebody was told of are not over, and how many letters have not gone out."""
        told = [alert for alert in self.alerts.open() if alert.raised_at is not None]
        return len(told), len(self.alerts.deliveries(unsent=True))

    def diagnose(self) -> list[Diagnosis]:
        """Nothing: it promises nothing beyond its process."""
        return []

    def check(self) -> list[Diagnosis]:
        """Nothing: nobody but its own process has ever written to it."""
        return []

    def make_room(self) -> None:
        """Nothing: it is on no disk."""

    def spare_bytes(self) -> int | None:
        """Nothing to tell: it has no file."""
        return None

    def forget(self, run_id: str) -> None:
        """Remove the run with all that belongs to it; nothing where it is unknown or active, or somebody is to hear."""
        run = self.run(run_id)
        if run is not None and run.state not in RUN_ACTIVE and not run.tells:
            del self._folders[run_id]

    def close(self) -> None:
        """Nothing to do."""

    # -- changes ------------------------------------------------------------------------------------------------

    def _put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        self._undo.append((table, key, table.get(key)))
        table[key] = value

    def _apply(self, change: Change) -> None:
        match change:
            case TaskMoved():
                self._move_task(change)
            case RunMoved():
                self._move_run(change)
            case AttemptOpened():
                self._open(change)
            case AttemptRunning(handle=handle):
                self._change_attempt(change, state=TaskState.RUNNING.value, handle=handle)
            case AttemptClosed(outcome=outcome, at=at, tail=tail, facts=facts, duration_s=lasted):
                columns = zip(("state", "kind", "exit_code", "signal", "text"), outcome_columns(outcome), strict=True)
                ended = {**dict(columns), "finished_at": at, "tail": plain(tail), "facts": facts, "duration_s": lasted}
                self._change_attempt(change, **ended)
            case OutputsSaved(run_id, task_id, values):
                tasks = self._tasks(run_id)
                if task_id not in tasks:
                    raise conflicts.conflict(change, None)
                self._put(tasks, task_id, tasks[task_id]._replace(outputs=from_json(to_json(values))))
            case EventLogged(event):
                self._log(change, event)

    def _tasks(self, run_id: str) -> dict[str, TaskRun]:
        folder = self._folders.get(run_id)
        return folder.tasks if folder else {}

    def _move_task(self, change: TaskMoved) -> None:
        tasks = self._tasks(change.run_id)
        task = tasks.get(change.task_id)
        fits = task and (task.state, task.version) == (change.before, change.version) and task.state not in TERMINAL
        if task is None or not fits:
            raise conflicts.conflict(change, (task.state, task.version) if task else None)
        starts = change.after is TaskState.SUBMITTED and task.started_at is None
        moved = task._replace(
            state=change.after.value,
            version=task.version + 1,
            attempts=change.attempts,
            reason=_plain_reason(change.reason),
            started_at=change.at if starts else task.started_at,
            finished_at=change.at if change.after in TERMINAL else None,
        )
        self._put(tasks, change.task_id, moved)

    def _move_run(self, change: RunMoved) -> None:
        run = self.run(change.run_id)
        if run is None or run.state != change.before or run.state in RUN_TERMINAL:
            raise conflicts.conflict(change, (run.state, 0) if run else None)
        starts = change.after is RunState.RUNNING
        moved = run._replace(
            state=change.after.value,
            started_at=change.at if starts and run.started_at is None else run.started_at,
            finished_at=None if starts else change.at,
            duration_s=change.duration_s,
            exit_code=change.exit_code,
        )
        self._put(self._folders[change.run_id].run, change.run_id, moved)
        if (slot := self.ledger.moved(moved, change)) is not None:
            self._put(self.ledger.rows, (slot.schedule, slot.at), slot)
        if (partition := self.backfills.moved(moved, change)) is not None:
            self._put(self.backfills.rows, *partition)

    def _open(self, change: AttemptOpened) -> None:
        attempt = change.attempt
        folder = self._folders.get(attempt.run_id)
        known = folder.attempts.get(attempt.task_id) if folder else None
        if known is None:
            raise conflicts.conflict(change, None)
        if attempt.number in known or any(one.kind is None for one in known.values()):
            last = known[max(known)]
            raise conflicts.conflict(change, (last.state, last.number))
        texts = {"log": plain(attempt.log), "text": plain(attempt.text), "tail": plain(attempt.tail)}
        self._put(known, attempt.number, attempt._replace(**texts))  # type: ignore[arg-type]

    def _change_attempt(self, change: AttemptRunning | AttemptClosed, **fields: Any) -> None:
        folder = self._folders.get(change.run_id)
        known = folder.attempts.get(change.task_id, {}) if folder else {}
        attempt = known.get(change.number)
        if attempt is None or attempt.kind is not None:
            raise conflicts.conflict(change, (attempt.state, attempt.number) if attempt else None)
        self._put(known, change.number, attempt._replace(**fields))

    def _log(self, change: EventLogged, event: RunEvent) -> None:
        folder = self._folders.get(event.run_id)
        if folder is None or event.seq in folder.events:
            raise conflicts.conflict(change, ("", 0) if folder else None)
        self._put(folder.events, event.seq, event._replace(reason=_plain_reason(event.reason)))

    # -- answers ------------------------------------------------------------------------------------------------

    def _put_run(self, run: Run) -> None:
        self._folders[run.run_id].run[run.run_id] = run

    def _with_pipelines(self) -> Iterator[tuple[Run, set[str]]]:
        """Every run with its pipelines."""
        for run_id, folder in self._folders.items():
            yield folder.run[run_id], {task.pipeline for task in folder.tasks.values()}

    def _durations(self) -> Iterator[tuple[str, int]]:
        """Task id and microseconds of every successful attempt, newest first."""
        for folder in reversed(self._folders.values()):
            for task_id, attempts in folder.attempts.items():
                for _, one in sorted(attempts.items(), reverse=True):
                    if one.state == TaskState.SUCCEEDED and one.started_at and one.finished_at:
                        wall = (micros(one.finished_at) or 0) - (micros(one.started_at) or 0)
                        yield task_id, wall if one.duration_s is None else int(one.duration_s * 1e6)

    def _parts(self) -> dict[str, list[tuple[str, list[TaskRun]]]]:
        """Pipeline -> run id and the pipeline's tasks there, newest run first."""
        parts: dict[str, list[tuple[str, list[TaskRun]]]] = {}
        for run_id, folder in reversed(self._folders.items()):
            tasks: dict[str, list[TaskRun]] = {}
            for task in folder.tasks.values():
                tasks.setdefault(task.pipeline, []).append(task)
            for pipeline, some in tasks.items():
                parts.setdefault(pipeline, []).append((run_id, some))
        return parts


def _summary(pipeline: PipelineState, parts: Sequence[tuple[str, list[TaskRun]]]) -> PipelineSummary:
    last = next(((run_id, tasks) for run_id, tasks in parts if rank(tasks) != SKIPPED), None)
    success = next((tasks for _, tasks in parts if rank(tasks) == SUCCEEDED), [])
    if last is None:
        return PipelineSummary(pipeline, active=False)
    run_id, tasks = last
    active = rank(tasks) == UNFINISHED
    return PipelineSummary(
        pipeline=pipeline,
        active=active,
        last_run_id=run_id,
        last_state=word(rank(tasks)),
        last_started_at=min((task.started_at for task in tasks if task.started_at), default=None),
        last_finished_at=None if active else _finished(tasks),
        last_success_at=_finished(success),
    )


def _settled(task: TaskRun) -> TaskRun:
    return task._replace(reason=_plain_reason(task.reason), outputs=from_json(to_json(task.outputs)))


def _plain_reason(reason: Reason | None) -> Reason | None:
    return reason and reason._replace(text=plain(reason.text) or "")


def _finished(tasks: Iterable[TaskRun]) -> datetime | None:
    return max((task.finished_at for task in tasks if task.finished_at), default=None)
