"""Disk space that is kept beside a store, so that a run on a full disk can still say how it ended."""

from __future__ import annotations

import os

from tetra_orchestrator import failpoints
from tetra_orchestrator.adapters.store.sqlite_file import RESERVE, RESERVE_BYTES


def keep(path: str) -> None:
    """Keep the space for the store at `path`, unless it cannot be had."""
    reserve = f"{path}{RESERVE}"
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
        os.unlink(f"{path}{RESERVE}")
    except OSError:
        return


def _fill(fd: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, RESERVE_BYTES)
    else:  # macOS
        os.write(fd, bytes(RESERVE_BYTES))
