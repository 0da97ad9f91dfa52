"""When each timer last woke us or was armed: the times of files in `state/wakes/`, which hold nothing else."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from tetra_orchestrator.errors import CannotWrite

_FOLDER = os.path.join("state", "wakes")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def mark(root: str, name: str, now: datetime) -> None:
    """Note for the project in `root` that the timer woke us, or was armed, at this instant.

    Raises `CannotWrite` where that cannot be noted.
    """
    place = _place(root, name)
    try:
        _make(os.path.dirname(place))
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        nanoseconds = (now - _EPOCH) // _MICROSECOND * 1000  # a float would lose the microseconds
        os.utime(place, ns=(nanoseconds, nanoseconds))
    except OSError as error:
        raise CannotWrite(f"cannot write {place}: {error.strerror}", hint="make the folder writable") from error


def marked_at(root: str, name: str) -> datetime | None:
    """The instant of the last mark (aware UTC); None where there is none."""
    try:
        status = os.lstat(_place(root, name))
    except OSError:
        return None
    return _EPOCH + status.st_mtime_ns // 1000 * _MICROSECOND


def forget(root: str, beginning: str, kept: str) -> None:
    """Remove the marks whose names begin so, but that one. What cannot be removed does no harm."""
    folder = os.path.join(root, _FOLDER)
    for name in os.listdir(folder):
        if name.startswith(beginning) and name != kept:
            with suppress(OSError):
                os.unlink(os.path.join(folder, name))


def _place(root: str, name: str) -> str:
    return os.path.join(root, _FOLDER, name)


def _make(folder: str) -> None:
    for each in (os.path.dirname(folder), folder):
        if not os.path.isdir(each):
            os.mkdir(each, 0o700)
