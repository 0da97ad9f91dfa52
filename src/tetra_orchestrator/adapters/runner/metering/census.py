"""The figures of processes: /proc on Linux, where psutil takes five times as long for them; psutil elsewhere.

What vanishes while it is read, or may not be read, is left out.
"""

from __future__ import annotations

import os
import sys

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    #: When a process began: with its pid, the name of one process for as long as the machine is up.
    Start: TypeAlias = bytes | float


class Row(Record):
    """A process. `own_s` is the processor time it took itself, `waited_s` that of its children that it waited for."""

    pid: int
    start: Start
    parent: int
    group: int
    session: int
    own_s: float
    waited_s: float
    rss_bytes: int


if sys.platform == "linux":
    _TICK_S = 1 / os.sysconf("SC_CLK_TCK")
    _PAGE = os.sysconf("SC_PAGE_SIZE")

    def everyone() -> Iterator[tuple[int, Start, list[bytes]]]:
        """Every process, zombies included, with what `row` makes its figures of: nothing where /proc is not there."""
        try:
            pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        except OSError:
            return
        for pid in pids:
            # The name in field 2 may hold spaces and brackets; after its last ')' come fields 3 and on: proc(5).
            fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
            if len(fields) > 21:
                yield pid, fields[19], fields

    def row(pid: int, fields: list[bytes]) -> Row | None:
        """The figures of a process that `everyone` has found."""
        parent, group, session = fields[1:4]
        own, waited = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        return Row(
            pid, fields[19], int(parent), int(group), int(session),
            own * _TICK_S, waited * _TICK_S, max(int(fields[21]), 0) * _PAGE,
        )  # fmt: skip

    def proportional(pid: int, rss_bytes: int) -> int | None:
        """Its memory, of which it has only its part where it shares it; all of it where that may not be known.

        The kernel walks the process's page tables for it: 4 ms for 200 MB.
        """
        words = _read(f"/proc/{pid}/smaps_rollup").split()
        try:
            return int(words[words.index(b"Pss:") + 1]) * 1024
        except (ValueError, IndexError):
            return rss_bytes

    def transferred(pid: int) -> tuple[int, int] | None:
        """Bytes that it and the children it waited for have read from disks and written to them: proc(5), `io`."""
        words = _read(f"/proc/{pid}/io").split()
        try:
            return int(words[words.index(b"read_bytes:") + 1]), int(words[words.index(b"write_bytes:") + 1])
        except (ValueError, IndexError):
            return 0, 0

    def _read(path: str) -> bytes:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            return os.read(fd, 1 << 14)
        except OSError:
            return b""
        finally:
            os.close(fd)

else:
    import psutil

    def everyone() -> Iterator[tuple[int, Start, psutil.Process]]:
        """Every process with what `row` makes its figures of."""
        for process in psutil.process_iter():
            try:
                yield process.pid, process.create_time(), process
            except psutil.Error:
                continue

    def row(pid: int, process: psutil.Process) -> Row | None:
        """The figures of a process that `everyone` has found; None where they cannot be had."""
        try:
            with process.oneshot():
                took, memory = process.cpu_times(), process.memory_info()
                parent, start = process.ppid(), process.create_time()
            group, session = os.getpgid(pid), os.getsid(pid)
        except (psutil.Error, OSError):
            return None
        return Row(pid, start, parent, group, session, took.user + took.system, 0.0, memory.rss)

    def proportional(pid: int, rss_bytes: int) -> int | None:
        """None: what is shared is not told here."""
        return None

    def transferred(pid: int) -> tuple[int, int] | None:
        """None: not told here."""
        return None
