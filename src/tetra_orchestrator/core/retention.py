"""Which parts of the past go: arithmetic over what there is. What is needed later never goes, whatever the limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import size
from tetra_orchestrator.core.states import RUN_TERMINAL, RunState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Keep

#: The most that go by themselves at one time, so that nobody waits long for it.
MOST = 100
#: How long a lost run stays in any case: by its tokens, processes are found that have survived their owner.
LOST_GRACE = timedelta(days=1)
#: How long slots stay where no days are given: a year can still be looked at whole.
SLOT_DAYS = 400
#: Nothing of ours is older, so that more days than the calendar has are no other limit than none.
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


class Old(Record):
    """A run that goes, and beyond which limit it is."""

    run: Run
    reason: Reason


class Stray(Record):
    """A file or folder of ours (absolute) that belongs to no run, and the bytes in it."""

    path: str
    size_bytes: int


def outlived(
    runs: Sequence[Run], keep: Keep, now: datetime, needed: Collection[str], size_of: Callable[[Run], int]
) -> list[Old]:
    """The runs beyond one of the limits, oldest first.

    `runs` are all there are, newest first; `needed` are ids of those that stay. `size_of` tells the bytes of a run's
    files: it is asked only where they are limited, and only until there are too many.
    """
    beyond = _beyond(runs, keep, now, size_of)
    found = [Old(run, reason) for run, reason in beyond if run.run_id not in needed and _may_go(run, now)]
    return found[::-1]


def slots_before(
    keep: Keep, now: datetime, runs: Iterable[Run], gone: Collection[str], needed: Collection[str]
) -> datetime:
    """Slots that were due and alerts that were over before this instant go: longer ago than runs are kept, and than any
    run that stays.

    Runs that stay only because something needs them do not count: one of them may be as old as the project.
    """
    began = (run.started_at for run in runs if run.run_id not in gone and run.run_id not in needed and run.started_at)
    days = SLOT_DAYS if keep.days is None else keep.days
    return min((_ago(days, now), *began))


def _beyond(
    runs: Sequence[Run], keep: Keep, now: datetime, size_of: Callable[[Run], int]
) -> Iterator[tuple[Run, Reason]]:
    """All but the newest run of all that are beyond one of the limits; each is after those that are newer."""
    used = 0
    for place, run in enumerate(runs, start=1):
        reason = _past(place, run, keep, now)
        if keep.total_bytes is not None and reason is None:
            used += size_of(run) if used <= keep.total_bytes else 0
            if used > keep.total_bytes:
                reason = Reason("bytes", f"with it the files of runs take more than {size(keep.total_bytes)}")
        if reason is not None and place > 1:
            yield run, reason


def _past(place: int, run: Run, keep: Keep, now: datetime) -> Reason | None:
    if keep.runs is not None and place > keep.runs:
        return Reason("runs", f"it is not one of the newest {keep.runs}")
    if keep.days is not None and run.finished_at is not None and run.finished_at < _ago(keep.days, now):
        return Reason("days", f"it ended more than {keep.days} days ago")
    return None


def _ago(days: int, now: datetime) -> datetime:
    return now - timedelta(days) if days < (now - _FIRST).days else _FIRST


def _may_go(run: Run, now: datetime) -> bool:
    if run.tells:  # nobody has been told of it yet
        return False
    if run.state == RunState.LOST:
        return run.finished_at is not None and now - run.finished_at > LOST_GRACE
    return run.state in RUN_TERMINAL
