"""How a SQLite store keeps its promises: which library, which journal and why, how durable, and whether it is whole."""

from __future__ import annotations

import os

import apsw

from tetra_orchestrator.adapters.store.sqlite_file import FIRST_SOUND_WAL, VERSION, journal_for
from tetra_orchestrator.core.diagnosis import ERROR, OK, Diagnosis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}
#: So many faults of a damaged store are told.
SHOWN = 3


def diagnose(db: apsw.Connection, path: str) -> list[Diagnosis]:
    """The findings about the store at `path`, by its live connection."""
    return [_library(path), _journal(db), _durability(db), _content(db, path), *_tables(db, path), *_references(db)]


def _library(path: str) -> Diagnosis:
    message = f"{path}: SQLite {apsw.sqlite_lib_version()} through apsw {apsw.apsw_version()}"
    return Diagnosis("store_library", OK, message)


def _journal(db: apsw.Connection) -> Diagnosis:
    mode, version = str(_value(db, "journal_mode")), apsw.sqlite_lib_version()
    sound = ".".join(map(str, FIRST_SOUND_WAL))
    if journal_for(version) == "wal":
        why = f"SQLite {version} is {sound} or newer, where a checkpoint beside a writer is safe"
    else:
        why = f"SQLite {version} is older than {sound}, where the faster journal could damage the store"
    return Diagnosis("store_journal", OK, f"journal_mode={mode}, because {why}")


def _durability(db: apsw.Connection) -> Diagnosis:
    found = int(_value(db, "synchronous"))
    message = f"synchronous={_SYNCHRONOUS.get(found, found)}: a commit is on the disk when it is told"
    return Diagnosis("store_durability", OK, message)


def _content(db: apsw.Connection, path: str) -> Diagnosis:
    try:
        faults = [str(row[0]) for row in db.execute(f"PRAGMA integrity_check({SHOWN})").fetchall()]
    except apsw.Error as error:
        faults = [str(error)]
    if faults == ["ok"]:
        return Diagnosis("store_content", OK, f"all {os.path.getsize(path)} bytes of the store are in order")
    from shlex import quote

    remedy = f"keep the file; restore a backup, or save what can be read with `sqlite3 {quote(path)} .recover`"
    return Diagnosis("store_content", ERROR, f"the store is damaged: {'; '.join(faults)}", remedy)


def _tables(db: apsw.Connection, path: str) -> list[Diagnosis]:
    """What somebody has taken away since the store was opened; before, it would not have been."""
    from tetra_orchestrator.adapters.store import sqlite_faults, sqlite_tables

    lacks = sqlite_tables.missing(db, VERSION)
    error = sqlite_faults.incomplete(path, lacks)
    return [Diagnosis(error.code, ERROR, error.message, error.hint)] if lacks else []


def _references(db: apsw.Connection) -> list[Diagnosis]:
    """Rows that belong to others which are not there. Only a program that does not ask for them leaves such ones."""
    try:
        faults = db.execute("PRAGMA foreign_key_check").fetchall()
    except apsw.Error:
        return []  # a store that cannot be read is told of already
    if not faults:
        return []
    tables = ", ".join(sorted({str(row[0]) for row in faults}))
    remedy = "restore a backup; another program than ours has written to it"
    return [
        Diagnosis("store_references", ERROR, f"{len(faults)} rows of {tables} belong to rows that are gone", remedy)
    ]


def _value(db: apsw.Connection, pragma: str) -> Any:
    return db.execute(f"PRAGMA {pragma}").fetchall()[0][0]
