"""Makes and upgrades the tables of a PostgreSQL store: forward only, each step whole, and by one program at a time."""

from __future__ import annotations

import re

import psycopg

from tetra_orchestrator import __version__, failpoints
from tetra_orchestrator.adapters.store import postgres_faults as faults
from tetra_orchestrator.adapters.store.postgres_server import SCHEMA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.store.postgres_server import Connection

#: The number of upgrade scripts in `postgres_schema`, which is not imported when there is nothing to do.
VERSION = 2
#: Every writer holds this advisory lock until its transaction ends. Two numbers, so that nobody takes it by accident:
#: ours, and which of our locks it is.
WRITER = (0x7465_7472, 1)
LOCK = f"SELECT pg_advisory_xact_lock({WRITER[0]}, {WRITER[1]})"
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

_HAS_SCHEMA = f"SELECT to_regnamespace('{SCHEMA}') IS NOT NULL"
_STATE = f"{_HAS_SCHEMA}, to_regclass('{SCHEMA}.schema_version') IS NOT NULL"
_NEWEST = "SELECT version, program FROM schema_version ORDER BY version DESC LIMIT 1"
_COLUMNS = f"""
SELECT relname, array_agg(attname::text) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relnamespace = '{SCHEMA}'::regnamespace AND relkind IN ('r', 'p', 'v') AND attnum > 0 AND NOT attisdropped
GROUP BY relname
"""
_TABLE = re.compile(r"CREATE TABLE (\w+) \(\n(.*?)\n\);", re.DOTALL)
_ADDED = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+)")
_COLUMN = re.compile(r"^    ([a-z]\w*)", re.MULTILINE)
_VIEW = re.compile(r"CREATE VIEW (\w+)")


def prepare(db: Connection, url: str) -> None:
    """Bring the tables to this program's version and check that they are there.

    Raises `StoreError` where a newer program or another one has made them, or some are missing, `CannotWrite` where the
    rights to make them are.
    """
    try:
        version = check_version(db, url)
        while version < VERSION:
            version = _step(db, url)
        _check_columns(db, url)
    except psycopg.Error as error:
        raise faults.explained(error, url) from error


def check_version(db: Connection, url: str) -> int:
    """The version of the tables, 0 where there are none; raises `StoreError` for that of a newer program."""
    [(has_schema, is_there)] = db.execute(_STATE).fetchall()
    if not is_there:
        if has_schema and not expected().keys().isdisjoint(_found(db)):
            raise faults.foreign(url)
        return 0
    found = db.execute(_NEWEST).fetchall()
    version, program = found[0] if found else (0, "")
    if version > VERSION:
        raise faults.too_new(url, program)
    return int(version)


def _step(db: Connection, url: str) -> int:
    """Run the next script in one transaction with its row in schema_version; returns the version that is reached."""
    from tetra_orchestrator.adapters.store.postgres_schema import SCRIPTS

    failpoints.hit("migrate.step")
    with db.transaction():
        db.execute(LOCK)
        version = check_version(db, url)  # another process may have done it while we waited for the lock
        if version < VERSION:
            if db.execute(_HAS_SCHEMA).fetchall() == [(False,)]:  # IF NOT EXISTS asks for the right all the same
                db.execute(f"CREATE SCHEMA {SCHEMA}")
            db.execute(SCRIPTS[version].encode())
            version += 1
            db.execute("INSERT INTO schema_version (version, program) VALUES (%s, %s)", (version, __version__))
    failpoints.hit("migrate.step.commit")
    return version


def _check_columns(db: Connection, url: str) -> None:
    """Raises `StoreError` where the stamp promises what is not there."""
    found = _found(db)
    missing = [
        f"the table or view {name}" if name not in found else f"the column {name}.{column}"
        for name, columns in expected().items()
        for column in sorted(columns - found[name] if name in found else {""})
    ]
    if missing:
        raise faults.incomplete(url, missing)


def _found(db: Connection) -> dict[str, set[str]]:
    return {name: set(columns) for name, columns in db.execute(_COLUMNS).fetchall()}


def expected() -> dict[str, set[str]]:
    """The tables with their columns, and the views, that the scripts make."""
    from tetra_orchestrator.adapters.store.postgres_schema import SCRIPTS

    found: dict[str, set[str]] = {}
    for script in SCRIPTS:
        found |= {name: set(_COLUMN.findall(body)) for name, body in _TABLE.findall(script)}
        found |= {name: set() for name in _VIEW.findall(script)}
        for name, column in _ADDED.findall(script):
            found[name].add(column)
    return found
