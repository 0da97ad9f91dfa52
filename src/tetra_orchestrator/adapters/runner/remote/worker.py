"""The worker of one remote job, which an engine starts on a machine of its own with the job's folder as its argument.

It claims the job before anything else; where that has been claimed it does nothing, so an engine may start it as often
as it likes. Then there are two of us: the worker carries the launch to its end as a wrapper does, and its guardian, who
touches no file while it waits, ends what the worker has started should that die, or be late with its signs of life.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from contextlib import suppress

from tetra_orchestrator.adapters.runner.process import become_subreaper
from tetra_orchestrator.adapters.runner.remote.clock import elapsed
from tetra_orchestrator.adapters.runner.remote.folder import BEGUN, ENDED, JobFolder
from tetra_orchestrator.adapters.runner.remote.guardian import BEAT, LATE, UNWRITTEN, guard
from tetra_orchestrator.adapters.runner.waiters import choose_waiter
from tetra_orchestrator.adapters.runner.wrapped.wrapper import Signals, leave, read_launch, run, sync
from tetra_orchestrator.core.outcome import Lost, Signalled
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.ports import Ended, Launch

#: What an engine, or somebody by its means, ends a job with.
_ENDS = (signal.SIGTERM, signal.SIGINT)
_TERM = bytes([signal.SIGTERM])
#: An engine that ends a job signals all of its processes: so much later than the task's end the word may reach us.
_LATER_S = 0.2
#: For so long after its start a worker takes up further jobs.
QUICK_S = 5.0
#: For so long it is tried again to write how the attempt ended, where the storage takes nothing.
_PATIENCE_S = 600.0
_PR_SET_PDEATHSIG = 1


class Order(Record):
    """A job that is ours: its folder, what is to be done and where its record goes. `lease_s` as in `JobFolder.about`;
    `began` is when it was claimed, by `elapsed`."""

    folder: JobFolder
    launch: Launch
    record: str
    lease_s: float
    began: float


def main() -> int:
    """Do the job; 0 when there is nothing to do, or when its record was written, else as its worker or guardian.

    After the folder may come tokens of jobs beside it that want the same: as long as all goes quickly, those are done,
    too, from the last to the first, and their engine starts a worker for them in vain. An interpreter takes longer to
    start than many a task takes. Where its own job is not to be done, nothing is: its engine may be told to end it.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    os.umask(0o077)
    (path, *others), began = sys.argv[1:], elapsed()
    jobs, _, token = os.path.abspath(path).rpartition("/")
    place = JobFolder(jobs, token).place()
    become_subreaper()
    told = Signals()
    code = _do(JobFolder(jobs, token), told)
    while code == 0 and others and not told.ending and elapsed() - began < QUICK_S:
        code = _do(JobFolder(jobs, others.pop()), told, place) or 0
    return code or 0


def _do(folder: JobFolder, told: Signals, place: str = "") -> int | None:
    """Do the job in this folder; None where it is somebody else's, or over.

    `place` is where we are, if not where it was to be done.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    order = _take(folder, place)
    if order is None:
        return None
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    guardian = os.getpid()
    worker = os.fork()
    if worker:
        os.close(writing)
        try:
            return guard(worker, reading, order, told)
        finally:
            os.close(reading)
    os.close(reading)
    os._exit(_perform(order, writing, guardian))


def _take(folder: JobFolder, place: str) -> Order | None:
    """The job in this folder, from now on ours; None where it is somebody else's, or over."""
    began = elapsed()
    if not folder.claim(f"{socket.gethostname()} {os.getpid()}"):
        return None
    try:
        request = folder.take_request()
    except FileNotFoundError:
        return None  # it is over, and being removed
    if place:
        folder.is_at(place)
    folder.renew()
    folder.show(BEGUN)
    launch, _ = read_launch(request)
    about = folder.about()
    return Order(folder, launch, about["record"], about["lease_s"], began)


def _perform(order: Order, beats: int, guardian: int) -> int:
    """The worker's part."""
    become_subreaper()
    orders = Orders(order, beats, guardian)
    ended = run(order.launch, choose_waiter(os.environ.get("TETRA_WAITER")), orders)
    if reason := orders.why_lost(ended):
        ended = ended._replace(outcome=Lost(reason))
    return _leave(order, ended, orders)


