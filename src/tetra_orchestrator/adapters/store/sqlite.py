"""The store in one SQLite file. A commit survives a power cut; nothing of ours runs between two commands."""

from __future__ import annotations

import os

import apsw

from tetra_orchestrator.adapters.store import sqlite_faults
from tetra_orchestrator.adapters.store.database import Refused
from tetra_orchestrator.adapters.store.sql_store import SqlStore
from tetra_orchestrator.adapters.store.sqlite_file import identity, is_kept, open_file, refuse_newer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from tetra_orchestrator.core.diagnosis import Diagnosis


class SqliteDatabase:
    """The `Database` in the file at `path` (absolute), made where there is none unless `readonly`."""

    def __init__(self, path: str, *, readonly: bool):
        self._path = path
        before = identity(path)
        self.connection = open_file(path, readonly=readonly)
        self._identity = identity(path)
        if before not in (None, self._identity):  # a restore came in between
            self.connection.close()
            raise sqlite_faults.replaced(path)

    def rows(self, query: str, *values: Any) -> list[Any]:
        """All rows at once: a cursor left open would keep other writers' journal from being emptied."""
        try:
            return self.connection.execute(query, values).fetchall()
        except apsw.ConstraintError as error:
            raise Refused from error
        except apsw.SQLError as error:
            refuse_newer(self.connection, self._path)
            raise sqlite_faults.explained(error, self._path) from error
        except apsw.Error as error:
            raise sqlite_faults.explained(error, self._path) from error

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Change rows inside a transaction; returns how many. `Refused` where a rule of the tables is broken."""
        try:
            self.connection.execute(statement, values)
        except apsw.ConstraintError as error:
            raise Refused from error
        return self.connection.changes()

    def change_all(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Change rows inside a transaction, by one statement for each of `rows`."""
        try:
            self.connection.executemany(statement, rows)
        except apsw.ConstraintError as error:
            raise Refused from error

    def commit(self, work: Callable[[], object]) -> None:
        """Do `work` in one transaction that has the write lock from its start.

        Nothing is written into a store that a newer program has upgraded while we had it open.
        """
        db = self.connection
        try:
            db.execute("BEGIN IMMEDIATE")
            try:
                if identity(self._path) != self._identity:
                    raise sqlite_faults.replaced(self._path)
                refuse_newer(db, self._path)
                work()
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # some faults of the disk have rolled back already
                    db.execute("ROLLBACK")
                raise
        except apsw.Error as error:
            raise sqlite_faults.explained(error, self._path) from error


class SqliteStore(SqlStore):
    """The `Store` in the file at `path`, which is made where there is none unless `readonly`.

    Raises, when opened: `Forbidden` where others can write to the state folder, `CannotWrite` where the store cannot
    be made, `StoreError` where it is damaged or newer than this program. Afterwards every method raises `StoreError`
    or `CannotWrite` when the store fails; what was committed before stays.
    """

    def __init__(self, path: str, *, readonly: bool = False):
        self.path = os.path.abspath(path)
        database = SqliteDatabase(self.path, readonly=readonly)
        super().__init__(database)
        #: The live connection; for checks, not for changes.
        self.connection = database.connection
        if not readonly and not is_kept(self.path):
            from tetra_orchestrator.adapters.store import reserve

            reserve.keep(self.path)

    def diagnose(self) -> list[Diagnosis]:
        """How it keeps its promises: which library, which journal and why, how durable, whether it is whole."""
        from tetra_orchestrator.adapters.store.sqlite_diagnosis import diagnose

        return diagnose(self.connection, self.path)

    def spare_bytes(self) -> int | None:
        """Bytes of the file's pages that are free for new rows: a file of SQLite never shrinks by itself."""
        [(pages, size)] = self._db.rows("SELECT freelist_count, page_size FROM pragma_freelist_count, pragma_page_size")
        return int(pages * size)

    def make_room(self) -> None:
        """Free the disk space that is kept for the last words of a run; the next command keeps it again."""
        from tetra_orchestrator.adapters.store import reserve

        reserve.give_up(self.path)

    def close(self) -> None:
        """Close the file. What was recorded is durable without it."""
        self.connection.close()
