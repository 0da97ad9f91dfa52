"""Which partitions a backfill runs and why, how long that takes, and how it went: arithmetic over what is known."""

from __future__ import annotations

from heapq import heapify, heapreplace
from math import ceil

from tetra_orchestrator.core.admission import PLACES, SESSION, Room
from tetra_orchestrator.core.backfill import PENDING, SKIPPED, PartitionState
from tetra_orchestrator.core.model import LOCAL, Reason
from tetra_orchestrator.core.nodes import estimates
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import duration, instant
from tetra_orchestrator.core.states import RUN_ACTIVE, RunState
from tetra_orchestrator.errors import Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.admission import Limits
    from tetra_orchestrator.core.history import Partition
    from tetra_orchestrator.core.model import Task

MISSING, FAILED, STALE, ALL = "missing", "failed", "stale", "all"
#: Which partitions are run: those without a success, whose last run failed, whose data is out of date, or every one.
ONLY = (MISSING, FAILED, STALE, ALL)


class Before(Record):
    """How the last run for a partition went, and when it ended (aware UTC); `run_id` may be forgotten."""

    state: str
    run_id: str | None
    at: datetime


class Inputs(Record):
    """What makes a success stale: a newer one of the pipeline `name`, outside of the mode, at `at`; or its age."""

    name: str | None = None
    at: datetime | None = None
    max_age_s: float | None = None


def choose(
    slices: Sequence[Partition],
    before: Mapping[tuple[str, str], Before],
    only: str,
    inputs: Inputs,
    now: datetime,
) -> list[PartitionState]:
    """The partitions with what is decided: pending, or skipped with the reason. `before` is by (start, end)."""
    chosen = []
    for position, (start, end) in enumerate(slices):
        runs, reason = _decide(before.get((start, end)), only, inputs, now)
        chosen.append(PartitionState(start, end, position, PENDING if runs else SKIPPED, None, reason))
    return chosen


def _decide(last: Before | None, only: str, inputs: Inputs, now: datetime) -> tuple[bool, Reason]:
    if last is not None and last.state in RUN_ACTIVE:
        return False, Reason("active", f"run {last.run_id} is {last.state}")
    if only == ALL:
        return True, Reason("all", "every partition was asked for")
    if last is None:
        return only == MISSING, Reason("missing", "it has not been run")
    if last.state != RunState.SUCCEEDED:
        text = f"its last run, {last.run_id}, ended {last.state.replace('_', ' ')}"
        return only in (MISSING, FAILED), Reason("failed", text)
    stale = _staleness(last, inputs, now) if only == STALE else None
    return (True, stale) if stale else (False, Reason("succeeded", f"it succeeded in run {last.run_id}"))


def _staleness(last: Before, inputs: Inputs, now: datetime) -> Reason | None:
    """Why a success is out of date, None where it is not."""
    if inputs.at is not None and inputs.at > last.at:
        text = f"it succeeded at {instant(last.at)}, and {inputs.name} has done so since, at {instant(inputs.at)}"
        return Reason("stale", text)
    age_s = (now - last.at).total_seconds()
    if inputs.max_age_s is not None and age_s > inputs.max_age_s:
        text = f"it succeeded {duration(age_s)} ago, over the limit of {duration(inputs.max_age_s)}"
        return Reason("stale", text)
    return None


def at_once(tasks: Sequence[Task], limits: Limits, expected_s: Mapping[str, float], run_s: float) -> float:
    """How many runs of these tasks, of `run_s` seconds each, get on at the same time beside each other at most.

    A pool of 2 lets two tasks that take 1 of it run; where they are a tenth of their run, that is 20 runs.
    """
    room, seconds = Room(limits), estimates(tasks, expected_s)
    busy_s: dict[str, float] = {}
    for task in tasks:
        for name, amount in ((PLACES, int(task.runner == LOCAL)), *room.share(task)):
            if amount and not name.startswith(SESSION):
                busy_s[name] = busy_s.get(name, 0.0) + seconds[task.id] / max(room.sizes[name] // amount, 1)
    busiest_s = max(busy_s.values(), default=0.0)
    return max(run_s / busiest_s, 1.0) if busiest_s else 1.0


def left_s(each_s: float, waiting: int, running_s: Sequence[float], lanes: float) -> float:
    """Seconds until all are done: so many wait, others have been running for so long, so many are under way at once."""
    whole = max(ceil(lanes - 1e-9), len(running_s), 1)
    ends = [max(each_s - already, 0.0) for already in running_s]
    ends += [0.0] * (whole - len(ends))
    heapify(ends)
    for _ in range(waiting):
        heapreplace(ends, ends[0] + each_s)
    return max(max(ends), waiting * each_s / max(lanes, 1.0))


def verdict(partitions: Iterable[PartitionState]) -> tuple[str, int]:
    """How a backfill ended whose partitions are over: `succeeded` or `failed`, and the worst exit code."""
    states = {one.state for one in partitions} - {SKIPPED, RunState.SUCCEEDED}
    if not states:
        return RunState.SUCCEEDED.value, Exit.OK
    return RunState.FAILED.value, Exit.PARTIAL if states == {RunState.PARTIAL} else Exit.FAILED
