"""Whether a store has all the tables, columns, indices, triggers and views of its version, and not only its number."""

from __future__ import annotations

import apsw

from tetra_orchestrator.adapters.store import sqlite_faults as faults
from tetra_orchestrator.adapters.store import sqlite_schema
from tetra_orchestrator.adapters.store.sqlite_file import is_stamped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    #: What kind of thing it is, its name, and that of the column if it is one.
    Part: TypeAlias = tuple[str, str, str | None]

_PARTS = """
SELECT type, name, NULL FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'
UNION ALL
SELECT part.type, part.name, field.name FROM sqlite_schema AS part JOIN pragma_table_info(part.name) AS field
WHERE part.type = 'table' AND part.name NOT LIKE 'sqlite_%'
"""


def missing(db: apsw.Connection, version: int) -> list[str]:
    """What the database lacks of that version, each in words. What somebody has added is left alone."""
    lacks = _parts(_model(version)) - _parts(db)
    tables = {name for kind, name, field in lacks if kind == "table" and field is None}
    return sorted(_spoken(*part) for part in lacks if part[2] is None or part[1] not in tables)


def check(db: apsw.Connection, path: str, version: int) -> None:
    """Raise `StoreError` where something is missing."""
    if lacks := missing(db, version):
        raise faults.incomplete(path, lacks)


def stamp(db: apsw.Connection) -> None:
    """Note in a transaction that the tables are complete as they are now: see `is_stamped`."""
    [(changes,)] = db.execute("PRAGMA schema_version").fetchall()
    db.execute(f"PRAGMA user_version = {changes}")


def look_again(db: apsw.Connection, path: str, readonly: bool) -> None:
    """Check a store whose tables somebody may have changed, and note it where they are complete.

    A note that cannot be made costs no more than another look.
    """
    check(db, path, len(sqlite_schema.SCRIPTS))
    if readonly:
        return
    try:
        db.execute("BEGIN IMMEDIATE")
        if not is_stamped(db) and not missing(db, len(sqlite_schema.SCRIPTS)):
            stamp(db)
        db.execute("COMMIT")
    except apsw.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _model(version: int) -> apsw.Connection:
    db = apsw.Connection(":memory:")
    for script in sqlite_schema.SCRIPTS[:version]:
        db.execute(script)
    return db


def _parts(db: apsw.Connection) -> set[Part]:
    return {(str(kind), str(name), None if field is None else str(field)) for kind, name, field in db.execute(_PARTS)}


def _spoken(kind: str, name: str, field: str | None) -> str:
    return f"the {kind} {name}" if field is None else f"the column {name}.{field}"
