"""What PostgreSQL says, as an error with the address, the cause and the remedy. No password is ever told."""

from __future__ import annotations

from urllib.parse import unquote

import psycopg
from psycopg import errors

from tetra_orchestrator.core.store_address import passwords, without_password
from tetra_orchestrator.errors import CannotWrite, ConfigError, StoreError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.errors import TetraError

#: Seconds for which another writer is waited for.
PATIENCE_S = 10
#: Seconds for which a server is waited for that is being restarted. Short: meanwhile no signal is looked at.
RESTART_S = 5
#: The codes of the errors of a server that cannot be reached, and of one that went away while it was in use.
UNREACHABLE, LOST = "store_unavailable", "store_lost"
_PATCH = "`psql` with this address shows the same; nothing is repaired by itself, restore a backup of the database"
_SERVER = "see the server's log"


def explained(error: psycopg.Error, url: str) -> TetraError:
    """The error for what went wrong in a statement: `CannotWrite` or `StoreError`."""
    said = told(error, url)
    match error:
        case errors.DiskFull():
            return _cannot_write(url, f"the server's disk is full: {said}", "free some space on the server")
        case errors.ReadOnlySqlTransaction():
            return _cannot_write(url, f"the server takes no changes: {said}", "name the primary server in `state:`")
        case errors.InsufficientPrivilege():
            return _cannot_write(url, f"the server does not allow it: {said}", "docs/postgresql.md lists the rights")
        case errors.UndefinedTable() | errors.UndefinedColumn():
            return _store(url, f"the store is damaged: {said}", _PATCH, "store_damaged")
    return _store(url, f"the store cannot be used: {said}", _SERVER, None)


def unreachable(error: psycopg.Error, url: str) -> StoreError:
    """No connection could be made."""
    said = told(error, url).removeprefix("connection failed: ").removeprefix("connection is bad: ")
    hint = "start the server, or correct `state:`; docs/postgresql.md tells where passwords belong"
    return _store(url, f"no connection to the server: {said}", hint, UNREACHABLE)


def went_away(url: str, cause: str) -> StoreError:
    """The connection broke and none could be made again for a while, or it broke amid a change."""
    hint = "nothing of the change was recorded; start the server, then run the command again"
    return _store(url, f"the server went away: {cause}", hint, LOST)


def in_doubt(url: str, cause: str) -> StoreError:
    """The connection broke while a commit was under way, and nobody can tell what became of it."""
    message = f"the server went away during a commit, and whether that was made is not known: {cause}"
    return _store(url, message, "start the server; `tetra status` then tells what was recorded", LOST)


def locked(url: str, holders: Sequence[str]) -> StoreError:
    """Another process writes, or keeps somebody else's lock on the tables."""
    who = f": {', '.join(holders)}" if holders else ""
    message = f"another process has kept the store locked for {PATIENCE_S} s{who}"
    return _store(url, message, "let it finish, or end it; `SELECT * FROM pg_locks` shows all locks", "store_busy")


def bad_address(error: psycopg.Error, url: str) -> ConfigError:
    """libpq cannot read the address."""
    hint = "write postgresql://USER@HOST:PORT/DATABASE"
    return ConfigError(f"the address of the store cannot be read: {told(error, url)}", hint=hint, where=_place(url))


def pooled(url: str) -> ConfigError:
    """A pooler hands out another session for each transaction, so that locks would belong to nobody."""
    message = "a connection pooler changes the server's session between transactions, so that no lock would hold"
    hint = "connect to the server itself, or set `pool_mode = session` for this database (PgBouncer)"
    return ConfigError(message, hint=hint, where=_place(url), code="pooled")


def too_old_server(url: str, version: int) -> StoreError:
    """Older than 13."""
    message = f"PostgreSQL {version // 10000} is too old: 13 or newer is needed"
    return _store(url, message, "upgrade the server, or name another one in `state:`", "server_too_old")


def no_primary(url: str) -> StoreError:
    """A replica: it could be read, but never written."""
    message = "the server is a replica, which takes no changes"
    return _store(url, message, "name the primary server in `state:`", "store_replica")


def other_encoding(url: str, encoding: str) -> StoreError:
    """Not every text could be kept."""
    hint = "create another one with ENCODING 'UTF8' TEMPLATE template0"
    return _store(url, f"the database's encoding is {encoding}, not UTF8", hint, "store_encoding")


def other_server(url: str) -> StoreError:
    """What was committed a moment ago is not there after a reconnect."""
    message = "the server does not have what was recorded a moment ago: it is another one, or a copy from before"
    return _store(url, message, "connect to the server that was in use, or restore its latest state", "store_stale")


def not_durable(url: str, name: str, value: str) -> StoreError:
    """The live connection does not keep the promise that a commit survives a power cut."""
    message = f"the store does not take {name}=on: it has {value}"
    return _store(url, message, _SERVER, "store_not_durable")


def too_new(url: str, program: str) -> StoreError:
    """A newer program has changed the tables."""
    hint = "upgrade with `pip install --upgrade tetra-orchestrator`, or name another database in `state:`"
    return _store(url, f"the store was written by a newer version, {program}", hint, "store_too_new")


def foreign(url: str) -> StoreError:
    """There are tables called like ours, without a version."""
    message = "the tables in the schema orchestration belong to another program: there is no schema_version"
    return _store(url, message, "name another database in `state:`", "store_foreign")


def other_project(url: str, theirs: str, ours: str) -> StoreError:
    """Another project keeps its runs there: its slots, pauses and pipelines would be taken for ours."""
    message = f"the runs in it are those of the project '{theirs}', and a database holds one project: this is '{ours}'"
    renamed = f"UPDATE orchestration.runs SET project = '{ours}'"
    hint = f"name another database in `state:`; if this project was renamed: {renamed}"
    return _store(url, message, hint, "store_foreign")


def incomplete(url: str, missing: Sequence[str]) -> StoreError:
    """Tables or columns that the version promises are not there."""
    message = f"the store is damaged: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    return _store(url, message, _PATCH, "store_damaged")


def told(error: psycopg.Error, url: str) -> str:
    """The first line of what the server or libpq says, without passwords."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    text = lines[0]
    for secret in passwords(url):
        for form in (secret, unquote(secret)):
            text = text.replace(form, "***")
    return text


def _place(url: str) -> str:
    return without_password(url)


def _store(url: str, message: str, hint: str, code: str | None) -> StoreError:
    return StoreError(message, hint=hint, where=_place(url), code=code)


def _cannot_write(url: str, message: str, hint: str) -> CannotWrite:
    return CannotWrite(message, hint=hint, where=_place(url))
