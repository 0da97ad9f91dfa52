"""Asking the owner of another run to end it: a durable request, then a signal to that very process.

An owner on another host hears of it through the database.
"""

from __future__ import annotations

from tetra_orchestrator import failpoints
from tetra_orchestrator.core.reasons import CANCEL_REQUEST
from tetra_orchestrator.core.states import RUN_ACTIVE
from tetra_orchestrator.engine.reconcile import GRACE_S, is_owned, reconcile
from tetra_orchestrator.errors import UsageError
from tetra_orchestrator.signals import SIGTERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.engine.reconcile import Scene

#: Seconds between two looks at whether a run has ended.
POLL_S = 0.05


def cancel(run_id: str, scene: Scene, wait_s: float) -> Run:
    """Cancel an active run and wait up to `wait_s` seconds for it to end; returns its row then.

    Raises `UsageError` for a run that does not exist or is over.
    """
    run = scene.store.run(run_id)
    if run is None:
        from tetra_orchestrator.core.selection import suggest

        near = suggest(run_id, [one.run_id for one in scene.store.runs(active=True)], "active runs")
        hint = near if near.startswith("did you mean") else "`tetra status` lists what is running"
        raise UsageError(f"there is no run '{run_id}'", hint=hint)
    if run.state not in RUN_ACTIVE:
        raise UsageError(f"run {run_id} is over: {run.state}", hint=f"`tetra show {run_id}` tells how it went")
    return end_all([run], CANCEL_REQUEST, scene, wait_s)[0]


def end_all(runs: Sequence[Run], request: str, scene: Scene, wait_s: float) -> list[Run]:
    """Ask for the end of the runs, all at once, and wait up to `wait_s` seconds for it; returns their rows then.

    A signal goes out only after pid, start time and boot id match. Where a run's owner has died, what lives on of it
    is ended here.
    """
    for run in runs:
        _ask(run, request, scene)
    until = scene.clock.monotonic() + wait_s
    found = [scene.store.run(run.run_id) or run for run in runs]
    while any(run.state in RUN_ACTIVE for run in found) and scene.clock.monotonic() < until:
        scene.clock.wait((), POLL_S)
        found = [scene.store.run(run.run_id) or run for run in runs]
    return found


def _ask(run: Run, request: str, scene: Scene) -> None:
    failpoints.hit("request.insert")
    scene.store.request(run.run_id, request, scene.clock.now())
    failpoints.hit("request.insert.commit")
    if run.owner is None or not scene.processes.signal(run.owner, SIGTERM):
        scene.locks.nudge(run.run_id)
    if not is_owned(run, scene):
        open_ = {one.token: one.handle for one in scene.store.attempts(run.run_id) if one.kind is None}
        scene.processes.end_trees(open_, GRACE_S)
        reconcile(scene, end_survivors=False)
