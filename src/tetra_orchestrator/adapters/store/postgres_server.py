"""A connection to a PostgreSQL server that keeps the store's promises, or the reason why there is none."""

from __future__ import annotations

import logging
import os
import select
import time
from contextlib import closing

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import PGconn, Ping

from tetra_orchestrator.adapters.store import postgres_faults as faults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Connection = psycopg.Connection[tuple[Any, ...]]

# What breaks is raised as an error, and need not be told a second time on standard error.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

SCHEMA = "orchestration"
OLDEST = 130000
PAUSE_S = 0.05
#: Seconds for which a further session is waited for, where a pooler stands between.
POOL_S = 5.0
# A connection lives as long as its run. One that is cut is to be noticed long before others take the run over: see
# `host: {timeout}`. What the address says wins.
_DEFAULTS = {
    "connect_timeout": "3",
    "keepalives_idle": "3",
    "keepalives_interval": "3",
    "keepalives_count": "2",
    "tcp_user_timeout": "5000",  # ms
}
# A writer that was stopped, or whose host has vanished, must not keep all others out for ever.
_SESSION = f"""
SET search_path = {SCHEMA}, pg_temp;
SET idle_in_transaction_session_timeout = '60s';
SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3
"""
_FACTS = """
SELECT pg_backend_pid(), current_setting('server_version_num')::int, current_setting('server_encoding'),
    pg_is_in_recovery(), current_setting('synchronous_commit')
"""


def connect(url: str) -> Connection:
    """A session whose commits are durable, with our schema as its only one.

    Raises `ConfigError` for an address that libpq cannot read and for a pooler that changes sessions, `StoreError`
    where the server cannot be reached, is a replica, too old or of another encoding.
    """
    info = _conninfo(url)
    try:
        # psycopg takes for prepared what it prepared in a pipeline that a conflict has ended: then each later use fails
        db: Connection = psycopg.connect(info, autocommit=True, prepare_threshold=None)
    except psycopg.OperationalError as error:
        raise faults.unreachable(error, url) from None
    try:
        _check(db, info, url)
        db.execute(f"{_SESSION}; SET lock_timeout = {int(faults.PATIENCE_S * 1000)}".encode())
    except psycopg.Error as error:
        db.close()
        raise faults.explained(error, url) from error
    except BaseException:
        db.close()
        raise
    return db


def _conninfo(url: str) -> str:
    name = f"tetra-orchestrator {os.getpid()}@{os.uname().nodename}"[:63]
    try:
        given = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    except psycopg.ProgrammingError as error:
        raise faults.bad_address(error, url) from None
    return make_conninfo(**{**_DEFAULTS, "fallback_application_name": name, **given, "client_encoding": "UTF8"})


def is_starting(url: str) -> bool:
    """Whether the server is there and takes nobody yet, as at boot, or nobody any more."""
    return PGconn.ping(_conninfo(url).encode()) == Ping.REJECT


def _check(db: Connection, info: str, url: str) -> None:
    [(pid, version, encoding, replica, synchronous)] = db.execute(_FACTS).fetchall()
    if version < OLDEST:
        raise faults.too_old_server(url, version)
    if pid != db.info.backend_pid and _changes_sessions(db, info, pid):
        raise faults.pooled(url)
    if replica:
        raise faults.no_primary(url)
    if encoding != "UTF8":
        raise faults.other_encoding(url, encoding)
    if synchronous == "off":
        db.execute("SET synchronous_commit = on")
        [(synchronous,)] = db.execute("SHOW synchronous_commit").fetchall()
        if synchronous != "on":
            raise faults.not_durable(url, "synchronous_commit", synchronous)


def _changes_sessions(db: Connection, info: str, pid: int) -> bool:
    """Whether a pooler gives the server's session `pid`, which was ours a moment ago, to somebody else meanwhile.

    Who connects to a server itself is told its pid while connecting; a pooler tells a number of its own.
    """
    with closing(psycopg.connect(info, autocommit=True)) as other:
        if _session(other) == pid:
            return True
    return _session(db) != pid


def _session(db: Connection) -> int | None:
    """The server's session in which a query is answered; None where none is free for a while."""
    db.pgconn.send_query(b"SELECT pg_backend_pid()")
    until = time.monotonic() + POOL_S
    while db.pgconn.is_busy():
        if not select.select([db.fileno()], [], [], max(0.0, until - time.monotonic()))[0]:
            return None
        db.pgconn.consume_input()
    result = db.pgconn.get_result()
    value = result.get_value(0, 0) if result else None
    while db.pgconn.get_result():
        pass
    return int(value) if value else None
