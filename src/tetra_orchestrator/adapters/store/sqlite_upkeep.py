"""What is to be known of a SQLite store without opening it for work: what an upgrade would do, what a file holds."""

from __future__ import annotations

import os
from contextlib import closing
from urllib.parse import quote

import apsw

from tetra_orchestrator.adapters.store import sqlite_faults as faults
from tetra_orchestrator.adapters.store import sqlite_schema, sqlite_tables
from tetra_orchestrator.adapters.store.sqlite_backup import folder_of, place_for, write_copy
from tetra_orchestrator.adapters.store.sqlite_file import (
    HEADER_BYTES,
    connect,
    open_as_found,
    refuse_newer,
    size,
    version_of,
)
from tetra_orchestrator.core.upkeep import Holding, UpgradePlan, UpgradeStep
from tetra_orchestrator.errors import StoreError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_READ = apsw.SQLITE_OPEN_READONLY


def plan(path: str) -> UpgradePlan:
    """What an upgrade of the store at `path` would do. Raises `StoreError` where there is none, or a newer one."""
    with closing(open_as_found(path)) as db:
        refuse_newer(db, path)
        version, program = version_of(db, path)
        [(content,)] = _rows(db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    newest = len(sqlite_schema.SCRIPTS)
    steps = tuple(UpgradeStep(number, sqlite_schema.TEXTS[number - 1]) for number in range(version + 1, newest + 1))
    backup = place_for(path, f"v{version}-") if steps else None
    found = os.statvfs(os.path.dirname(path))
    return UpgradePlan(path, version, newest, program, steps, content, backup, found.f_bavail * found.f_frsize)


def back_up(path: str, place: str | None, *, replace: bool) -> Holding:
    """Copy the store at `path` to `place`, or below its own folder; what the copy holds.

    Raises `UsageError` for a place that is taken, unless `replace`, or that cannot be one; `StoreError` where there is
    no store, or a damaged or newer one; `CannotWrite`.
    """
    target = _target(path, place)
    made: list[Holding] = []
    try:
        with closing(open_as_found(path)) as db:
            version = refuse_newer(db, path)
            if lacks := sqlite_tables.missing(db, version):
                raise faults.incomplete(path, lacks)
            write_copy(db, target, replace=replace, check=lambda draft: made.append(_held_by(draft, path)))
    except FileExistsError:
        hint = "add --force to write over it, or name another file or a folder"
        raise UsageError(f"{target} is there already", hint=hint) from None
    except apsw.Error as error:
        raise faults.explained(error, path) from error
    return made[0]._replace(path=target)


def _target(path: str, place: str | None) -> str:
    """The file to write. Raises `UsageError` where there is no folder for it, or it is one of the store's own."""
    if place is None:
        return place_for(path)
    target = os.path.abspath(place)
    if os.path.isdir(target):
        return os.path.join(target, os.path.basename(place_for(path)))
    if not os.path.isdir(os.path.dirname(target)):
        raise UsageError(f"there is no folder {os.path.dirname(target)}", hint="make it, or mount its disk")
    if os.path.realpath(target) in (os.path.realpath(path + end) for end in ("", "-wal", "-shm", "-journal")):
        raise UsageError(f"{target} belongs to the store itself", hint="name another file")
    return target


def look_into(file: str, path: str) -> Holding:
    """What a file with a copy of the store at `path` holds.

    Raises `UsageError` where there is no such file, `StoreError` for one that is of no use or newer than this program.
    """
    hint = f"choose another one; copies are in {folder_of(path)}"
    if not os.path.isfile(file):
        raise UsageError(f"there is no file {file}", hint=hint)
    try:
        found = _held_by(file, file)
        with closing(open_copy(file)) as db:
            lacks = sqlite_tables.missing(db, found.version)
        why = f"it lacks {', '.join(lacks[: faults.MOST_NAMED])}" if lacks else None
    except (apsw.NotADBError, apsw.CorruptError, apsw.IOError) as error:
        why = str(error)
    except apsw.Error as error:
        raise faults.explained(error, file) from error
    except OSError as error:
        why = f"it cannot be read: {error.strerror}"
    if why:
        raise StoreError(f"this is no copy of a store: {why}", hint=hint, where=file, code="backup_damaged")
    return found


def _rows(db: apsw.Connection, query: str) -> list[Any]:
    return db.execute(query).fetchall()


def _held_by(file: str, path: str) -> Holding:
    """What the file holds. Raises apsw's errors where it is damaged, `StoreError` with `path` for a newer program's."""
    content = size(file)
    if content < HEADER_BYTES:
        raise apsw.NotADBError("it is cut short")
    with closing(open_copy(file)) as db:
        version = refuse_newer(db, path)
        [(found,)] = _rows(db, "PRAGMA integrity_check(1)")
        if found != "ok":
            raise apsw.CorruptError(found)
        [(runs, last)] = _rows(db, "SELECT count(*), (SELECT run_id FROM runs ORDER BY id DESC LIMIT 1) FROM runs")
    return Holding(file, version, content, runs, last)


def open_copy(file: str) -> apsw.Connection:
    """A connection that only reads a file with a store, which nobody writes to; with the journal beside it, if any."""
    if size(f"{file}-wal") or size(f"{file}-journal"):
        return connect(file, _READ)
    return apsw.Connection(f"file:{quote(file)}?immutable=1", flags=_READ | apsw.SQLITE_OPEN_URI)
