"""Settles what a dead owner left behind. The first act of every command.

Truth comes from the kernel (is the owner's process alive?), never from a heartbeat. Read-only commands settle rows;
only commands that may signal also end the processes that survived.
"""

from __future__ import annotations

from tetra_orchestrator.core import events
from tetra_orchestrator.core.changes import AttemptClosed, EventLogged, RunMoved, TaskMoved
from tetra_orchestrator.core.events import RunEvent
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.outcome import Lost
from tetra_orchestrator.core.states import ACTIVE, TERMINAL, Event, RunState, TaskState, advance, advance_run
from tetra_orchestrator.errors import Exit, StateConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from tetra_orchestrator.core.changes import Change
    from tetra_orchestrator.core.history import Run, TaskRun
    from tetra_orchestrator.ports import Clock, Processes, Store

#: Seconds between TERM and KILL for what survived its owner.
GRACE_S = 2.0
#: How many of the latest runs are looked through for survivors.
RECENT = 20
OWNER_DIED = Reason("owner_died", "the process that ran it died")


def reconcile(store: Store, clock: Clock, processes: Processes, *, end_survivors: bool) -> list[str]:
    """Settle every active run whose owner is dead; returns their ids.

    With `end_survivors` the attempts' processes that are still alive are ended first, so that nothing runs behind a
    row that says `lost`; also those of runs that a command which only reads has settled before.
    """
    if end_survivors:
        _sweep(store, processes)
    settled = []
    for run in store.runs(active=True, limit=1000):
        if run.owner is not None and processes.is_alive(run.owner):
            continue
        if end_survivors:
            _end(run, store, processes)
        try:
            store.record(_losses(run, store, clock.now()))
        except StateConflict:
            continue  # another command has settled it in the meantime
        settled.append(run.run_id)
    return settled


def _sweep(store: Store, processes: Processes) -> None:
    """End what survived the recent runs that are lost already. Where nothing did, that takes one look at the table."""
    runs = [run for run in store.runs(limit=RECENT) if run.state == RunState.LOST]
    handles = {one.token: one.handle for run in runs for one in store.attempts(run.run_id) if one.kind == "lost"}
    for token in processes.survived(handles) if handles else ():
        processes.end_tree(token, handles[token], grace_s=GRACE_S)


def _end(run: Run, store: Store, processes: Processes) -> None:
    """End the processes of the run's attempts that have no outcome yet."""
    for attempt in store.attempts(run.run_id):
        if attempt.kind is None:
            processes.end_tree(attempt.token, attempt.handle, grace_s=GRACE_S)


def _losses(run: Run, store: Store, now: datetime) -> list[Change]:
    """All changes that settle the run, with their events, as its owner would have left them."""
    changes: list[Change] = []
    for attempt in store.attempts(run.run_id):
        if attempt.kind is None:
            lost = Lost(OWNER_DIED.text)
            changes.append(AttemptClosed(run.run_id, attempt.task_id, attempt.number, lost, now))
    moves = [_lose(task, now) for task in store.task_runs(run.run_id) if task.state not in TERMINAL]
    after = advance_run(RunState(run.state), Event.LOSE)
    moved = RunMoved(run.run_id, RunState(run.state), after, now, exit_code=Exit.FAILED, reason=OWNER_DIED)
    names: list[tuple[str, str | None, str]] = [(events.TASK_FINISHED, m.task_id, m.after.value) for m in moves]
    names.append((events.RUN_FINISHED, None, after.value))
    first = len(store.events(run.run_id)) + 1
    logged = [
        EventLogged(RunEvent(name, seq, now, run.run_id, task, None, state, OWNER_DIED))
        for seq, (name, task, state) in enumerate(names, first)
    ]
    return [*changes, *moves, moved, *logged]


def _lose(task: TaskRun, now: datetime) -> TaskMoved:
    before = TaskState(task.state)
    event = Event.LOSE if before in ACTIVE else Event.CANCEL
    after = advance(before, event)
    return TaskMoved(task.run_id, task.task_id, before, after, task.version, task.attempts, now, OWNER_DIED)
