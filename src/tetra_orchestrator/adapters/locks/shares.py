"""What the live runs of a project take of what all of them share, each told in a file that its run holds locked.

`run-ID.lock` has, behind the signature, a line for each ancestor of the run (`parent=ID`) and one for each thing that
it takes (`name=amount`). A run that begins adds itself (`beside=ID`) to the files of those that are there. So each run
learns of others from its own file, and never looks through the folder, in which every pipeline has a file too.

All of it is read and written behind the gate. Whether the gate's file is still the one in the folder is looked at when
a run begins only: nobody of ours removes it, and who removes the files by hand takes away those of the runs as well.
"""

from __future__ import annotations

import os
import time

from tetra_orchestrator.adapters.locks.flock import lock, open_existing, signature, unlock
from tetra_orchestrator.errors import CannotWrite
from tetra_orchestrator.ports import Wakeup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tetra_orchestrator.adapters.locks.table import LockTable

_KIND = "run-"
_END = ".lock"
_PARENT, _BESIDE = "parent", "beside"
NEVER = Wakeup()
#: A run whose process is stopped just here must not hold up the others: they start nothing for the time being.
_GATE_LIMIT_S = 0.05
_GATE_PAUSE_S = 0.001


class RunShares:
    """The shares of one run while the `with` block lasts. Its file is removed at the end.

    What its ancestors take is not counted: they hold it while they wait for this run.
    """

    def __init__(self, table: LockTable, run_id: str, parent: str | None) -> None:
        self._table = table
        self._run_id = run_id
        self._parent = parent
        self._path = table.path(f"{_KIND}{run_id}")
        self._ancestors: list[str] = []
        self._others: dict[str, _Other] = {}
        self._published: Mapping[str, int] = {}
        self._turn = _Turn(self)

    def __enter__(self) -> RunShares:
        holder = f"run {self._run_id}"
        self._gate = self._table.gate()
        try:
            self._fd = self._table.take(f"{_KIND}{self._run_id}", holder)
            try:
                self._join()
            except BaseException:
                self._leave()
                raise
        except BaseException:
            os.close(self._gate)
            raise
        unlock(self._gate)
        return self

    def __exit__(self, *exc: object) -> None:
        self._leave()
        os.close(self._gate)

    def _join(self) -> None:
        self._ancestors = self._lineage()
        signed = signature(self._fd)
        self._head = "\n".join([signed, *(f"{_PARENT}={each}" for each in self._ancestors), ""])
        self._write(self._head)
        names = [name for name in os.listdir(self._table.folder) if name.startswith(_KIND) and name.endswith(_END)]
        for run_id in [name[len(_KIND) : -len(_END)] for name in names]:
            if run_id != self._run_id:
                self._meet(run_id, greet=True)

    def _leave(self) -> None:
        for other in self._others.values():
            os.close(other.fd)
        _remove(self._path)
        os.close(self._fd)

    def turn(self) -> _Turn:
        """What the other runs take, None where that cannot be seen now. No other run looks or takes meanwhile."""
        return self._turn

    def take(self, amounts: Mapping[str, int]) -> None:
        """Publish what this run takes; within a turn. CannotWrite where that cannot be written."""
        if amounts != self._published and self._turn.passed:
            self._write(self._head + "".join(f"{name}={amount}\n" for name, amount in amounts.items()))
            self._published = dict(amounts)

    def wakeup(self) -> Wakeup:
        """Nothing to wake up for: the kernel frees what the dead have had."""
        return NEVER

    def asked(self) -> bool:
        """Whoever asks sends a signal."""
        return False

    def pass_gate(self) -> bool:
        """Whether the gate is ours now; it is waited for a moment."""
        limit = 0.0
        while not lock(self._gate, self._path):
            limit = limit or time.monotonic() + _GATE_LIMIT_S
            if time.monotonic() >= limit:
                return False
            time.sleep(_GATE_PAUSE_S)
        return True

    def leave_gate(self) -> None:
        """Let the next one pass."""
        unlock(self._gate)

    def look(self) -> Mapping[str, int]:
        """What all others take together, behind the gate."""
        if os.pread(self._fd, 1, self._length):
            self._hear()
        total: dict[str, int] = {}
        for run_id, other in list(self._others.items()):
            if other.is_gone():
                del self._others[run_id]
                continue
            for name, amount in other.amounts():
                total[name] = total.get(name, 0) + amount
        return total

    def _hear(self) -> None:
        news = _content(self._fd)[self._length :]
        for name, run_id in _lines(news):
            if name == _BESIDE and run_id not in self._others:
                self._meet(run_id)
        self._length += len(news)

    def _meet(self, run_id: str, *, greet: bool = False) -> None:
        """Count the run from now on, if it lives. With `greet` it learns of this one."""
        path = self._table.path(f"{_KIND}{run_id}")
        try:
            fd = open_existing(path)
        except CannotWrite as error:
            if isinstance(error.__cause__, PermissionError):
                return  # what another user keeps to himself
            raise
        if fd is None:
            return
        other = _Other(fd, path)
        if other.is_gone():
            return
        if greet:
            _write(fd, path, f"{_BESIDE}={self._run_id}\n".encode(), os.fstat(fd).st_size)
        if run_id in self._ancestors:
            os.close(fd)
        else:
            self._others[run_id] = other

    def _lineage(self) -> list[str]:
        """This run's parent, and that one's ancestors as its file names them."""
        if not self._parent:
            return []
        fd = open_existing(self._table.path(f"{_KIND}{self._parent}"))
        if fd is None:
            return [self._parent]
        try:
            return [self._parent, *[run_id for name, run_id in _lines(_content(fd)) if name == _PARENT]]
        finally:
            os.close(fd)

    def _write(self, text: str) -> None:
        data = text.encode()
        _write(self._fd, self._path, data, 0)
        os.ftruncate(self._fd, len(data))
        self._length = len(data)


class _Turn:
    """The time during which this run alone looks and takes."""

    def __init__(self, shares: RunShares) -> None:
        self._shares = shares
        self.passed = False

    def __enter__(self) -> Mapping[str, int] | None:
        self.passed = self._shares.pass_gate()
        try:
            return self._shares.look() if self.passed else None
        except CannotWrite:  # such as without a descriptor for the file of a run that has just begun
            self.__exit__()
            return None

    def __exit__(self, *exc: object) -> None:
        if self.passed:
            self.passed = False
            self._shares.leave_gate()


class _Other:
    """Another run's file."""

    def __init__(self, fd: int, path: str) -> None:
        self.fd = fd
        self._path = path
        self._data = b""
        self._amounts: list[tuple[str, int]] = []

    def is_gone(self) -> bool:
        """Whether that run is over; then its file is closed, and removed if it was not."""
        if not lock(self.fd, self._path):
            return False
        _remove(self._path)
        os.close(self.fd)
        return True

    def amounts(self) -> list[tuple[str, int]]:
        """What that run takes."""
        data = _content(self.fd)
        if data != self._data:
            self._data = data
            self._amounts = [(name, int(text)) for name, text in _lines(data) if text.isdecimal()]
        return self._amounts


def _lines(data: bytes) -> Iterator[tuple[str, str]]:
    """Name and value of each line that has both."""
    for line in data.decode(errors="replace").splitlines():
        name, sign, value = line.rpartition("=")
        if sign:
            yield name, value


def _content(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def _write(fd: int, path: str, data: bytes, offset: int) -> None:
    try:
        os.pwrite(fd, data, offset)
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror}", hint="make room on that disk") from error


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return
