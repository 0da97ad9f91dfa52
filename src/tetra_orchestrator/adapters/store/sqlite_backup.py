"""Copies of a SQLite store: consistent while runs go on, whole and durable or not at all, and private.

They are made by SQLite's own backup (sqlite.org/backup.html), which sees what was last committed and keeps nobody from
writing. A copy is one file, without a journal beside it.
"""

from __future__ import annotations

import os
import time
from contextlib import closing, contextmanager, suppress

import apsw

from tetra_orchestrator import failpoints
from tetra_orchestrator.adapters.store import sqlite_faults as faults
from tetra_orchestrator.adapters.store.sqlite_file import connect, create_private, lives, remove, sync
from tetra_orchestrator.errors import CannotWrite, TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The folder of copies beside the store, and how many of those before upgrades stay: of each version the newest.
FOLDER = "backups"
KEPT = 3
_NEW = ".new"
_READ = apsw.SQLITE_OPEN_READONLY
_WRITE = apsw.SQLITE_OPEN_READWRITE


def folder_of(path: str) -> str:
    """Where the copies of the store at `path` are kept."""
    return os.path.join(os.path.dirname(path), FOLDER)


def place_for(path: str, label: str = "") -> str:
    """A name for a copy of the store at `path` that is made now; nothing is there yet."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    place = os.path.join(folder_of(path), f"{_stem(path)}-{label}{stamp}")
    found, number = f"{place}.db", 1
    while os.path.lexists(found):
        number += 1
        found = f"{place}-{number}.db"
    return found


def keep_before_upgrade(path: str, version: int) -> str:
    """Copy the store of that version, and forget copies that are no longer needed; the place of the copy."""
    place = place_for(path, f"v{version}-")
    try:
        with closing(connect(path, _READ)) as source:
            write_copy(source, place, replace=False)
    except CannotWrite as error:
        message = f"the store is not upgraded, as no copy of it can be made first: {error.message}"
        raise CannotWrite(message, hint=error.hint, where=error.where) from error
    with suppress(OSError):
        for old in _outdated(path):
            remove(old)
    return place


def newest_before_upgrade(path: str, version: int) -> str | None:
    """The last copy of the store at `path` that was made before an upgrade from that version."""
    start = f"{_stem(path)}-v{version}-"
    names = [name for name in os.listdir(folder_of(path)) if name.startswith(start) and name.endswith(".db")]
    return os.path.join(folder_of(path), max(names)) if names else None


def write_copy(
    source: apsw.Connection, place: str, *, replace: bool, check: Callable[[str], object] = lambda draft: None
) -> None:
    """Copy what is committed in `source` into the file `place`, its folder included, if the copy passes the `check`.

    Raises `CannotWrite` where that cannot be, and leaves nothing then; `FileExistsError` for a file that is there,
    unless `replace`.
    """
    failpoints.hit("backup.write")
    with drafted(source, place) as draft:
        check(draft)
        if replace:
            os.replace(draft, place)
        else:
            os.link(draft, place)
        sync(os.path.dirname(place))
    failpoints.hit("backup.write.commit")


@contextmanager
def drafted(source: apsw.Connection, place: str) -> Iterator[str]:
    """A whole and durable copy of `source` for `place` without that name yet; it is removed in the end.

    Raises `CannotWrite` where it cannot be made.
    """
    draft = f"{place}.{os.getpid()}{_NEW}"
    try:
        _make_folder(os.path.dirname(place))
        _clear_drafts(place)
        create_private(draft)
        try:
            _fill(source, draft)
            yield draft
        finally:
            remove(draft)
    except (FileExistsError, TetraError):
        raise
    except OSError as error:
        message = f"the copy cannot be written: {error.strerror}"
        hint = f"make room in {os.path.dirname(place)} that you can write to"
        raise CannotWrite(message, hint=hint, where=place) from error
    except apsw.FullError as error:
        raise faults.explained(error, place) from error


def _clear_drafts(place: str) -> None:
    """Remove the drafts of copies whose makers were killed: of `place`, and those that are called as stores are."""
    folder, name = os.path.split(place)
    for entry in os.listdir(folder):
        of, _, pid = entry.removesuffix(_NEW).rpartition(".")
        ours = entry.endswith(_NEW) and (of == name or of.endswith(".db")) and pid.isdecimal()
        if ours and not lives(int(pid)):
            remove(os.path.join(folder, entry))


def _make_folder(folder: str) -> None:
    if not os.path.isdir(folder):
        os.makedirs(folder, mode=0o700)
        sync(os.path.dirname(folder))


def _fill(source: apsw.Connection, draft: str) -> None:
    """No journal and no sync: only a draft that is whole and synced gets its name."""
    target = apsw.Connection(draft, flags=_WRITE)
    try:
        target.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF").fetchall()
        with target.backup("main", source, "main") as copying:
            copying.step(-1)
    finally:
        target.close()
    sync(draft)


def _outdated(path: str) -> list[str]:
    """The copies before upgrades but the newest of each version, and all of them but those of the last versions."""
    start = f"{_stem(path)}-v"
    by_version: dict[str, list[str]] = {}
    for name in sorted(os.listdir(folder_of(path))):
        version, dash, stamp = name.removeprefix(start).partition("-")
        if name.startswith(start) and version.isdecimal() and dash and stamp.endswith(".db"):
            by_version.setdefault(version, []).append(name)
    newest = sorted((names[-1] for names in by_version.values()), key=_stamp)[-KEPT:]
    names = [name for each in by_version.values() for name in each if name not in newest]
    return [os.path.join(folder_of(path), name) for name in names]


def _stamp(name: str) -> str:
    return name.rpartition("-v")[2].partition("-")[2]


def _stem(path: str) -> str:
    return os.path.basename(path).removesuffix(".db")
