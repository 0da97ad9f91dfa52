"""Settles one run whose owner has died, by what its attempts have left."""

from __future__ import annotations

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.history import LOCAL
from tetra_orchestrator.core.orphaned import Found, settling
from tetra_orchestrator.core.outcome import OutputsInvalid, succeeded
from tetra_orchestrator.core.reasons import ASKED
from tetra_orchestrator.engine.reconcile import GRACE_S, survivors
from tetra_orchestrator.errors import StateConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.history import Attempt, Run
    from tetra_orchestrator.core.model import Json
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.engine.reconcile import Scene
    from tetra_orchestrator.ports import AttemptFiles

#: Seconds within which a process that was being started when its owner died shows its token.
STARTING_S = 0.02


def settle(run: Run, scene: Scene, *, end_survivors: bool) -> bool:
    """Record what is known of the run; True when that is its end.

    With `end_survivors` its bare attempts are ended first. Those in the care of a wrapper are left alone.
    """
    attempts = [one for one in scene.store.attempts(run.run_id) if one.kind is None]
    if any(one.handle is None for one in attempts):
        scene.clock.wait((), STARTING_S)
    living = survivors(run.run_id, scene)
    bare = {one.token: one.handle for one in attempts if one.runner == LOCAL}
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
    asked = next((ASKED[what] for what in store.requests(run.run_id)), None)
    changes = settling(run, store.task_runs(run.run_id), found, seq, scene.clock.now(), asked=asked)
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
    """How the attempt ended: by its wrapper's record. A bare one may have one, too, for its log; we have ended it."""
    files = _files(attempt, scene)
    left = scene.processes.left(files.record, attempt.token) if attempt.runner != LOCAL else None
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
