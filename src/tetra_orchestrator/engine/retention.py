"""Removes what `logs.keep` no longer keeps: some of it behind every run, all of it when asked for.

Files go first, then the rows that tell of them. Nothing of it changes a run that has ended.
"""

from __future__ import annotations

from datetime import timedelta

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.retention import MOST, outlived, slots_before
from tetra_orchestrator.errors import CannotWrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Keep, Reason
    from tetra_orchestrator.core.retention import Stray
    from tetra_orchestrator.ports import Clock, Store, Strays, Workspace

#: More runs than a store ever has.
ALL = 1 << 31
#: Seconds after which what is left waits for the end of the next run.
LONGEST_S = 2.0
#: The most slots that go in one commit, as others wait for the store meanwhile.
SLOTS_AT_ONCE = 5000
#: Files that belong to no run stay so long: somebody may be about to record it.
STRAY_AGE = timedelta(days=1)


class Leaving(Record):
    """A run that goes, with the reason, and the bytes of its files."""

    run: Run
    reason: Reason
    files_bytes: int


class Sweep(Record):
    """What goes: runs, oldest first; so many settled slots that were due before an instant; files of no run."""

    runs: tuple[Leaving, ...]
    slots_before: datetime
    slots: int
    strays: tuple[Stray, ...]


def prune(keep: Keep, store: Store, workspace: Workspace, clock: Clock) -> list[str]:
    """Remove the oldest runs beyond the limits, no more than takes a moment, and return their ids.

    A run whose files cannot be removed stays; then, after all others, raises `CannotWrite` for the first of them.
    """
    until, now = clock.monotonic() + LONGEST_S, clock.now()
    runs, needed = store.runs(limit=ALL), store.needed()
    old = outlived(runs, keep, now, needed, workspace.size)[:MOST]
    gone, faults = _remove((one.run for one in old), store, workspace, lambda: clock.monotonic() > until)
    if gone:
        _forget_slots(store, slots_before(keep, now, runs, gone, needed), SLOTS_AT_ONCE)
    if faults:
        raise faults[0]
    return gone


def survey(keep: Keep, store: Store, workspace: Workspace, strays: Strays, now: datetime) -> Sweep:
    """All that is beyond the limits, and files that belong to no run. Nothing is changed.

    Where there is no run at all, files stay: this may not be the store that knows of them.
    """
    runs, needed = store.runs(limit=ALL), store.needed()
    leaving = [Leaving(*one, workspace.size(one.run)) for one in outlived(runs, keep, now, needed, workspace.size)]
    before = slots_before(keep, now, runs, {one.run.run_id for one in leaving}, needed)
    left = strays.find(runs, now - STRAY_AGE, before) if runs else []
    return Sweep(tuple(leaving), before, store.ledger.outdated(before) if any(keep) else 0, tuple(left))


def sweep(found: Sweep, store: Store, workspace: Workspace, strays: Strays) -> list[CannotWrite]:
    """Remove what the survey has found, and return what of it could not be, which stays."""
    _, faults = _remove((one.run for one in found.runs), store, workspace, lambda: False)
    for stray in found.strays:
        try:
            failpoints.hit("prune.files")
            strays.remove(stray)
            failpoints.hit("prune.files.commit")
        except CannotWrite as fault:
            faults.append(fault)
    left = found.slots
    while left > 0 and _forget_slots(store, found.slots_before, min(left, SLOTS_AT_ONCE)):
        left -= SLOTS_AT_ONCE
    return faults


def _remove(
    runs: Iterable[Run], store: Store, workspace: Workspace, late: Callable[[], bool]
) -> tuple[list[str], list[CannotWrite]]:
    """Remove the runs until it is late; the ids of those that have gone, and why others have not."""
    gone: list[str] = []
    faults: list[CannotWrite] = []
    for run in runs:
        try:
            failpoints.hit("prune.files")
            workspace.remove(run)
            failpoints.hit("prune.files.commit")
        except CannotWrite as fault:
            faults.append(fault)
            continue
        failpoints.hit("prune.rows")
        store.forget(run.run_id)  # one at a time, as others wait for the store meanwhile
        failpoints.hit("prune.rows.commit")
        gone.append(run.run_id)
        if late():
            break
    return gone, faults


def _forget_slots(store: Store, before: datetime, most: int) -> int:
    if not store.ledger.outdated(before):
        return 0
    failpoints.hit("prune.rows")
    gone = store.ledger.forget(before, most)
    failpoints.hit("prune.rows.commit")
    return gone
