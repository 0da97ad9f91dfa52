"""Settles what a dead owner left behind. The first act of every command.

Truth comes from the kernel (does the owner hold its run's lock, is its process alive?), never from a heartbeat.
Commands that only read settle rows; only commands that may signal also end the processes that survived. An attempt in
the care of a wrapper lives on, and is taken up with its outcome and outputs once that has left them.
"""

from __future__ import annotations

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.history import WRAPPED
from tetra_orchestrator.core.orphaned import Found, settling
from tetra_orchestrator.core.outcome import OutputsInvalid, succeeded
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import RunState
from tetra_orchestrator.errors import StateConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.history import Attempt, Run
    from tetra_orchestrator.core.model import Json
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.ports import AttemptFiles, Clock, Locks, Processes, Store, Workspace

#: What the owner of a run may have been asked for.
CANCEL_REQUEST, STOP_REQUEST, REPLACE_REQUEST = "cancel", "stop", "replace"
#: Seconds between TERM and KILL for what survived its owner.
GRACE_S = 2.0
#: Seconds within which a process that was being started when its owner died shows its token.
STARTING_S = 0.02
#: How many of the latest runs are looked through for survivors.
RECENT = 20


class Scene(Record):
    """Where runs are looked for, and what tells how they are."""

    store: Store
    clock: Clock
    processes: Processes
    locks: Locks
    workspace: Workspace


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
    active = scene.store.runs(active=True, limit=1000)
    return [run.run_id for run in active if not is_owned(run, scene) and _settle(run, scene, end_survivors)]


def survivors(run_id: str, scene: Scene) -> list[Attempt]:
    """The attempts of a run that live although its owner may have died: those in the care of a wrapper."""
    open_ = [one for one in scene.store.attempts(run_id) if one.kind is None and one.runner == WRAPPED]
    alive = scene.processes.survived({one.token: one.handle for one in open_}) if open_ else set()
    return [one for one in open_ if one.token in alive]


def _sweep(scene: Scene) -> None:
    """End what survived the recent runs that are lost already. Where nothing did, that takes one look at the table."""
    runs = [run for run in scene.store.runs(limit=RECENT) if run.state == RunState.LOST]
    handles = {one.token: one.handle for run in runs for one in scene.store.attempts(run.run_id) if one.kind == "lost"}
    alive = scene.processes.survived(handles) if handles else set()
    if alive:
        scene.processes.end_trees({token: handles[token] for token in handles if token in alive}, GRACE_S)


def _settle(run: Run, scene: Scene, end_survivors: bool) -> bool:
    """Record what is known of the run; True when that is its end."""
    attempts = [one for one in scene.store.attempts(run.run_id) if one.kind is None]
    if any(one.handle is None for one in attempts):
        scene.clock.wait((), STARTING_S)
    living = survivors(run.run_id, scene)
    bare = {one.token: one.handle for one in attempts if one.runner != WRAPPED}
    if end_survivors and bare:
        scene.processes.end_trees(bare, GRACE_S)
    found = [_found(one, scene) for one in attempts if one not in living]
    if _record(run, found, scene):
        for one in found:
            scene.workspace.clear(_files(one.attempt, scene))
        return not living
    return False


def _record(run: Run, found: Sequence[Found], scene: Scene) -> bool:
    """Whether the changes were recorded; not where another command has done it in the meantime."""
    store = scene.store
    seq = len(store.events(run.run_id)) + 1
    asked = bool(store.requests(run.run_id))
    changes = settling(run, store.task_runs(run.run_id), found, seq, scene.clock.now(), asked_to_end=asked)
    try:
        if changes:
            failpoints.hit("reconcile.each")
            store.record(changes)
            failpoints.hit("reconcile.each.commit")
    except StateConflict:
        return False
    return True


def _files(attempt: Attempt, scene: Scene) -> AttemptFiles:
    return scene.workspace.files(attempt.run_id, attempt.task_id, attempt.number)


def _found(attempt: Attempt, scene: Scene) -> Found:
    """How the attempt ended: by its wrapper's record, which nobody writes for a bare one."""
    files = _files(attempt, scene)
    left = scene.processes.left(files.record, attempt.token)
    if left is None:
        return Found(attempt, None, NO_FACTS, None, scene.workspace.tail(attempt.log))
    outcome, facts = left
    outputs: Mapping[str, Json] | None = None
    if succeeded(outcome):
        outcome, outputs = _outputs(outcome, files, scene)
    return Found(attempt, outcome, facts, outputs, scene.workspace.tail(attempt.log))


def _outputs(outcome: Outcome, files: AttemptFiles, scene: Scene) -> tuple[Outcome, Mapping[str, Json] | None]:
    try:
        return outcome, scene.workspace.masked_outputs(files)
    except ValueError as error:
        return OutputsInvalid(str(error)), None
