"""What SQLite says, as an error with the file, the cause and the remedy."""

from __future__ import annotations

import os

import apsw

from tetra_orchestrator.errors import CannotWrite, StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.errors import TetraError

BUSY_S = 10
#: So many of the parts that a store lacks are named.
MOST_NAMED = 5

_DAMAGED = (
    "nothing is repaired or replaced by itself: keep the file, then restore a backup or save what can be read with"
    " `sqlite3 {path} .recover`"
)
_RESTORE = "restore a backup, or remove the file to begin a new store"
_MODES = "chmod 600 {path} && chmod 700 {folder}"
_CHECK = "`sqlite3 {path} 'PRAGMA integrity_check'` checks the file"


def explained(error: apsw.Error, path: str) -> TetraError:
    """The error for what went wrong in the store at `path`: `CannotWrite` or `StoreError`."""
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return _locked(path)
        case apsw.NotADBError():
            return _store(path, "the file is not a database, or its beginning is damaged", _DAMAGED, "store_damaged")
        case apsw.CorruptError():
            return _store(path, f"the store is damaged: {error}", _DAMAGED, "store_damaged")
        case apsw.ReadOnlyError() | apsw.PermissionsError():
            return _cannot_write(path, f"the store cannot be written: {error}", _MODES)
        case apsw.IOError() if getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHORT_READ:
            return _store(path, "the store is cut short", _DAMAGED, "store_damaged")
        case apsw.FullError():
            return _full(path)
        case apsw.IOError() if _has_no_room(path):  # that it has none for the journal's index SQLite calls an I/O error
            return _full(path)
        case apsw.IOError():
            return _cannot_write(path, f"the disk reports: {error}", "see the system's log for faults of that disk")
        case apsw.CantOpenError():
            return _unopened(error, path)
    return _store(path, f"the store cannot be used: {error}", _CHECK, None)


def _full(path: str) -> CannotWrite:
    return _cannot_write(path, "the disk is full", "free some space on the disk of {folder}, then start again")


def _has_no_room(path: str) -> bool:
    try:
        return os.statvfs(os.path.dirname(path)).f_bavail == 0
    except OSError:
        return False


def _unopened(error: apsw.Error, path: str) -> TetraError:
    """SQLite does not say why it cannot make a file, so we try to make one there."""
    probe = f"{path}.{os.getpid()}.new"
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        os.unlink(probe)
    except OSError as why:
        message = f"the journal of the store cannot be made: {why.strerror}"
        return _cannot_write(path, message, "make sure that you can write to {folder}")
    return _store(path, f"the store cannot be opened: {error}", _MODES, None)


def _locked(path: str) -> StoreError:
    from tetra_orchestrator.adapters.store.holders import writers

    message = f"another process has kept the store locked for {BUSY_S} s"
    if found := writers(path, f"{path}-shm", f"{path}-wal"):
        return _store(path, f"{message}: {', '.join(found)}", "let it finish, or end it", "store_busy")
    return _store(path, message, "see who with `fuser {path}` and let it finish", "store_busy")


def missing(path: str) -> StoreError:
    """There is no store yet, and this command only reads."""
    return _store(path, "no runs have been recorded yet", "start one with `tetra run --mode MODE`", "no_store")


def cut_short(path: str, size: int) -> StoreError:
    """SQLite would fill such a file anew; we never leave one, so somebody else has cut it."""
    message = f"the file is cut short ({size} bytes), so what was recorded in it is gone"
    return _store(path, message, _RESTORE, "store_damaged")


def bereft(path: str) -> StoreError:
    """A journal without its database: a new database would swallow it and be damaged."""
    hint = "restore {path}, or move {path}-wal away to begin a new store"
    return _store(path, f"the store is missing but its journal {path}-wal is there", hint, "store_damaged")


def mispaired(path: str) -> StoreError:
    """Whole by itself, but not together with the journal beside it, as a backup is that was put there after a crash."""
    hint = "move {path}-wal away to use the store as it is, or put the store back that was here before"
    return _store(path, f"the journal {path}-wal belongs to another store", hint, "store_damaged")


def damaged(path: str) -> StoreError:
    """Neither whole by itself nor with the journal beside it."""
    return _store(path, "the store is damaged", _DAMAGED, "store_damaged")


def remote(path: str, mount: str, kind: str) -> StoreError:
    """A file system of another machine, where two processes may both believe that they have a lock."""
    message = f"the state folder is on a network file system, {mount} ({kind})"
    return _store(path, message, "put it on a local disk, with `state:` or TETRA_STATE", "store_not_local")


def foreign(path: str) -> StoreError:
    """A database with other tables than ours."""
    return _store(path, "this is a database of another program", "name another file in `state:`", "store_foreign")


def replaced(path: str) -> CannotWrite:
    """What we hold open is no longer what the path names."""
    hint = "nothing more was recorded; move the file back, then run `tetra status`"
    return _cannot_write(path, "the store was deleted or replaced while it was in use", hint)


def too_new(path: str, program: str) -> StoreError:
    """A newer program has changed the tables."""
    hint = "upgrade with `pip install --upgrade tetra-orchestrator`, or name another file in `state:`"
    return _store(path, f"the store was written by a newer version, {program}", hint, "store_too_new")


def too_old(path: str) -> StoreError:
    """The tables need an upgrade, and this command only reads."""
    hint = "`tetra run`, or any other command that writes, upgrades it"
    return _store(path, "the store was written by an older version", hint, "store_too_old")


def incomplete(path: str, lacks: Sequence[str]) -> StoreError:
    """The version is right and the tables are not: somebody has changed them, or has put them together by hand."""
    more = [f"{len(lacks) - MOST_NAMED} more"] if len(lacks) > MOST_NAMED else []
    message = f"the store is not complete: it lacks {', '.join([*lacks[:MOST_NAMED], *more])}"
    hint = "`tetra state restore FILE` restores a backup; the folder `backups` beside it has some"
    return _store(path, message, hint, "store_incomplete")


def not_durable(path: str, wanted: str, found: str) -> StoreError:
    """The live connection does not keep the promise that a commit survives a power cut."""
    message = f"the store does not take {wanted}: it has {found}"
    return _store(path, message, "put the state folder on a local disk", "store_not_durable")


def _store(path: str, message: str, hint: str, code: str | None) -> StoreError:
    return StoreError(message, hint=_filled(hint, path), where=path, code=code)


def _cannot_write(path: str, message: str, hint: str) -> CannotWrite:
    return CannotWrite(message, hint=_filled(hint, path), where=path)


def _filled(hint: str, path: str) -> str:
    from shlex import quote

    return hint.replace("{path}", quote(path)).replace("{folder}", quote(os.path.dirname(path)))
