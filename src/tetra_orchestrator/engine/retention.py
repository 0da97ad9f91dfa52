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
    from tetra_orchestrator.file_ports import Strays, Workspace
    from tetra_orchestrator.ports import Clock, Store
    from tetra_orchestrator.store_parts import Alerts, Ledger

#: More runs than a store ever has.
ALL = 1 << 31
#: Seconds after which what is left waits for the end of the next run.
LONGEST_S = 2.0
#: The most slots or alerts that go in one commit, as others wait for the store meanwhile.
SLOTS_AT_ONCE, ALERTS_AT_ONCE = 5000, 500
#: Files that belong to no run stay so long: somebody may be about to record it.
STRAY_AGE = timedelta(days=1)


class Leaving(Record):
    """A run that goes, with the reason, and the bytes of its files."""

    run: Run
    reason: Reason
    files_bytes: int


class Sweep(Record):
    """What goes: runs, oldest first; so many slots and alerts that were settled before an instant; files of no run.

    `at` is when that was found. Where nobody is told of anything any more, so many alerts that are open are `closed`;
    else None.
    """

    at: datetime
    runs: tuple[Leaving, ...]
    slots_before: datetime
    slots: int
    strays: tuple[Stray, ...]
    alerts: int = 0
    closed: int | None = None


def prune(keep: Keep, store: Store, workspace: Workspace, clock: Clock, *, telling: bool = True) -> list[str]:
    """Remove the oldest runs beyond the limits, no more than takes a moment, and return their ids.

    A run whose files cannot be removed stays; then, after all others, raises `CannotWrite` for the first of them.
    Without `telling`, as the project tells nobody of anything, no run waits to be told.
    """
    until, now = clock.monotonic() + LONGEST_S, clock.now()
    runs, needed = store.runs(limit=ALL), store.needed()
    if not telling and any(run.tells for run in runs):
        _forsake(store, now)
        runs = store.runs(limit=ALL)
    old = outlived(runs, keep, now, needed, workspace.size)[:MOST]
    gone, faults = _remove((one.run for one in old), store, workspace, lambda: clock.monotonic() > until)
    if gone:
        before = slots_before(keep, now, runs, gone, needed)
        _forget(store.ledger, before, SLOTS_AT_ONCE)
        _forget(store.alerts, before, ALERTS_AT_ONCE)
    if faults:
        raise faults[0]
    return gone


def survey(
    keep: Keep, store: Store, workspace: Workspace, strays: Strays, now: datetime, *, telling: bool = True
) -> Sweep:
    """All that is beyond the limits, and files that belong to no run. Nothing is changed. `telling` is as in `prune`.

    Where there is no run at all, files stay: this may not be the store that knows of them.
    """
    runs, needed = store.runs(limit=ALL), store.needed()
    if not telling:
        runs = [run._replace(tells=False) for run in runs]
    leaving = [Leaving(*one, workspace.size(one.run)) for one in outlived(runs, keep, now, needed, workspace.size)]
    before = slots_before(keep, now, runs, {one.run.run_id for one in leaving}, needed)
    left = strays.find(runs, now - STRAY_AGE, before) if runs else []
    slots, alerts = (part.outdated(before) if any(keep) else 0 for part in (store.ledger, store.alerts))
    closed = None if telling else len(store.alerts.open())
    return Sweep(now, tuple(leaving), before, slots, tuple(left), alerts, closed)


def sweep(found: Sweep, store: Store, workspace: Workspace, strays: Strays) -> list[CannotWrite]:
    """Remove what the survey has found, and return what of it could not be, which stays."""
    if found.closed is not None:
        _forsake(store, found.at)
    _, faults = _remove((one.run for one in found.runs), store, workspace, lambda: False)
    for stray in found.strays:
        try:
            failpoints.hit("prune.files")
            strays.remove(stray)
            failpoints.hit("prune.files.commit")
        except CannotWrite as fault:
            faults.append(fault)
    _forget_all(store.ledger, found.slots_before, found.slots, SLOTS_AT_ONCE)
    _forget_all(store.alerts, found.slots_before, found.alerts, ALERTS_AT_ONCE)
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


def _forget_all(part: Ledger | Alerts, before: datetime, left: int, at_once: int) -> None:
    while left > 0 and _forget(part, before, min(left, at_once)):
        left -= at_once


def _forget(part: Ledger | Alerts, before: datetime, most: int) -> int:
    if not part.outdated(before):
        return 0
    failpoints.hit("prune.rows")
    gone = part.forget(before, most)
    failpoints.hit("prune.rows.commit")
    return gone


def _forsake(store: Store, now: datetime) -> None:
    from tetra_orchestrator.engine.forsaken import forsake

    forsake(store.alerts, now)
