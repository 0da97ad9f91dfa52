"""Where it is kept that the project's store cannot be used: in a file beside that, or, where that disk takes nothing
more, in one in memory, which outlasts a process.

That one lives in `/dev/shm`, as systemd removes the `/tmp` of a service when that ends.
"""

from __future__ import annotations

import os
import stat

from tetra_orchestrator import failpoints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "watch.db"
_MEMORY = "/dev/shm"


def known(state: str) -> list[str]:
    """The files that there are for the folder `state` (absolute): the one in memory first, as that is the newer."""
    return [place for place in (_in_memory(state), os.path.join(state, NAME)) if os.path.exists(place)]


def places(state: str) -> Iterator[str]:
    """The files that may be used, in the order in which they are to be tried: one that is in use comes first."""
    memory = _in_memory(state)
    in_use = os.path.exists(memory)
    if not in_use:
        yield os.path.join(state, NAME)
    if _is_private(os.path.dirname(memory)):
        yield memory
    if in_use:
        yield os.path.join(state, NAME)


def forget(place: str, state: str) -> None:
    """Remove the file if it is the one in memory; the one beside the store stays."""
    if place == _in_memory(state):
        from shutil import rmtree

        failpoints.hit("aside.drop")
        rmtree(os.path.dirname(place), ignore_errors=True)
        failpoints.hit("aside.drop.commit")


def _in_memory(state: str) -> str:
    from hashlib import sha256

    return os.path.join(_root(), f"tetra-{os.geteuid()}-{sha256(os.fsencode(state)).hexdigest()[:16]}", NAME)


def _root() -> str:
    if os.path.isdir(_MEMORY):
        return _MEMORY
    from tempfile import gettempdir

    return gettempdir()


def _is_private(folder: str) -> bool:
    """Whether the folder, made where it is missing, is ours alone: anybody may make one where it has to be."""
    try:
        if not os.path.lexists(folder):
            failpoints.hit("aside.make")
            os.mkdir(folder, 0o700)
            failpoints.hit("aside.make.commit")
        found = os.lstat(folder)
    except OSError:
        return False
    return found.st_uid == os.geteuid() and stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
