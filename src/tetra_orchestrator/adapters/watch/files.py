"""The newest of the files that fit a pattern."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from glob import has_magic, iglob
from itertools import islice
from stat import S_ISDIR, S_ISREG

from tetra_orchestrator.core.data_age import Seen

#: More files than this do not show the age of anything within the time that a look has.
MOST = 100_000
#: How often files are listed where all are gone once they are looked at.
LISTINGS = 5


def newest(root: str, pattern: str) -> Seen:
    """From when the newest is; that and how many there are, and of what size in all, shows that they move.

    `**` fits folders of any depth; a relative pattern starts in `root`. Where nothing fits, a folder is in a file's
    place, or the newest cannot be read, nothing is known.
    """
    found = _found(os.path.join(_literal(root), pattern))
    files = [(path, status) for path, status in found if S_ISREG(status.st_mode)]
    if not files:
        folder = next((path for path, status in found if S_ISDIR(status.st_mode)), None)
        return Seen(error=f"{folder} is a folder, and no file" if folder else _nothing(pattern))
    path, last = max(files, key=lambda each: each[1].st_mtime_ns)
    if not os.access(path, os.R_OK):
        return Seen(error=f"{path} cannot be read")
    try:
        at = datetime.fromtimestamp(last.st_mtime, UTC)
    except (OSError, OverflowError, ValueError):
        return Seen(error=f"the time of {path} cannot be")
    size = sum(status.st_size for _, status in files)
    return Seen(at, f"{last.st_mtime_ns} {len(files)} {size}")


def _found(pattern: str) -> list[tuple[str, os.stat_result]]:
    """Those that fit; listed again where all of them have been replaced by others since they were listed."""
    for _ in range(LISTINGS):
        paths = list(islice(iglob(pattern, recursive=True), MOST))
        found = [(path, status) for path in paths if (status := _status(path)) is not None]
        if found or not paths:
            break
    return found


def _status(path: str) -> os.stat_result | None:
    """None for one that is gone meanwhile, or leads nowhere."""
    try:
        return os.stat(path)
    except OSError:
        return None


def _nothing(pattern: str) -> str:
    return f"no file is called {pattern}" if has_magic(pattern) else f"there is no file {pattern}"


def _literal(root: str) -> str:
    """The folder as a pattern that fits only itself."""
    from glob import escape

    return escape(root)
