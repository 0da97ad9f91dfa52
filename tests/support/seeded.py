"""Histories written into a store: a month of a small project, runs of very many tasks, very many runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from tetra_orchestrator.core import slots as words
from tetra_orchestrator.core.alerts import Alert, Filed
from tetra_orchestrator.core.changes import AttemptClosed, AttemptOpened, OutputsSaved, RunMoved, TaskMoved
from tetra_orchestrator.core.facts import Facts, Usage
from tetra_orchestrator.core.history import Attempt, PipelineState, Run, TaskRun
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.slots import Cursor, Slot
from tetra_orchestrator.core.states import RunState, TaskState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.changes import Change
    from tetra_orchestrator.ports import Store

CHAIN = ("extract", "clean", "features", "train", "publish")
SECONDS = {"extract": 40.0, "clean": 95.0, "features": 160.0, "train": 420.0, "publish": 12.0}
ANSWER = Reason("exited", "exited with code 1")
BEHIND = Reason("dependency_failed", "a dependency failed")
_T, _R = TaskState, RunState


class Try:
    """One attempt: seconds that it waited and took, its exit code, and the end of its log."""

    def __init__(self, took: float, code: int = 0, waited: float = 0.0, tail: str | None = None):
        self.took, self.code, self.waited, self.tail = took, code, waited, tail


def write_run(
    store: Store,
    run: Run,
    tries: Mapping[str, Sequence[Try]],
    *,
    starts: Mapping[str, float] | None = None,
    outputs: Mapping[str, Mapping[str, object]] | None = None,
    config: str = "{}",
) -> Run:
    """A run that is over. Tasks without tries did not run; each begins at its start (seconds), else behind the last."""
    assert run.started_at
    rows = [TaskRun(run.run_id, name, name.partition(".")[0], at, "pending") for at, name in enumerate(tries)]
    names = dict.fromkeys(row.pipeline for row in rows)
    pipelines = [PipelineState(name, 86400.0, position=at) for at, name in enumerate(names)]
    store.open_run(run._replace(state="running"), rows, pipelines, config)
    changes: list[Change] = []
    now = end = 0.0
    for name, own in tries.items():
        now = (starts or {}).get(name, now)
        now = _tell_task(changes, run, name, own, now)
        end = max(end, now)
        if outputs and name in outputs:
            changes.append(OutputsSaved(run.run_id, name, outputs[name]))  # type: ignore[arg-type]
    good = all(own and own[-1].code == 0 for own in tries.values())
    state = _R.SUCCEEDED if good else _R.FAILED
    over = run.started_at + timedelta(seconds=end)
    changes.append(RunMoved(run.run_id, _R.RUNNING, state, over, end, 0 if good else 2))
    store.record(changes)
    return run


def _tell_task(changes: list[Change], run: Run, name: str, own: Sequence[Try], now: float) -> float:
    began = run.started_at
    assert began

    def at(seconds: float) -> datetime:
        return began + timedelta(seconds=seconds)

    if not own:
        changes.append(TaskMoved(run.run_id, name, _T.PENDING, _T.UPSTREAM_FAILED, 0, 0, at(now), BEHIND))
        return now
    state, version = _T.PENDING, 0
    for number, one in enumerate(own, 1):
        now += one.waited
        log = f"/project/logs/runs/{run.run_id}/{name}.{number}.log"
        opened = Attempt(run.run_id, name, number, f"{run.run_id}-{name}-{number}", "submitted", log)
        changes.append(AttemptOpened(opened._replace(started_at=at(now), waited_s=one.waited)))
        for after in (_T.SUBMITTED, _T.RUNNING):
            changes.append(TaskMoved(run.run_id, name, state, after, version, number, at(now)))
            state, version = after, version + 1
        now += one.took
        used = Facts(Usage(one.took * 0.7, int(3e7 + 1e6 * one.took)))
        changes.append(AttemptClosed(run.run_id, name, number, Exited(one.code), at(now), one.tail, used, one.took))
        last = number == len(own)
        after = _T.SUCCEEDED if one.code == 0 else _T.FAILED if last else _T.WAITING_RETRY
        reason = None if one.code == 0 else ANSWER
        changes.append(TaskMoved(run.run_id, name, state, after, version, number, at(now), reason))
        state, version = after, version + 1
    return now


def month(store: Store, now: datetime, days: int = 30) -> None:
    """A nightly chain and a weekly one: a slow night, a failed one, a missed one, a late one, one that was paused."""
    chance = Random(7)
    nightly, weekly = [], []
    first = (now - timedelta(days=days)).replace(hour=2, minute=0, second=0, microsecond=0)
    for day in range(days + 1):
        at = first + timedelta(days=day)
        if not now - timedelta(days=days) < at < now:
            continue
        nightly.append(_night(store, at, day, chance))
        if at.weekday() == 6:
            weekly.append(_run_slot(store, "weekly", at + timedelta(hours=3), "weekly", _chain(chance, 3.0)))
    for name, slots in (("nightly", nightly), ("weekly", weekly)):
        store.ledger.settle(None, Cursor(name, "* * * * *", first, now), [slot for slot in slots if slot])
    alert(store, now - timedelta(days=3), "pipeline_failed", "features failed", now - timedelta(days=2))
    alert(store, now - timedelta(hours=5), "disk_full", "the disk of the store has 4 % left", None)


def _night(store: Store, at: datetime, day: int, chance: Random) -> Slot | None:
    if day == 11:
        return _slot("nightly", at, words.MISSED)._replace(reason=words.MACHINE_OFF)
    if day in (16, 17):
        return _slot("nightly", at, words.PAUSED)._replace(reason=Reason("paused", "the schedule was paused"))
    tries = _chain(chance, 2.5 if day == 21 else 1.0)
    if day in (8, 27):
        tail = "reading 120000 rows\nTraceback (most recent call last):\nMemoryError: cannot allocate 2.1 GB"
        tries |= {"features": [Try(30.0, 1, tail=tail), Try(31.0, 1, 60.0, tail)], "train": [], "publish": []}
    return _run_slot(store, "nightly", at, "daily", tries, late_s=2400.0 if day == 5 else 2.0)


def _chain(chance: Random, factor: float) -> dict[str, list[Try]]:
    return {
        name: [Try(SECONDS[name] * factor * chance.uniform(0.9, 1.15), waited=chance.choice((0, 0, 4)))]
        for name in CHAIN
    }


def _slot(schedule: str, at: datetime, outcome: str) -> Slot:
    return Slot(schedule, at, outcome, at + timedelta(seconds=60), schedule, settled_at=at + timedelta(seconds=90))


def _run_slot(
    store: Store, schedule: str, at: datetime, mode: str, tries: Mapping[str, Sequence[Try]], late_s: float = 2.0
) -> Slot:
    run_id = f"{at:%Y%m%dT%H%M%SZ}-{schedule[:6]:a<6}"
    begun = at + timedelta(seconds=late_s)
    write_run(store, Run(run_id, "demo", mode, "schedule", "running", "0" * 16, begun), tries)
    outcome = words.LATE if late_s > 60 else words.RAN
    return _slot(schedule, at, outcome)._replace(run_id=run_id, lateness_s=late_s)


def alert(store: Store, at: datetime, code: str, title: str, over: datetime | None, run_id: str | None = None) -> None:
    """An alert that somebody was told of."""
    found = Alert(
        0, f"{code}:{title}", code, "high", "features", title, f"{title}.", "tetra show", (), at, run_id, at, None, over
    )
    store.alerts.file([Filed(found)])


def crowd(store: Store, at: datetime, count: int) -> Run:
    """A run of so many tasks, sixteen at a time; every ninetieth fails once, every five hundredth for good."""
    chance = Random(3)
    tries: dict[str, list[Try]] = {}
    starts: dict[str, float] = {}
    lanes = [0.0] * 16
    for number in range(count):
        name = f"load.part_{number:05}"
        lane = number % 16
        took = chance.uniform(0.5, 9.0)
        tail = f"part {number}\nConnectionResetError: peer closed the connection"
        own = [Try(took, waited=chance.uniform(0.0, 0.4))]
        if number % 500 == 499:
            own = [Try(took, 1, tail=tail)]
        elif number % 90 == 89:
            own = [Try(took, 1, tail=tail), Try(took, waited=2.0)]
        tries[name], starts[name] = own, lanes[lane]
        lanes[lane] += sum(one.took + one.waited for one in own)
    run = Run(f"{at:%Y%m%dT%H%M%SZ}-crowds", "demo", "full", "manual", "running", "0" * 16, at)
    return write_run(store, run, tries, starts=starts)


def many_runs(store: Store, now: datetime, count: int, days: int = 30) -> None:
    """So many runs of a schedule within these days; one in fifty fails."""
    chance = Random(5)
    step = timedelta(days=days) / (count + 1)
    slots = []
    for number in range(count):
        at = (now - timedelta(days=days) + step * (number + 1)).replace(microsecond=0)
        run_id = f"{at:%Y%m%dT%H%M%SZ}-{number:06}"
        tries = {"poll": [Try(chance.uniform(2.0, 3.0))], "push": [Try(chance.uniform(0.5, 0.8))]}
        if number % 50 == 49:
            tries = {"poll": [Try(1.0, 1, tail="timed out")], "push": []}
        write_run(store, Run(run_id, "demo", "poll", "schedule", "running", "0" * 16, at), tries)
        slots.append(_slot("poll", at, words.RAN)._replace(run_id=run_id, lateness_s=1.0))
    store.ledger.settle(None, Cursor("poll", "* * * * *", now - timedelta(days=days), now), slots)
