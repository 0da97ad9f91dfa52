"""The file of a SQLite store: made whole and private or not at all, opened durable or not at all.

WAL is used from SQLite 3.51.3 on. In older ones a checkpoint beside a writer could damage the file
(sqlite.org/wal.html#walresetbug); there the rollback journal keeps the same promise at a higher price.
"""

from __future__ import annotations

import os
import time
from stat import S_ISLNK

import apsw

from tetra_orchestrator import failpoints
from tetra_orchestrator.adapters.store import sqlite_faults as faults
from tetra_orchestrator.errors import CannotWrite, Forbidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: The number of upgrade scripts in `sqlite_schema`, which is not imported when there is nothing to do.
VERSION = 6
FIRST_SOUND_WAL = (3, 51, 3)
FULL = 2
HEADER_BYTES = 100
#: What the file with the space that `reserve` keeps is called behind the store's name, and its size: more than the last
#: commit of a run of some thousand tasks takes.
RESERVE, RESERVE_BYTES = ".reserve", 1 << 20
_READ = apsw.SQLITE_OPEN_READONLY
_WRITE = apsw.SQLITE_OPEN_READWRITE


def open_file(path: str, *, readonly: bool) -> apsw.Connection:
    """A connection to the store at `path` (absolute), which is made where there is none.

    Raises `Forbidden` where others can write to the folder, `CannotWrite` where the store cannot be made, `StoreError`
    where it is damaged, foreign or newer than this program, on a network file system, or where there is none and
    `readonly`.
    """
    if not _is_there(path):
        if readonly:
            raise faults.missing(path)
        _make(os.path.dirname(path), path)
    try:
        return _open(path, readonly)
    except apsw.Error as error:
        raise faults.explained(error, path) from error


def open_as_found(path: str) -> apsw.Connection:
    """A connection that only reads the store at `path` (absolute), of whatever version that is.

    Raises what `open_file` raises, but for its version.
    """
    if not _is_there(path):
        raise faults.missing(path)
    try:
        return connect(path, _READ)
    except apsw.Error as error:
        raise faults.explained(error, path) from error


def connect(path: str, flags: int) -> apsw.Connection:
    """A connection that waits for locks as long as every store of ours does."""
    db = apsw.Connection(path, flags=flags)
    db.set_busy_handler(_patience(faults.BUSY_S))
    return db


def _is_there(path: str) -> bool:
    """Whether there is a store, in a folder that may be used, and not cut short."""
    folder = os.path.dirname(path)
    _check_private(folder, path)
    _check_local(folder, path)
    if not os.path.exists(path):
        # A journal comes after its store and goes before it, so a store that is made meanwhile is seen the second time.
        if not os.path.exists(f"{path}-wal"):
            return False
        if not os.path.exists(path):
            raise faults.bereft(path)
    elif (found := os.path.getsize(path)) < HEADER_BYTES:
        raise faults.cut_short(path, found)
    return True


def is_kept(path: str) -> bool:
    """Whether space is kept beside the store for the last words of a run."""
    return size(f"{path}{RESERVE}") == RESERVE_BYTES


def size(path: str) -> int:
    """Bytes of a file, 0 where there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def identity(path: str) -> tuple[int, int] | None:
    """Which file the path names, None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def journal_for(version: str) -> str:
    """The journal mode in which the SQLite library of that version keeps a commit through a power cut."""
    return "wal" if tuple(int(part) for part in version.split(".")) >= FIRST_SOUND_WAL else "truncate"


def _check_private(folder: str, path: str) -> None:
    """Raises `Forbidden` for a link or for a folder others can write to: they could put another file there."""
    try:
        mode = os.lstat(folder).st_mode
        if S_ISLNK(mode):
            raise _link(folder, "folder")
        if mode & 0o022:
            message = f"others can write to the state folder (mode {mode & 0o7777:04o})"
            from shlex import quote

            raise Forbidden(message, hint=f"chmod 700 {quote(folder)}", where=folder)
        if S_ISLNK(os.lstat(path).st_mode):
            raise _link(path, "file")
    except FileNotFoundError:
        return
    except OSError as error:
        message = f"the state folder cannot be used: {error.strerror}"
        raise CannotWrite(message, hint=f"make sure that {folder} can be a folder of yours", where=folder) from error


def _check_local(folder: str, path: str) -> None:
    """Raises `StoreError` for a folder, or one that it is to be made in, on a network file system."""
    while (found := identity(folder)) is None:
        folder = os.path.dirname(folder)
    if os.major(found[0]) == 0:  # no disk of this machine, but memory, layers, or another machine's
        from tetra_orchestrator.adapters.store.mounts import network_mount

        if mount := network_mount(folder):
            raise faults.remote(path, *mount)


def _link(place: str, kind: str) -> Forbidden:
    return Forbidden(f"the state {kind} is a symbolic link", hint=f"name the {kind} itself in `state:`", where=place)


