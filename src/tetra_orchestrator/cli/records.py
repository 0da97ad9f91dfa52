"""Runs and tasks in the published JSON shapes of DESIGN.md section 11, and finding a run by name."""

from __future__ import annotations

from datetime import datetime, timedelta

from tetra_orchestrator.cli.output import instant
from tetra_orchestrator.core.selection import suggest
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from tetra_orchestrator.core.facts import Usage
    from tetra_orchestrator.core.history import Attempt, Run, TaskRun
    from tetra_orchestrator.ports import Store


#: Runs that a hint names.
SHOWN = 3


class SeveralRuns(UsageError):
    """What was given of an id is the beginning of several."""


def find_run(store: Store, run_id: str | None, pipeline: str | None = None) -> Run:
    """The run called `run_id`, or whose id alone begins so (`latest` and None: the newest, of `pipeline` if given)."""
    if run_id not in (None, "latest"):
        return store.run(str(run_id)) or _beginning(str(run_id), store)
    runs = store.runs(limit=1, pipeline=pipeline)
    if not runs:
        subject = f"'{pipeline}' has not run yet" if pipeline else "nothing has run yet"
        raise UsageError(subject, hint="start it with `tetra run --mode MODE`")
    return runs[0]


def _beginning(text: str, store: Store) -> Run:
    found = store.named(text, SHOWN + 1) if text else []
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(one.run_id for one in found[:SHOWN])
        more = " and more" if len(found) > SHOWN else ""
        raise SeveralRuns(f"several runs begin with '{text}'", hint=f"the latest are: {names}{more}")
    recent = [one.run_id for one in store.runs(limit=SHOWN)]
    raise UsageError(f"there is no run '{text}'", hint=suggest(text, recent or ["none yet"], "the latest are"))


def began(run: Run) -> datetime:
    """When the run began; where it has not, the end of the second in which it was asked for."""
    return run.started_at or datetime.fromisoformat(run.run_id.partition("-")[0]) + timedelta(seconds=1)


def run_row(run: Run) -> dict[str, Any]:
    """A run as `history` and `show` publish it."""
    row: dict[str, Any] = run._asdict()
    del row["owner"], row["tells"]  # between us and ourselves
    for name in ("started_at", "finished_at", "slot"):
        row[name] = instant(row[name])
    row["duration_s"] = None if run.duration_s is None else round(run.duration_s, 3)
    row["partition"] = run.partition._asdict() if run.partition else None
    return row


def usage_row(usage: Usage) -> dict[str, float | None]:
    """What attempts took as `history` and `show` publish it."""
    cpu_s = None if usage.cpu_s is None else round(usage.cpu_s, 6)
    return {**usage._asdict(), "cpu_s": cpu_s}


def by_task(attempts: Iterable[Attempt]) -> dict[str, list[Attempt]]:
    """The attempts of each task, in their order."""
    groups: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        groups.setdefault(attempt.task_id, []).append(attempt)
    return groups


def task_row(task: TaskRun, attempts: Iterable[Attempt]) -> dict[str, Any]:
    """A task with its attempts as `show` publishes it."""
    return {
        "id": task.task_id,
        "state": task.state,
        "reason": task.reason._asdict() if task.reason else None,
        "outputs": dict(task.outputs or {}),
        "attempts": [_attempt_row(one) for one in attempts],
    }


def _attempt_row(attempt: Attempt) -> dict[str, Any]:
    ended = attempt.kind is not None
    return {
        "n": attempt.number,
        "state": attempt.state,
        "outcome": {"kind": attempt.kind, "code": attempt.exit_code, "signal": attempt.signal} if ended else None,
        "started_at": instant(attempt.started_at),
        "finished_at": instant(attempt.finished_at),
        "waited_s": attempt.waited_s,
        "duration_s": attempt.duration_s,
        "runner": attempt.runner,
        "handle": attempt.handle,
        "log": attempt.log,
        "limits": dict(attempt.facts.limits),
        "usage": usage_row(attempt.facts.usage),
        "tree_gone_by": attempt.facts.gone,
        "note": attempt.facts.note,
    }
