"""Asking the owner of another run to end it: a durable request, then a signal to that very process."""

from __future__ import annotations

from signal import SIGTERM

from tetra_orchestrator.core.states import RUN_ACTIVE
from tetra_orchestrator.engine.loop import CANCEL_REQUEST
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.ports import Clock, Processes, Store


def cancel(store: Store, clock: Clock, processes: Processes, run_id: str, wait_s: float) -> Run:
    """Cancel an active run and wait up to `wait_s` seconds for it to end; returns its row then.

    The signal goes out only after pid, start time and boot id match. Raises `UsageError` for a run that does not
    exist or is over.
    """
    run = store.run(run_id)
    if run is None:
        raise UsageError(f"there is no run '{run_id}'", hint="`tetra status` lists what is running")
    if run.state not in RUN_ACTIVE:
        raise UsageError(f"run {run_id} is over: {run.state}", hint=f"`tetra show {run_id}` tells how it went")
    store.request(run_id, CANCEL_REQUEST, clock.now())
    if run.owner is not None:
        processes.signal(run.owner, SIGTERM)
    until = clock.monotonic() + wait_s
    while run.state in RUN_ACTIVE and clock.monotonic() < until:
        clock.wait((), 0.05)
        run = store.run(run_id) or run
    return run
