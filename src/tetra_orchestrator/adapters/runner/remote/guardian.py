"""The guardian of a worker: it waits, and ends what the worker has started should that die or be late."""

from __future__ import annotations

import os
import select
import signal
import socket
from struct import Struct

from tetra_orchestrator.adapters.runner.process import ProcessTable, end_tree, orphans
from tetra_orchestrator.adapters.runner.remote.clock import elapsed
from tetra_orchestrator.adapters.runner.remote.folder import ENDED
from tetra_orchestrator.adapters.runner.waiters import reap
from tetra_orchestrator.adapters.runner.wrapped.record import read_record, write_record
from tetra_orchestrator.adapters.runner.wrapped.wrapper import Signals
from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.outcome import Exited, Lost, describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.runner.remote.worker import Order
    from tetra_orchestrator.core.outcome import Outcome

#: What a worker writes when it has renewed its lease: when that was.
BEAT = Struct("d")
#: The exit code of a worker that finds its own sign of life too late.
LATE = 76
#: That of one that cannot write how its task ended.
UNWRITTEN = 73
#: After a sleep of the machine nothing wakes us but the end of our wait.
_LOOK_S = 1.0


def guard(worker: int, beats: int, order: Order, signals: Signals) -> int:
    """Wait for the worker, our child; its exit code, or 70 when it did not come to its end.

    `beats` is a pipe to which it writes when it has renewed the lease. Half a lease after the last time all of the task
    is ended: whoever reads of the lease waits for a whole one before he takes the task for gone.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    heard = order.began
    while (ended := reap(worker)) is None:
        heard = _last(beats) or heard
        if elapsed() - heard > order.lease_s / 2:
            break
        _wait((signals.fd, beats), min(_LOOK_S, order.lease_s / 12))
        if any(number in (signal.SIGTERM, signal.SIGINT) for number in signals.take()):
            signals.ending = True
            os.kill(worker, signal.SIGTERM)
    outcome = ended[0] if ended else None
    if outcome == Exited(0):
        return 0
    if outcome is None:
        os.kill(worker, signal.SIGKILL)
    _end_all(order, max(min(order.launch.kill_grace_s, heard + order.lease_s * 0.75 - elapsed()), 0.0))
    _leave(order, _why(outcome))
    return outcome.code if isinstance(outcome, Exited) else 70


def _wait(fds: tuple[int, ...], within_s: float) -> None:
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    poll.poll(within_s * 1000)


def _last(beats: int) -> float | None:
    """When the worker has last renewed the lease, by `elapsed`; None where it has not since we asked."""
    try:
        told = os.read(beats, 512 * BEAT.size)
    except BlockingIOError:
        return None
    return BEAT.unpack(told[-BEAT.size :])[0] if told else None


def _end_all(order: Order, grace_s: float) -> None:
    """End whatever carries the token or, orphaned, has become our child."""
    ProcessTable().end_trees({order.launch.token: None}, grace_s)
    end_tree([each.identity for each in orphans((), [])], 0.0)
    orphans((), [])


def _why(outcome: Outcome | None) -> str:
    host = socket.gethostname()
    if outcome in (None, Exited(LATE)):
        return f"its worker on {host} gave no sign of life for half its lease, or could not"
    if outcome == Exited(UNWRITTEN):
        return f"its worker on {host} could not write how it ended"
    assert outcome is not None
    return f"its worker on {host} died: {describe(outcome)}"


def _leave(order: Order, why: str) -> None:
    if read_record(order.record, order.launch.token) is None:
        try:
            write_record(order.record, order.launch.token, Lost(why), NO_FACTS)
        except OSError:
            return  # its lease tells
    order.folder.show(ENDED)
