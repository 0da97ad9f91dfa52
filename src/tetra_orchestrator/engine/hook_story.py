"""What a hook is told of its run, and whether what succeeded had failed before."""

from __future__ import annotations

from tetra_orchestrator.core.progress import FAILURES
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.core.states import RUN_ACTIVE, RunState, TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tetra_orchestrator.core.history import Run, TaskRun
    from tetra_orchestrator.core.model import Json, Reason
    from tetra_orchestrator.ports import Store, Subject

SCHEMA = "tetra.hook/1"
#: How many of the latest runs are looked through for the one before.
RECENT = 50
_BAD = (RunState.FAILED, RunState.TIMED_OUT, RunState.LOST)


class Moment(Record):
    """When a hook is called, and how the run or pipeline stands then; without a state it is under way.

    `lateness_s` is by how many seconds the run began after its slot, `recovered_from` the run that had failed.
    """

    at: datetime
    state: RunState | None = None
    exit_code: int | None = None
    reason: Reason | None = None
    lateness_s: float | None = None
    recovered_from: str | None = None


class Story(Record):
    """The same as variables of the environment, and with more as a JSON document."""

    variables: Mapping[str, str]
    document: bytes


def story(hook: str, pipeline: str | None, subject: Subject, moment: Moment) -> Story:
    """What the hook is told. Variables of which nothing is known are absent."""
    run, rows = subject.run, _rows(pipeline, subject, moment)
    assert run is not None
    failed = [row.task_id for row in rows if row.state in FAILURES]
    state = moment.state or RunState.RUNNING
    known = {
        "TETRA_HOOK": hook,
        "TETRA_PIPELINE": pipeline,
        "TETRA_RUN_STATE": state.value,
        "TETRA_EXIT_CODE": None if moment.exit_code is None else str(int(moment.exit_code)),
        "TETRA_FAILED_TASKS": ",".join(failed),
        "TETRA_LATENESS_S": None if moment.lateness_s is None else f"{moment.lateness_s:.3f}",
        "TETRA_RUN_LOG": subject.log,
    }
    from json import dumps

    document: dict[str, Json] = {
        "schema": SCHEMA,
        "hook": hook,
        "pipeline": pipeline,
        "at": instant(moment.at),
        "run": _of_run(run, subject, state, moment),
        "failed_tasks": list(failed),
        "tasks": [_of_task(row) for row in rows],
        "recovered_from": moment.recovered_from,
    }
    return Story({name: text for name, text in known.items() if text is not None}, dumps(document).encode() + b"\n")


def _rows(pipeline: str | None, subject: Subject, moment: Moment) -> list[TaskRun]:
    """The tasks that it is about, once they are over."""
    if moment.state is None:
        return []
    return [row for row in subject.rows() if pipeline in (None, row.pipeline)]


def _of_run(run: Run, subject: Subject, state: RunState, moment: Moment) -> dict[str, Json]:
    return {
        "run_id": run.run_id,
        "project": run.project,
        "mode": run.mode,
        "trigger": run.trigger,
        "schedule": run.schedule,
        "slot": instant(run.slot) if run.slot else None,
        "lateness_s": moment.lateness_s,
        "partition": run.partition._asdict() if run.partition else None,
        "state": state.value,
        "reason": moment.reason._asdict() if moment.reason else None,
        "exit_code": None if moment.exit_code is None else int(moment.exit_code),
        "log": subject.log,
    }


def _of_task(row: TaskRun) -> dict[str, Json]:
    reason = row.reason._asdict() if row.reason else None
    return {"id": row.task_id, "state": str(row.state), "reason": reason, "attempts": row.attempts}


def recovered_from(run: Run, pipeline: str | None, store: Store) -> str | None:
    """The run before this one, for the same mode and dates, where the pipeline (None: the whole run) failed in it.

    One that was cancelled, or in which the pipeline did not run, tells nothing: then the one before that counts.
    """
    own = {row.pipeline for row in store.task_runs(run.run_id)}
    for old in store.runs(limit=RECENT, pipeline=pipeline):
        if old.run_id == run.run_id or (old.mode, old.partition) != (run.mode, run.partition):
            continue
        if old.state in RUN_ACTIVE or old.state == RunState.CANCELLED:
            continue
        rows = store.task_runs(old.run_id)
        if run.mode is None and {row.pipeline for row in rows} != own:
            continue
        tried = [row for row in rows if pipeline in (None, row.pipeline) and row.state != TaskState.SKIPPED]
        if tried:
            bad = any(row.state in FAILURES for row in tried) if pipeline else old.state in _BAD
            return old.run_id if bad else None
    return None
