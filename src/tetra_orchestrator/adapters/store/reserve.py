"""Disk space that is kept beside a store, so that a run on a full disk can still say how it ended."""

from __future__ import annotations

import os

from tetra_orchestrator import failpoints

#: More than the last commit of a run of some thousand tasks takes.
BYTES = 1 << 20


def keep(path: str) -> None:
    """Keep the space for the store at `path`, unless it is kept or cannot be had."""
    reserve = _beside(path)
    if _size(reserve) == BYTES:
        return
    give_up(path)  # a power cut may have left the name only
    try:
        failpoints.hit("reserve.make")
        fd = os.open(reserve, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return
    try:
        os.fchmod(fd, 0o600)
        _fill(fd)
        failpoints.hit("reserve.make.commit")
    except OSError:
        give_up(path)
    finally:
        os.close(fd)


def give_up(path: str) -> None:
    """Free the space; nothing happens where there is none."""
    try:
        os.unlink(_beside(path))
    except OSError:
        return


def _size(reserve: str) -> int | None:
    try:
        return os.stat(reserve).st_size
    except OSError:
        return None


def _beside(path: str) -> str:
    return f"{path}.reserve"


def _fill(fd: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, BYTES)
    else:  # macOS
        os.write(fd, bytes(BYTES))