def _make(folder: str, path: str) -> None:
    """Make the store beside its place and link it there whole: nobody ever sees half of it."""
    failpoints.hit("store.make")
    draft = f"{path}.{os.getpid()}.new"
    new = [folder]  # it may be: the cache's folder is in it, and may have been made a moment ago
    while not os.path.isdir(above := os.path.dirname(new[-1])):
        new.append(above)
    try:
        if not os.path.isdir(folder):
            os.makedirs(folder, exist_ok=True)
            os.chmod(folder, 0o700)
        _keep_names(new)
        _clear_drafts(folder, os.path.basename(path))
        create_private(draft)
        try:
            _fill(draft)
            _publish(draft, path)
        finally:
            remove(draft)
        failpoints.hit("store.make.commit")
    except OSError as error:
        message = f"the store cannot be made: {error.strerror}"
        raise CannotWrite(message, hint=f"make sure that you can write to {folder}", where=path) from error
    except apsw.Error as error:
        raise faults.explained(error, path) from error


def _clear_drafts(folder: str, name: str) -> None:
    """Remove the drafts of processes that were killed while they made the store called `name`."""
    for entry in os.listdir(folder):
        pid, draft, _ = entry.removeprefix(f"{name}.").partition(".new")
        if draft and pid.isdecimal() and not lives(int(pid)):
            remove(os.path.join(folder, entry))


def remove(path: str) -> None:
    """Remove a draft, unless another process that makes the store has done so."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def lives(pid: int) -> bool:
    """Whether there is a process with that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def create_private(draft: str) -> None:
    descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _fill(draft: str) -> None:
    from tetra_orchestrator.adapters.store.sqlite_upgrade import create

    db = apsw.Connection(draft, flags=_WRITE)
    try:
        _make_durable(db, draft)
        create(db)
    finally:
        db.close()


def _publish(draft: str, path: str) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return  # another process was faster, with the same content
    sync(os.path.dirname(path))


def _keep_names(folders: list[str]) -> None:
    """Have the folders' names survive a power cut: each is only kept by a sync of the folder above (fsync(2))."""
    for folder in reversed(folders):
        try:
            sync(os.path.dirname(folder))
        except PermissionError:
            continue  # then it is not ours, and not new


def sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(path: str, readonly: bool) -> apsw.Connection:
    if not readonly and size(f"{path}-wal"):
        from tetra_orchestrator.adapters.store.leftover import check_pair

        check_pair(path)
    db = connect(path, _READ if readonly else _WRITE)
    try:
        if not readonly:
            _make_durable(db, path)
        _check_version(db, path, readonly)
    except BaseException:
        db.close()
        raise
    return db


def _patience(limit_s: float) -> Callable[[int], bool]:
    """Wait for a lock, trying more often the longer it takes: SQLite's own pauses grow and starve who waits longest."""
    began = 0.0

    def wait(tries: int) -> bool:
        nonlocal began
        now = time.monotonic()
        began = began if tries else now
        waited = now - began
        if waited >= limit_s:
            return False
        time.sleep(min(0.001 * (tries + 1), max(0.001, 0.05 - waited / 100)))
        return True

    return wait


def _make_durable(db: apsw.Connection, path: str) -> None:
    """Set what makes a commit survive a power cut, and ask the live connection whether it took."""
    journal = journal_for(apsw.sqlite_lib_version())
    # fullfsync: on macOS fsync alone leaves the data in the drive's cache
    wanted = f"PRAGMA journal_mode={journal}; PRAGMA synchronous=FULL; PRAGMA fullfsync=ON; PRAGMA foreign_keys=ON"
    db.execute(wanted).fetchall()
    found = tuple(_value(db, f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "foreign_keys"))
    if found != (journal, FULL, 1):
        raise faults.not_durable(path, _spoken(journal, FULL, 1), _spoken(*found))


def _spoken(journal: str, synchronous: int, foreign_keys: int) -> str:
    return f"journal_mode={journal}, synchronous={synchronous}, foreign_keys={foreign_keys}"


def _check_version(db: apsw.Connection, path: str, readonly: bool) -> None:
    """Upgrade an older store; raises `StoreError` for one that is newer, not ours, or lacks a part of its tables."""
    version = refuse_newer(db, path)
    if version < VERSION:
        if readonly:
            raise faults.too_old(path)
        from tetra_orchestrator.adapters.store.sqlite_upgrade import upgrade

        upgrade(db, path)
    elif not is_stamped(db):
        from tetra_orchestrator.adapters.store.sqlite_tables import look_again

        look_again(db, path, readonly)


def refuse_newer(db: apsw.Connection, path: str) -> int:
    """The store's version; raises `StoreError` for one of a newer program, which may have taken over meanwhile."""
    version, program = version_of(db, path)
    if version > VERSION:
        raise faults.too_new(path, program)
    return version


def version_of(db: apsw.Connection, path: str) -> tuple[int, str]:
    """The store's version and the program that gave it to it; raises `StoreError` for a database that is not ours."""
    query = "SELECT version, program FROM schema_version ORDER BY version DESC LIMIT 1"
    try:
        found: list[Any] = db.execute(query).fetchall()
    except apsw.SQLError:
        raise faults.foreign(path) from None
    return found[0] if found else (0, "")


def is_stamped(db: apsw.Connection) -> bool:
    """Whether nobody has changed the tables since they were found complete: then SQLite's own count of changes stood
    where `user_version` is now (sqlite.org/pragma.html#pragma_schema_version)."""
    (changes,), (stamp,) = db.execute("PRAGMA schema_version; PRAGMA user_version").fetchall()
    return bool(changes == stamp)


def _value(db: apsw.Connection, query: str) -> Any:
    return db.execute(query).fetchall()[0][0]