def _leave(order: Order, ended: Ended, orders: Orders) -> int:
    until, complained = elapsed() + _PATIENCE_S, False
    while (error := _written(order, ended, orders)) is not None:
        if not complained:
            text = f"cannot write how the attempt ended to {order.record}: {error.strerror}\n"
            with suppress(OSError):  # the engine's log is on the same storage
                os.write(2, text.encode(errors="surrogateescape"))
        complained = True
        if elapsed() > until or orders.pause():
            return UNWRITTEN
    order.folder.show(ENDED)
    return 0


def _written(order: Order, ended: Ended, orders: Orders) -> OSError | None:
    """Write how it ended, with signs of life meanwhile: to have a long log survive a power cut may take a while."""
    from threading import Thread

    errors: list[OSError] = []
    writing = Thread(target=_write, args=(order, ended, errors), daemon=True)
    writing.start()
    while writing.is_alive():
        writing.join(orders.within_s)
        orders.take()
    return errors[0] if errors else None


def _write(order: Order, ended: Ended, errors: list[OSError]) -> None:
    try:
        if os.path.isfile(order.launch.log):
            sync(order.launch.log)
        leave(order.launch, order.record, ended)
    except OSError as error:
        errors.append(error)


class Orders(Signals):
    """What the worker is told, as numbers of signals: by the engine, and by us through the job's folder.

    Whoever looks gives signs of life meanwhile: renews the lease, and tells the guardian so. Where that is too late by
    half a lease there may be another attempt already; then it exits at once, and the guardian ends the task.
    """

    def __init__(self, order: Order, beats: int, guardian: int) -> None:
        super().__init__()
        self._folder = order.folder
        self._lease_s = order.lease_s
        self._beats = beats
        self._renewed = self._due = order.began
        self._asked: int | None = None
        self._engine_asked = self._orphaned = False
        self._guardian = guardian
        _hear_of_parents_death()

    @property
    def within_s(self) -> float:  # type: ignore[override]
        """Seconds until the next sign of life is due."""
        return max(self._due - elapsed(), 0.0)

    def take(self) -> bytes:
        """TERM and INT that are to be heeded since the last call; gives a sign of life if it is due."""
        numbers, before = super().take(), self._asked
        if elapsed() >= self._due:
            self._beat()
        orders = b""
        if any(number in _ENDS for number in numbers):
            self._look()
            self._engine_asked = self._engine_asked or self._asked is None
            orders = _TERM
        if os.getppid() != self._guardian and not self._orphaned:
            self._orphaned, orders = True, _TERM
        return orders if self._asked in (None, before) else orders + bytes([self._asked])

    def why_lost(self, ended: Ended) -> str | None:
        """Why nobody can know how the task would have ended, if that is so: it was not us who had it end.

        A task that heeds the engine at once may have ended before we have looked at what we were told.
        """
        told, until = self.take(), elapsed()
        if isinstance(ended.outcome, Signalled) and ended.outcome.signal in (signal.SIGTERM, signal.SIGKILL):
            until += _LATER_S
        while not told and elapsed() < until:
            self._wait(until - elapsed())
            told = self.take()
        host = socket.gethostname()
        if self._orphaned:
            return f"the guardian of its worker on {host} died"
        if self._engine_asked:
            why = "it was cancelled or preempted there, its time was over, or the machine is to stop"
            return f"the engine ended its job on {host}: {why}"
        return None

    def pause(self) -> bool:
        """Wait until the next sign of life, and give it; True when we are told to end."""
        self._wait(self.within_s)
        return bool(self.take())

    def _wait(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        poll.poll(seconds * 1000)

    def _beat(self) -> None:
        now = elapsed()
        if now - self._renewed > self._lease_s / 2:
            os._exit(LATE)
        self._due = now + self._lease_s / 6
        try:
            self._folder.renew()
        except OSError:
            return  # the guardian counts
        self._renewed = now
        self._look()
        try:
            os.write(self._beats, BEAT.pack(now))
        except OSError:
            return  # it has stopped, or died, of which there is a signal

    def _look(self) -> None:
        try:
            self._asked = self._folder.asked() or self._asked
        except OSError:
            return  # next time


def _hear_of_parents_death() -> None:
    """Have TERM wake us when our parent dies."""
    if sys.platform == "linux":
        import _ctypes

        prctl = _ctypes.dlsym(_ctypes.dlopen(None, 2), "prctl")  # type: ignore[arg-type]
        _ctypes.call_function(prctl, (_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0))


if __name__ == "__main__":
    sys.exit(main())
