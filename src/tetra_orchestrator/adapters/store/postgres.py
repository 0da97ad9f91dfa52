"""The store in the schema `orchestration` of a PostgreSQL database. A commit is durable before it is told.

Writers take turns by an advisory lock that ends with their transaction, as they do on one SQLite file.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import cache

import psycopg
from psycopg import errors

from tetra_orchestrator.adapters.store import postgres_faults as faults
from tetra_orchestrator.adapters.store.database import Refused
from tetra_orchestrator.adapters.store.durations import RECENT, in_seconds, medians
from tetra_orchestrator.adapters.store.postgres_server import PAUSE_S, connect, is_starting
from tetra_orchestrator.adapters.store.postgres_upgrade import BEGIN, LOCK, VERSION, WRITER, check_version, prepare
from tetra_orchestrator.adapters.store.sql_changes import STATEMENTS
from tetra_orchestrator.adapters.store.sql_store import SqlStore
from tetra_orchestrator.errors import StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.adapters.store.postgres_server import Connection
    from tetra_orchestrator.core.changes import Change
    from tetra_orchestrator.core.diagnosis import Diagnosis
    from tetra_orchestrator.errors import TetraError

    Statement = tuple[str, Sequence[Any]]

_OPENED = "SELECT max(version) FROM schema_version"
# A number of our own in the same transaction tells afterwards whether that was committed. The server's number of it
# does not: after a crash it may be given to another transaction.
_NOTED = """
INSERT INTO writers (writer, number, at) VALUES (%s, %s, now())
ON CONFLICT (writer) DO UPDATE SET number = excluded.number, at = excluded.at
"""
_PROJECT = "SELECT project FROM runs ORDER BY id DESC LIMIT 1"
_NUMBER = "SELECT number FROM writers WHERE writer = %s"
#: Days after which the number of a writer is forgotten, which its own next commits keep young.
KEPT_DAYS = 7
_FORGET = f"DELETE FROM writers WHERE at < now() - interval '{KEPT_DAYS} days'"
_HOLDERS = f"""
SELECT DISTINCT pid, coalesce(nullif(application_name, ''), usename::text), client_addr::text
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE granted AND pid <> pg_backend_pid() AND (
    (locktype = 'advisory' AND (classid::bigint, objid::bigint) = {WRITER} AND database = datid)
    OR (locktype = 'relation' AND relation IN (
        SELECT oid FROM pg_class WHERE relnamespace = 'orchestration'::regnamespace)))
ORDER BY pid
"""
# One walk to the last successes of each task, however long the history is: SQLite has no LATERAL for that.
_DURATIONS = f"""
WITH RECURSIVE tasks (id) AS (
    SELECT min(task_id) FROM attempts WHERE state = 'succeeded'
    UNION ALL
    SELECT (SELECT min(task_id) FROM attempts WHERE state = 'succeeded' AND task_id > id) FROM tasks
    WHERE id IS NOT NULL
)
SELECT id, CAST(trunc(coalesce(duration_s * 1e6, finished_at - started_at)) AS bigint)
FROM tasks CROSS JOIN LATERAL (
    SELECT duration_s, finished_at, started_at FROM attempts
    WHERE state = 'succeeded' AND task_id = id AND started_at IS NOT NULL
    ORDER BY run DESC, number DESC LIMIT {RECENT}) AS latest
