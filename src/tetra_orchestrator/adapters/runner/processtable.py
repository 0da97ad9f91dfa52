"""The process table as values: /proc on Linux, psutil (imported when needed) elsewhere. `process` builds on it."""

from __future__ import annotations

import os
import sys
import time

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import resource
    from collections.abc import Container, Iterator

#: The variable by which every process of an attempt is recognised.
TOKEN = "TETRA_ATTEMPT_TOKEN"
#: How long a process may be between two programs, a hundred times what was measured, and how often it is looked at.
EXEC_S, EXEC_LOOKS = 0.01, 20


class Process(Record):
    """A live process (a zombie is not one) as the process table shows it."""

    pid: int
    identity: str
    parent: int
    group: int
    session: int


class Buried(Record):
    """An adopted child that had died: who it was, and what it took with the children that it waited for."""

    pid: int
    start: bytes
    group: int
    session: int
    usage: resource.struct_rusage


if sys.platform == "linux":
    _ZOMBIE = (b"Z", b"X")
    _CHUNK = 1 << 16
    _boot = ""
    _children_fd = -1

    def _read(path: str) -> bytes:
        data = b""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return data
        try:
            # These files fill the buffer while there is more, so a short read is the last one.
            while len(data) % _CHUNK == 0 and (chunk := os.read(fd, _CHUNK)):
                data += chunk
        except OSError:
            return b""
        finally:
            os.close(fd)
        return data

    def _fields(pid: int) -> list[bytes]:
        # The name in field 2 may hold spaces and brackets; after its last ')' come fields 3 and on: proc(5).
        return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()

    def _named(pid: int, fields: list[bytes]) -> str:
        global _boot
        _boot = _boot or _read("/proc/sys/kernel/random/boot_id")[:8].decode()
        return f"{pid}:{fields[19].decode()}:{_boot}"

    def _process(pid: int, fields: list[bytes]) -> Process:
        return Process(pid, _named(pid, fields), int(fields[1]), int(fields[2]), int(fields[3]))

    def identity(pid: int) -> str | None:
        """The identity of the process that has `pid` now, a zombie included; None when there is none."""
        fields = _fields(pid)
        return _named(pid, fields) if fields else None

    def look(pid: int) -> Process | None:
        """The live process that has `pid` now."""
        fields = _fields(pid)
        return _process(pid, fields) if fields and fields[0] not in _ZOMBIE else None

    def state_of(pid: int) -> str:
        """The state of a process as ps(1) shows it, `D` being uninterruptible; empty when there is none."""
        fields = _fields(pid)
        return fields[0].decode() if fields else ""

    def _pids() -> Iterator[int]:
        # Without a mounted /proc nobody is found, and runners fall back on process groups.
        names = os.listdir("/proc") if os.path.isdir("/proc/self") else ()
        return (int(name) for name in names if name.isdigit())

    def token_of(pid: int) -> str | None:
        """The attempt token the process was started with; None when it has none or may not be read."""
        return _token_in(_read(f"/proc/{pid}/environ"))

    def settled_token_of(pid: int) -> str | None:
        """The same of a process that may be between two programs, where its environment reads as none (execve(2))."""
        for _ in range(EXEC_LOOKS):  # a number of looks: on a busy machine each of them comes later, for both of us
            if environ := _read(f"/proc/{pid}/environ"):
                return _token_in(environ)
            time.sleep(EXEC_S / EXEC_LOOKS)
        return None

    def _token_in(environ: bytes) -> str | None:
        mark = f"{TOKEN}=".encode()
        for entry in environ.split(b"\0"):
            if entry.startswith(mark):
                return os.fsdecode(entry[len(mark) :])
        return None

    def become_subreaper() -> bool:
        """Have orphans below us become our children (PR_SET_CHILD_SUBREAPER); False where that cannot be had.

        For our own executable only: it changes whom the whole process must wait for.
        """
        global _children_fd
        # The C half of ctypes: importing the rest costs a quarter of a bare interpreter's start.
        import _ctypes

        prctl = _ctypes.dlsym(_ctypes.dlopen(None, 2), "prctl")  # type: ignore[arg-type]
        if _ctypes.call_function(prctl, (36, 1, 0, 0, 0)) != 0:
            return False
        try:
            # Kept open: opening it costs twenty times what reading it does. Orphans go to the first thread.
            _children_fd = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        return True

    def is_subreaper() -> bool:
        """Whether orphans below us become our children."""
        return _children_fd >= 0

    def _children() -> list[int]:
        data = b""
        while chunk := os.pread(_children_fd, 1 << 16, len(data)):
            data += chunk
        return [int(pid) for pid in data.split()]

    def orphans(known: Container[int], buried: list[Buried]) -> list[Process]:
        """Adopted children that live, without those in `known`; the dead ones among them are reaped, to `buried`.

        Empty unless `become_subreaper` has succeeded. A child in our own session was started by other code of this
        process and is left alone: attempts have sessions of their own.
        """
        if _children_fd < 0:
            return []
        adopted = []
        for pid in _children():
            fields = [] if pid in known else _fields(pid)
            if not fields or int(fields[3]) == os.getsid(0):
                continue
            if fields[0] in _ZOMBIE:
                _, _, usage = os.wait4(pid, os.WNOHANG)
                buried.append(Buried(pid, fields[19], int(fields[2]), int(fields[3]), usage))
            else:
                adopted.append(_process(pid, fields))
        return adopted

else:

    def identity(pid: int) -> str | None:
        """The identity of the process that has `pid` now, a zombie included; None when there is none."""
        import psutil

        try:
            return f"{pid}:{psutil.Process(pid).create_time():.6f}:-"
        except psutil.Error:
            return None

    def look(pid: int) -> Process | None:
        """The live process that has `pid` now."""
        import psutil

        try:
            found = psutil.Process(pid)
            if found.status() == psutil.STATUS_ZOMBIE:
                return None
            named = f"{pid}:{found.create_time():.6f}:-"
            return Process(pid, named, found.ppid(), os.getpgid(pid), os.getsid(pid))
        except (psutil.Error, OSError):
            return None

    def state_of(pid: int) -> str:
        """The state of a process in psutil's words; empty when there is none."""
        import psutil

        try:
            return psutil.Process(pid).status()
        except psutil.Error:
            return ""

    def _pids() -> Iterator[int]:
        import psutil

        return iter(psutil.pids())

    def token_of(pid: int) -> str | None:
        """The attempt token the process was started with; None when it has none or may not be read."""
        import psutil

        try:
            return psutil.Process(pid).environ().get(TOKEN)
        except (psutil.Error, OSError):
            return None

    settled_token_of = token_of

    def become_subreaper() -> bool:
        """False: only Linux has sub-reapers."""
        return False

    def is_subreaper() -> bool:
        """False: only Linux has sub-reapers."""
        return False

    def orphans(known: Container[int], buried: list[Buried]) -> list[Process]:
        """Empty: orphans become children of process 1 here."""
        return []


def table() -> Iterator[Process]:
    """Every live process except our own."""
    for pid in _pids():
        if pid != os.getpid() and (found := look(pid)):
            yield found
