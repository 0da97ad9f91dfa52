"""Bringing a SQLite store to the newest version: forwards only, step by step, with a copy of it kept before.

Each script is one transaction with its row in `schema_version`, so that an upgrade that was cut short goes on where it
ended. The copy is made under the lock of the first step: nothing that was recorded before is missing in it.
"""

from __future__ import annotations

from tetra_orchestrator import __version__, failpoints
from tetra_orchestrator.adapters.store import sqlite_faults as faults
from tetra_orchestrator.adapters.store import sqlite_schema, sqlite_tables
from tetra_orchestrator.adapters.store.sqlite_file import version_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import apsw

_DONE = "INSERT INTO schema_version (version, program) VALUES (?, ?)"


def create(db: apsw.Connection) -> None:
    """Make all tables in a new file, which nobody else knows yet, in one transaction."""
    failpoints.hit("migrate.step")
    db.execute("BEGIN IMMEDIATE")
    for number in range(1, len(sqlite_schema.SCRIPTS) + 1):
        _perform(db, number)
    sqlite_tables.stamp(db)
    db.execute("COMMIT")
    failpoints.hit("migrate.step.commit")


def upgrade(db: apsw.Connection, path: str) -> None:
    """Perform the scripts that the store at `path` lacks; several processes may do so at once.

    Raises `CannotWrite` where the copy cannot be made, `StoreError` where the tables are not complete in the end or a
    newer program has taken over; then the last step has changed nothing.
    """
    first = True
    while _step(db, path, first):
        first = False


def _step(db: apsw.Connection, path: str, first: bool) -> bool:
    """The next script in a transaction of its own; False where there is none left."""
    failpoints.hit("migrate.step")
    db.execute("BEGIN IMMEDIATE")
    try:
        version, program = version_of(db, path)  # another process may have done it while we waited for the lock
        newest = len(sqlite_schema.SCRIPTS)
        if version > newest:
            raise faults.too_new(path, program)
        if version < newest:
            if first:
                from tetra_orchestrator.adapters.store.sqlite_backup import keep_before_upgrade

                keep_before_upgrade(path, version)
            _perform(db, version + 1)
        if version + 1 == newest:
            sqlite_tables.check(db, path, newest)
            sqlite_tables.stamp(db)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    failpoints.hit("migrate.step.commit")
    return version + 1 < newest


def _perform(db: apsw.Connection, number: int) -> None:
    db.execute(sqlite_schema.SCRIPTS[number - 1])
    db.execute(_DONE, (number, __version__))