"""


class PostgresDatabase:
    """The `Database` behind the address `url`, whose tables are made and upgraded when it is opened.

    A read, and the beginning of a commit, connect again where the server was restarted meanwhile; a commit that breaks
    off is looked for before anything is said of it.
    """

    def __init__(self, url: str):
        self._url = url
        try:
            self.connection = self._opened()
        except StoreError as error:
            if error.code != faults.UNREACHABLE or not is_starting(url):
                raise
            self.connection = self._awaited()
        self._inside = False
        self._writer = os.urandom(16).hex()
        self._number = 0  # of the last commit that was begun
        self._committed = 0  # of the last one that we know to be made
        self._known_until = 0.0

    def rows(self, query: str, *values: Any) -> list[Any]:
        """All rows at once; outside of `commit` no transaction is left open."""
        if self._inside:
            return self._executed(query, values).fetchall()
        try:
            return self.connection.execute(_translated(query), values).fetchall()
        except psycopg.Error as error:
            if not self._is_lost():
                raise self._explained(error) from error
        self.reconnect()
        return self._executed(query, values).fetchall()

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Change rows inside a transaction; returns how many. `Refused` where a rule of the tables is broken."""
        db = self.connection
        try:
            with db.pipeline():
                db.execute("SAVEPOINT change")
                found = db.execute(_translated(statement), values)
                db.execute("RELEASE change")
        except psycopg.IntegrityError as error:
            db.execute("ROLLBACK TO change")
            raise Refused from error
        except psycopg.Error as error:
            raise self._explained(error) from error
        return found.rowcount

    def change_all(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Change rows inside a transaction, by one statement for each of `rows`."""
        try:
            self.connection.cursor().executemany(_translated(statement), rows)
        except psycopg.IntegrityError as error:
            raise Refused from error
        except psycopg.Error as error:
            raise self._explained(error) from error

    def commit(self, work: Callable[[], object]) -> None:
        """Do `work` in one transaction that keeps other writers out from its start."""
        number, _ = self._begin([])
        self._inside = True
        try:
            work()
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._inside = False
        self._finish(number)

    def commit_each(self, statements: Sequence[Statement]) -> bool:
        """Do all in one transaction and two round trips, if each changes one row; else nothing, and False."""
        try:
            number, counts = self._begin(statements)
        except Refused:
            return False
        if any(count != 1 for count in counts):
            self._roll_back()
            return False
        self._finish(number)
        return True

    def reconnect(self) -> None:
        """A new connection in place of the lost one, as soon as the server takes one.

        Raises `StoreError` where it does not for a while, or does not have what was committed before.
        """
        with suppress(psycopg.Error):
            self.connection.close()
        self.connection = self._awaited()
        self._check_same()

    def _awaited(self) -> Connection:
        until = time.monotonic() + faults.RESTART_S
        while True:
            try:
                return self._opened()
            except StoreError as error:
                if error.code != faults.UNREACHABLE:
                    raise
                if time.monotonic() >= until:
                    raise faults.went_away(self._url, error.message) from None
            time.sleep(PAUSE_S)

    def close(self) -> None:
        """Close the connection. What was committed is durable without it."""
        self.connection.close()

    def _opened(self) -> Connection:
        db = connect(self._url)
        try:
            prepare(db, self._url)
        except BaseException:
            db.close()
            raise
        return db

    def _begin(self, statements: Sequence[Statement]) -> tuple[int, list[int]]:
        """Begin a transaction with these statements: its number, and how many rows each has changed.

        Nothing has been done of it where the connection turns out to be lost, so that a new one can do it all.
        """
        try:
            return self._try_begin(statements)
        except psycopg.Error as error:
            if not self._is_lost():
                raise self._explained(error) from error
        self.reconnect()
        try:
            return self._try_begin(statements)
        except psycopg.Error as error:
            raise self._explained(error) from error

    def _try_begin(self, statements: Sequence[Statement]) -> tuple[int, list[int]]:
        db = self.connection
        self._number = number = self._number + 1
        try:
            with db.pipeline():
                db.execute(BEGIN)
                db.execute(LOCK)
                opened = db.execute(_OPENED)
                if not self._committed:
                    db.execute(_FORGET)
                db.execute(_NOTED, (self._writer, number))
                done = [db.execute(_translated(statement), values) for statement, values in statements]
            [(version,)] = opened.fetchall()
            if version != VERSION:
                check_version(db, self._url)
                raise faults.incomplete(self._url, ["the row of the version"])
        except psycopg.IntegrityError as error:
            self._roll_back()
            raise Refused from error
        except BaseException:
            self._roll_back()
            raise
        return number, [each.rowcount for each in done]

    def _finish(self, number: int) -> None:
        """Commit; where the connection breaks meanwhile, find out whether that was done."""
        try:
            done = self.connection.execute("COMMIT").statusmessage
        except psycopg.Error as error:
            if not self._is_lost():
                self._roll_back()
                raise self._explained(error) from error
            self._find_out(number, faults.told(error, self._url))
        else:
            if done != "COMMIT":
                raise faults.explained(errors.InFailedSqlTransaction("the change had failed before"), self._url)
        self._committed = number
        self._known_until = time.monotonic() + KEPT_DAYS * 86400

    def _find_out(self, number: int, cause: str) -> None:
        """Return if our commit of that number was made; raises `StoreError` where it was not, or nobody can tell.

        While it is still under way its session keeps the writers' lock, so that is waited for.
        """
        try:
            self.reconnect()
            made = self._last_number(BEGIN, LOCK)
        except psycopg.Error:
            made = None
        except StoreError as error:
            if error.code != faults.LOST:
                raise
            made = None
        self._roll_back()
        if made is None:
            raise faults.in_doubt(self._url, cause)
        if made != number:
            raise faults.went_away(self._url, cause)

    def _check_same(self) -> None:
        """Raises `StoreError` for a server that does not know our last commit."""
        if time.monotonic() < self._known_until and self._last_number() < self._committed:
            self.connection.close()
            raise faults.other_server(self._url)

    def _last_number(self, *before: str) -> int:
        """The number of our last commit, as the server knows it; 0 where it knows none."""
        for statement in before:
            self.connection.execute(statement.encode())
        found = self.connection.execute(_NUMBER, (self._writer,)).fetchall()
        return int(found[0][0]) if found else 0

    def _executed(self, query: str, values: Sequence[Any]) -> psycopg.Cursor[Any]:
        try:
            return self.connection.execute(_translated(query), values)
        except psycopg.IntegrityError as error:
            raise Refused from error
        except psycopg.Error as error:
            raise self._explained(error) from error

    def _explained(self, error: psycopg.Error) -> TetraError:
        if self._is_lost():
            return faults.went_away(self._url, faults.told(error, self._url))
        if isinstance(error, errors.LockNotAvailable):
            self._roll_back()
            found = self.connection.execute(_HOLDERS).fetchall()
            return faults.locked(self._url, [_holder(*row) for row in found])
        return faults.explained(error, self._url)

    def _is_lost(self) -> bool:
        return self.connection.closed

    def _roll_back(self) -> None:
        """A server that is gone does it by itself."""
        with suppress(psycopg.Error):
            self.connection.execute("ROLLBACK")


class PostgresStore(SqlStore):
    """The `Store` in the database behind `url`, whose tables are made where there are none.

    Raises, when opened: `ConfigError` for an address that cannot be read or a pooler that changes sessions,
    `StoreError` where the server cannot be reached, the store is newer than this program, or its newest run is one of
    another project than `project`, if that is given. Afterwards every method
    raises `StoreError` or `CannotWrite` when the store fails; what was committed before stays.
    """

    _db: PostgresDatabase

    def __init__(self, url: str, project: str = ""):
        super().__init__(PostgresDatabase(url))
        self._url = url
        if project:
            self._refuse_others(project)

    def _refuse_others(self, project: str) -> None:
        """What one project has made for itself, another may not take for its own."""
        for (theirs,) in self._db.rows(_PROJECT):
            if theirs != project:
                self.close()
                raise faults.other_project(self._url, theirs, project)

    @property
    def connection(self) -> Connection:
        """The live connection; for checks, not for changes."""
        return self._db.connection

    def record(self, changes: Iterable[Change]) -> None:
        """Apply all changes in one durable commit, or none of them: `StateConflict` when a compare-and-set fails."""
        given = list(changes)
        statements = [(STATEMENTS[type(change)][0], STATEMENTS[type(change)][1](change)) for change in given]
        if not self._db.commit_each(statements):
            super().record(given)  # one by one, which tells what did not fit

    def expected_s(self) -> Mapping[str, float]:
        """Task id -> median seconds of its last successful attempts, at most 10 of them."""
        return medians(self._db.rows(_DURATIONS))

    def durations_s(self) -> Mapping[str, Sequence[float]]:
        """Task id -> seconds of those, shortest first."""
        return in_seconds(self._db.rows(_DURATIONS))

    def diagnose(self) -> list[Diagnosis]:
        """How it keeps its promises: which server, how durable, whether it is whole."""
        from tetra_orchestrator.adapters.store.postgres_diagnosis import diagnose

        return diagnose(self._db, self._url)

    def make_room(self) -> None:
        """Nothing: the server's disk is the server's."""

    def close(self) -> None:
        """Close the connection. What was recorded is durable without it."""
        self._db.close()


@cache
def _translated(statement: str) -> str:
    """The statement as psycopg takes it. Which index to use is for SQLite only."""
    import re

    return re.sub(r" INDEXED BY \w+", "", statement).replace("%", "%%").replace("?", "%s")


def _holder(pid: int, name: str | None, address: str | None) -> str:
    return f"{name or 'somebody'} (server process {pid}{f', from {address}' if address else ''})"
