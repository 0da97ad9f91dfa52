"""The locks of a project by name. Whoever dies lets go, so there is nothing to unlock by hand."""

from __future__ import annotations

import os
import time

from tetra_orchestrator import failpoints
from tetra_orchestrator.adapters.locks.flock import lock, open_existing, open_lock, sign, signature, still_names
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.errors import NotNow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tetra_orchestrator.adapters.locks.shares import RunShares

_GATE = "gate"
_GATE_LIMIT_S = 5.0
_GATE_PAUSE_S = 0.001


class Busy(Record):
    """The first lock that somebody else has, and who that is as far as the file tells."""

    name: str
    holder: str


class Held:
    """Locks that are ours until `release`, or until this process ends."""

    def __init__(self, fds: dict[str, int]) -> None:
        self._fds = fds

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order in which they were taken."""
        return tuple(self._fds)

    def release(self) -> None:
        """Let all of them go; a second call does nothing."""
        while self._fds:
            os.close(self._fds.popitem()[1])

    def __enter__(self) -> None:
        return

    def __exit__(self, *exc: object) -> None:
        self.release()


class LockTable:
    """The locks of one project, one file each in `folder`, which must be on a local disk.

    A name is `<kind>-<name>`, such as `pipeline-daily`. `holder`, such as a run id, is what
    others are told meanwhile, together with our pid. Every try happens behind the gate, a lock of its own.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def held(self, names: Iterable[str], holder: str, *, shared: bool = False) -> Held:
        """Take all names until the end of the `with` block. NotNow naming the other holder when one is taken.

        Several may hold a name `shared` at the same time; nobody else holds it meanwhile.
        """
        got = self.acquire(names, holder, shared=shared)
        if isinstance(got, Busy):
            raise self._refusal(got)
        return got

    def acquire(self, names: Iterable[str], holder: str = "", *, shared: bool = False) -> Held | Busy:
        """Take all the locks or none, without waiting. StoreError where the file system has no locks."""
        gate = self._pass_gate()
        if isinstance(gate, Busy):
            return gate
        held = Held({})
        try:
            for name in sorted(set(names)):
                fd = self._try(name, holder, shared=shared)
                if isinstance(fd, Busy):
                    held.release()
                    return fd
                held._fds[name] = fd
        except BaseException:
            held.release()
            raise
        finally:
            os.close(gate)
        return held

    def is_held(self, name: str) -> bool:
        """Whether anybody holds the lock, shared or not. NotNow where the gate stays shut."""
        path = self.path(name)
        fd = open_existing(path)
        if fd is None:
            return False
        try:
            gate = self.gate()
            try:
                return not lock(fd, path)
            finally:
                os.close(gate)
        finally:
            os.close(fd)

    def shares(self, run_id: str, parent: str | None = None) -> RunShares:
        """What the run takes of what all live runs share, until the end of the `with` block.

        `parent` is the run of whose task this one is a part.
        """
        from tetra_orchestrator.adapters.locks.shares import RunShares

        return RunShares(self, run_id, parent)

    def nudge(self, run_id: str) -> None:
        """Nothing: whoever has locks here gets signals."""

    def path(self, name: str) -> str:
        """The lock's file."""
        return f"{self.folder}/{name}.lock"

    def gate(self) -> int:
        """Pass the gate: a descriptor to close as soon as possible. NotNow where it stays shut."""
        gate = self._pass_gate()
        if isinstance(gate, Busy):
            raise self._refusal(gate)
        return gate

    def take(self, name: str, holder: str) -> int:
        """Lock one more while the gate is ours: its descriptor, which is signed. NotNow when it is taken."""
        fd = self._try(name, holder)
        if isinstance(fd, Busy):
            raise self._refusal(fd)
        return fd

    def _pass_gate(self) -> int | Busy:
        # Tries that overlap could refuse each other with nobody winning, so they go one after another.
        limit = time.monotonic() + _GATE_LIMIT_S
        while isinstance(gate := self._try(_GATE), Busy) and time.monotonic() < limit:
            time.sleep(_GATE_PAUSE_S)
        return gate

    def _try(self, name: str, holder: str = "", *, shared: bool = False) -> int | Busy:
        path = self.path(name)
        while True:
            failpoints.hit("lock.file")
            fd = open_lock(path)
            try:
                failpoints.hit("lock.file.commit")
                if not lock(fd, path, shared=shared):
                    busy = Busy(name, signature(fd))
                    os.close(fd)
                    return busy
                if still_names(path, fd):
                    if name != _GATE:  # writing waits for the disk, and everybody for the gate
                        sign(fd, f"pid {os.getpid()}, {holder}".rstrip(", "))
                    return fd
            except BaseException:
                os.close(fd)
                raise
            # Somebody removed or replaced the file meanwhile: what we have locked is no longer the lock.
            os.close(fd)

    def _refusal(self, busy: Busy) -> NotNow:
        kind, _, name = busy.name.partition("-")
        return NotNow(
            f"the {kind} {name!r} is already being run by {busy.holder or 'another process'}"
            if name
            else f"the locks in {self.folder} are being changed by another process",
            hint="wait until it ends, or end it with `tetra cancel RUN`" if name else "try again",
        )
