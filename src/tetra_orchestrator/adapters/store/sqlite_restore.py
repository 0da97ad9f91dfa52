"""Putting a copy in the place of a SQLite store, so that at every moment the one or the other is there and whole."""

from __future__ import annotations

import os
import shutil
from contextlib import closing

import apsw

from tetra_orchestrator import failpoints
from tetra_orchestrator.adapters.store import sqlite_faults as faults
from tetra_orchestrator.adapters.store.leftover import check_pair
from tetra_orchestrator.adapters.store.sqlite_backup import drafted, place_for, write_copy
from tetra_orchestrator.adapters.store.sqlite_file import connect, create_private, identity, remove, size, sync
from tetra_orchestrator.adapters.store.sqlite_upkeep import look_into, open_copy
from tetra_orchestrator.core.upkeep import Restored
from tetra_orchestrator.errors import NotNow, StoreError, UsageError

_READ, _WRITE = apsw.SQLITE_OPEN_READONLY, apsw.SQLITE_OPEN_READWRITE
#: How long another process that looks into the store is waited for.
_PATIENCE_MS = 2000
_JOURNALS = ("-wal", "-journal")


def restore(path: str, source: str, *, force: bool) -> Restored:
    """Put what the file `source` holds in the place of the store at `path`, which is kept.

    Raises `UsageError` where there is no such file, `StoreError` where it is of no use or newer than this program,
    `NotNow` while somebody has the store open, unless `force`: they then find it replaced at their next commit.
    `CannotWrite` where there is no room.
    """
    if identity(source) is not None and identity(source) == identity(path):
        raise UsageError(f"{source} is the store itself", hint="name a copy of it")
    held = look_into(source, path)
    failpoints.hit("restore.write")
    try:
        with closing(open_copy(source)) as db, drafted(db, place_for(path, "restored-")) as draft:
            kept = _replace(path, draft, force)
    except apsw.Error as error:
        raise faults.explained(error, source) from error
    failpoints.hit("restore.write.commit")
    return Restored(path, held, kept)


def _replace(path: str, draft: str, force: bool) -> str | None:
    """Have the draft take the store's place; returns where what was there is now."""
    kept = place_for(path, "replaced-")
    if not os.path.exists(path):
        moved = _move_journals(path, kept)
        _put(draft, path)
        return moved
    try:
        with closing(_alone(path)) as db:
            write_copy(db, kept, replace=False)
            _put(draft, path)
            return kept
    except apsw.BusyError:
        if not force:
            hint = "wait until it ends (`fuser` tells which one), or add --force: it then stops at its next commit"
            raise NotNow("another process has the store open", hint=hint, where=path) from None
        _copy_in_use(path, kept)
    except (apsw.NotADBError, apsw.CorruptError, apsw.IOError, StoreError):
        _copy_damaged(path, kept)
    _put(draft, path)
    return kept


def _alone(path: str) -> apsw.Connection:
    """A connection beside which there can be no other, and no journal: all is in the one file.

    Raises `StoreError` where the journal beside it belongs to another store; SQLite would write that into this one.
    """
    if os.path.exists(f"{path}-wal"):
        check_pair(path)
    db = apsw.Connection(path, flags=_WRITE)
    try:
        db.set_busy_timeout(_PATIENCE_MS)
        db.execute("PRAGMA journal_mode=DELETE; PRAGMA locking_mode=EXCLUSIVE").fetchall()
        db.execute("BEGIN EXCLUSIVE; COMMIT")  # in this mode the lock stays
        if any(size(path + end) for end in _JOURNALS):
            raise apsw.BusyError("somebody has opened it meanwhile")
    except BaseException:
        db.close()
        raise
    return db


def _copy_in_use(path: str, kept: str) -> None:
    """Copy what is committed, and take away what others are writing: SQLite would write it into the new store."""
    with closing(connect(path, _READ)) as db:
        write_copy(db, kept, replace=False)
    for end in (*_JOURNALS, "-shm"):
        remove(path + end)
    sync(os.path.dirname(path))


def _copy_damaged(path: str, kept: str) -> None:
    """Copy byte by byte what nobody can work with."""
    os.makedirs(os.path.dirname(kept), mode=0o700, exist_ok=True)
    create_private(kept)
    shutil.copyfile(path, kept)
    sync(kept)
    _move_journals(path, kept)


def _move_journals(path: str, kept: str) -> str | None:
    """Take away the journals of a store that cannot be opened, or is gone; where the first of them is now."""
    found = [end for end in _JOURNALS if os.path.exists(path + end)]
    os.makedirs(os.path.dirname(kept), mode=0o700, exist_ok=True)
    for end in found:
        os.rename(path + end, kept + end)
    remove(f"{path}-shm")
    sync(os.path.dirname(kept))
    sync(os.path.dirname(path))
    return f"{kept}{found[0]}" if found else None


def _put(draft: str, path: str) -> None:
    os.replace(draft, path)
    sync(os.path.dirname(path))
    sync(os.path.dirname(draft))
