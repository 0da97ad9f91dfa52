"""A journal that nobody has open: left by a crash, and meanwhile perhaps beside another store than its own.

SQLite writes any whole journal into any database that it lies beside (sqlite.org/howtocorrupt.html, section 1.4): a
backup that was restored beside the journal of a crash would be damaged for good, by whoever opens it first.
"""

from __future__ import annotations

import fcntl
import time

import apsw

from tetra_orchestrator.adapters.store import sqlite_faults as faults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

_FITS = [("ok",)]
_PAUSE_S = 0.01


def check_pair(path: str) -> None:
    """Raise `StoreError` where the store and the journal beside it are damaged together, and change neither.

    Nothing is checked while somebody has the store open: who opened it first has checked it.
    """
    try:
        with open(f"{path}-wal", "rb") as journal:
            # SQLite has no locks on this file, so that closing it takes none of them away
            _wait_for(journal)
            _check(path)
    except BlockingIOError:
        raise faults.explained(apsw.BusyError(), path) from None
    except OSError:
        return  # who had it open has put it away, or SQLite cannot read it either, and says so


def _wait_for(journal: BinaryIO) -> None:
    """One process after the other: who checks keeps others out as who uses the store does. Raises `BlockingIOError`."""
    until = time.monotonic() + faults.BUSY_S
    while True:
        try:
            return fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise
        time.sleep(_PAUSE_S)


def _check(path: str) -> None:
    try:
        if _is_whole(path, apsw.SQLITE_OPEN_READWRITE):
            return
    except apsw.BusyError:
        return
    from urllib.parse import quote

    if _is_whole(f"file:{quote(path)}?immutable=1", apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI):
        raise faults.mispaired(path)
    raise faults.damaged(path)


def _is_whole(name: str, flags: int) -> bool:
    db = apsw.Connection(name, flags=flags)
    try:
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        db.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
        return bool(db.execute("PRAGMA integrity_check(1)").fetchall() == _FITS)
    except (apsw.CorruptError, apsw.NotADBError):
        return False
    finally:
        db.close()
