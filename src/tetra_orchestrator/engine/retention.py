"""Removes the runs that `logs.keep` no longer keeps, after a run has ended. It changes nothing about that run."""

from __future__ import annotations

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.retention import outlived
from tetra_orchestrator.errors import CannotWrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.model import Keep
    from tetra_orchestrator.ports import Clock, Store, Workspace

#: More runs than a store ever has.
ALL = 1 << 31
#: Seconds after which what is left waits for the end of the next run.
LONGEST_S = 2.0


def prune(keep: Keep, store: Store, workspace: Workspace, clock: Clock) -> list[str]:
    """Remove the oldest runs beyond the limits, files first, then rows, and return their ids.

    A run whose files cannot be removed stays; then, after all others, raises `CannotWrite` for the first of them.
    """
    until = clock.monotonic() + LONGEST_S
    gone: list[str] = []
    faults: list[CannotWrite] = []
    for run in outlived(store.runs(limit=ALL), keep, clock.now(), store.needed(), workspace.size):
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
        if clock.monotonic() > until:
            break
    if faults:
        raise faults[0]
    return gone
