"""Which runs of the past go: arithmetic over what there is. What is needed later never goes, whatever the limits."""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator.core.states import RUN_TERMINAL, RunState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Keep

#: The most that go at one time, so that nobody waits long for it.
MOST = 100
#: How long a lost run stays in any case: by its tokens, processes are found that have survived their owner.
LOST_GRACE = timedelta(days=1)


def outlived(
    runs: Sequence[Run], keep: Keep, now: datetime, needed: Collection[str], size_of: Callable[[Run], int]
) -> list[Run]:
    """The runs beyond one of the limits, oldest first, at most `MOST` of them.

    `runs` are all there are, newest first; `needed` are ids of those that stay. `size_of` tells the bytes of a run's
    files: it is asked only where they are limited, and only until there are too many.
    """
    beyond = [run for run in _beyond(runs, keep, now, size_of) if run.run_id not in needed and _may_go(run, now)]
    return beyond[::-1][:MOST]


def _beyond(runs: Sequence[Run], keep: Keep, now: datetime, size_of: Callable[[Run], int]) -> Iterator[Run]:
    """All but the newest run of all that are beyond one of the limits; each is after those that are newer."""
    used = 0
    for place, run in enumerate(runs, start=1):
        is_beyond = _is_past(place, run, keep, now)
        if keep.total_bytes is not None and not is_beyond:
            used += size_of(run) if used <= keep.total_bytes else 0
            is_beyond = used > keep.total_bytes
        if is_beyond and place > 1:
            yield run


def _is_past(place: int, run: Run, keep: Keep, now: datetime) -> bool:
    if keep.runs is not None and place > keep.runs:
        return True
    return keep.days is not None and run.finished_at is not None and now - run.finished_at > timedelta(keep.days)


def _may_go(run: Run, now: datetime) -> bool:
    if run.state == RunState.LOST:
        return run.finished_at is not None and now - run.finished_at > LOST_GRACE
    return run.state in RUN_TERMINAL
