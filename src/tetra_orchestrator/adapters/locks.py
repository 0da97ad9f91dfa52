"""Locks of the kernel: flock(2) on local files. Whoever dies lets go, so there is nothing to unlock by hand."""

from __future__ import annotations

import errno
import fcntl
import os
import time

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.errors import CannotWrite, NotNow, StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_GATE = "gate"
_GATE_LIMIT_S = 5.0
_GATE_PAUSE_S = 0.001
_UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


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
    others are told meanwhile, together with our pid.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def held(self, names: Iterable[str], holder: str) -> Held:
        """Take all names until the end of the `with` block. NotNow naming the other holder when one is taken."""
        got = self.acquire(names, holder)
        if isinstance(got, Held):
            return got
        kind, _, name = got.name.partition("-")
        raise NotNow(
            f"the {kind} {name!r} is already being run by {got.holder or 'another process'}"
            if name
            else f"the locks in {self._folder} are being changed by {got.holder or 'another process'}",
            hint="wait until it ends, or end it with `tetra cancel RUN`",
        )

    def acquire(self, names: Iterable[str], holder: str = "") -> Held | Busy:
        """Take all the locks or none, without waiting. StoreError where the file system has no locks."""
        holder = f"pid {os.getpid()}, {holder}".rstrip(", ")
        gate = self._pass_gate(holder)
        if isinstance(gate, Busy):
            return gate
        held = Held({})
        try:
            for name in sorted(set(names)):
                fd = self._try(name, holder)
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

    def _pass_gate(self, holder: str) -> int | Busy:
        # Tries that overlap could refuse each other with nobody winning, so they go one after another.
        limit = time.monotonic() + _GATE_LIMIT_S
        while isinstance(gate := self._try(_GATE, holder), Busy) and time.monotonic() < limit:
            time.sleep(_GATE_PAUSE_S)
        return gate

    def _try(self, name: str, holder: str) -> int | Busy:
        path = f"{self._folder}/{name}.lock"
        while True:
            fd = self._open(path)
            try:
                if not _lock(fd, path):
                    busy = Busy(name, os.pread(fd, 200, 0).decode(errors="replace").strip())
                    os.close(fd)
                    return busy
                if _still_names(path, fd):
                    _sign(fd, holder)
                    return fd
            except BaseException:
                os.close(fd)
                raise
            # Somebody removed or replaced the file meanwhile: what we have locked is no longer the lock.
            os.close(fd)

    def _open(self, path: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            try:
                return os.open(path, flags, 0o600)
            except FileNotFoundError:
                _make(self._folder)
                return os.open(path, flags, 0o600)
        except OSError as error:
            hint = "make the folder writable"
            raise CannotWrite(f"cannot write the lock file {path}: {error.strerror}", hint=hint) from error


def _sign(fd: int, holder: str) -> None:
    # For messages only: who has the lock is the kernel's to say.
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, holder.encode(), 0)
    except OSError:
        return


def _make(folder: str) -> None:
    """Make the folder and those above it that are missing, each 0700: makedirs(3) gives its mode to the last only."""
    above = os.path.dirname(folder)
    if not os.path.isdir(above):
        _make(above)
    if not os.path.isdir(folder):
        os.mkdir(folder, 0o700)


def _lock(fd: int, path: str) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        message = f"cannot lock {path}: the file system {_file_system(path)} has no locks ({error.strerror})"
        raise StoreError(message, hint="put the state folder on a local disk") from error
    return True


def _still_names(path: str, fd: int) -> bool:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(fd))


def _file_system(path: str) -> str:
    """The mount point of `path` with its type, as psutil knows it."""
    import psutil

    mounts = [each for each in psutil.disk_partitions(all=True) if path.startswith(each.mountpoint)]
    if not mounts:
        return "there"
    best = max(mounts, key=lambda each: len(each.mountpoint))
    return f"{best.mountpoint} ({best.fstype})"
