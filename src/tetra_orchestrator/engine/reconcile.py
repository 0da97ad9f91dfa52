"""Settles what a dead owner left behind. The first act of every command.

Truth comes from the kernel (does the owner hold its run's lock, is its process alive?), never from a heartbeat.
Commands that only read settle rows; only commands that may signal also end the processes that survived. An attempt in
the care of a wrapper lives on, and is taken up with its outcome and outputs once that has left them.
"""

from __future__ import annotations

from tetra_orchestrator.core.history import LOCAL
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.slots import between
from tetra_orchestrator.core.states import RunState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tetra_orchestrator.core.history import Attempt, Run
    from tetra_orchestrator.core.model import Schedule
    from tetra_orchestrator.file_ports import Workspace
    from tetra_orchestrator.ports import Clock, Locks, Processes, Store

#: Seconds between TERM and KILL for what survived its owner.
GRACE_S = 2.0
#: How a run can have been settled whose attempts nobody has seen end, and how those are called then.
_SETTLED, _UNSEEN = (RunState.LOST, RunState.CANCELLED), ("lost", "cancelled")
#: How many of the latest runs are looked through for survivors.
RECENT = 20


class Scene(Record):
    """Where runs are looked for, and what tells how they are.

    `due` gives the slots of a schedule after one instant and up to another.
    """

    store: Store
    clock: Clock
    processes: Processes
    locks: Locks
    workspace: Workspace
    due: Callable[[Schedule, datetime, datetime], list[datetime]] = between


def lock_of(run_id: str) -> str:
    """The lock that the owner of a run holds as long as it lives."""
    return f"run-{run_id}"


def is_owned(run: Run, scene: Scene) -> bool:
    """Whether the process that performs the run lives, be it in another process namespace."""
    alive = run.owner is not None and scene.processes.is_alive(run.owner)
    return alive or scene.locks.is_held(lock_of(run.run_id))


def reconcile(scene: Scene, *, end_survivors: bool) -> list[str]:
    """Settle every active run whose owner is dead; returns the ids of those that are over now.

    With `end_survivors` the processes of bare attempts that are still alive are ended first, so that nothing runs
    behind a row that says `lost`; also those of runs that a command which only reads has settled before.
    """
    if end_survivors:
        _sweep(scene)
    orphans = [run for run in scene.store.runs(active=True, limit=1000) if not is_owned(run, scene)]
    if not orphans:
        return []
    from tetra_orchestrator.engine.settle import settle

    return [run.run_id for run in orphans if settle(run, scene, end_survivors=end_survivors)]


def survivors(run_id: str, scene: Scene) -> list[Attempt]:
    """The attempts of a run that live although its owner may have died: those in the care of a wrapper."""
    open_ = [one for one in scene.store.attempts(run_id) if one.kind is None and one.runner != LOCAL]
    alive = scene.processes.survived({one.token: one.handle for one in open_}) if open_ else set()
    return [one for one in open_ if one.token in alive]


def _sweep(scene: Scene) -> None:
    """End what survived recent runs that others have settled. Where nothing did, that takes one look at the table."""
    runs = scene.store.among(RECENT, _SETTLED)
    attempts = [one for run_id in runs for one in scene.store.attempts(run_id) if one.kind in _UNSEEN]
    handles = {one.token: one.handle for one in attempts}
    alive = scene.processes.survived(handles) if handles else set()
    if alive:
        scene.processes.end_trees({token: handles[token] for token in handles if token in alive}, GRACE_S)
