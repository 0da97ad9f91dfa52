"""Who keeps a file locked for writing, as the kernel tells in /proc/locks (proc(5)); nobody where it does not."""

from __future__ import annotations

import os

from tetra_orchestrator.core.spoken import printable

_LOCKS = "/proc/locks"
_LONGEST = 100


def writers(*paths: str) -> list[str]:
    """Each other process that has a lock for writing on one of the files: its pid, and its command as ps(1) has it."""
    inodes = {_inode(path) for path in paths}
    lines = [line.split() for line in _read(_LOCKS).splitlines()]
    # 1: POSIX ADVISORY WRITE 4711 fe:01:262147 120 120; one that waits has an arrow in the second field
    held = [fields for fields in lines if len(fields) == 8 and fields[3] == "WRITE" and fields[5] in inodes]
    pids = {int(fields[4]) for fields in held} - {os.getpid()}
    return [_described(pid) for pid in sorted(pids) if pid > 0]  # one without a process says -1


def _inode(path: str) -> str | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"


def _described(pid: int) -> str:
    command = printable(_read(f"/proc/{pid}/cmdline").replace("\0", " ").strip().replace("\n", " "))
    if len(command) > _LONGEST:
        command = f"{command[:_LONGEST]}..."
    return f"pid {pid} ({command})" if command else f"pid {pid}"


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
