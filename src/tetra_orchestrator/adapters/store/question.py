"""Asks a database that is not ours for one value. It is only read, and has so many seconds."""

from __future__ import annotations

import os
from time import monotonic

from tetra_orchestrator.core.model import SQLITE
from tetra_orchestrator.core.store_address import is_postgres

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: So many steps of SQLite's machine are made between looks at the clock.
_STEPS = 10_000


def asker(root: str) -> Callable[[str, str, float], object]:
    """What gives the first value of a query's first row: of `sqlite:///PATH` from `root`, or of postgresql://.

    It is None where there is no row. It raises `ValueError` that tells why there is no answer.
    """

    def ask(url: str, query: str, limit_s: float) -> object:
        if url.startswith(SQLITE):
            return _of_sqlite(os.path.join(root, url.removeprefix(SQLITE)), query, limit_s)
        if is_postgres(url):
            return _of_postgres(url, query, limit_s)
        raise ValueError("the database is neither sqlite:///PATH nor postgresql://")

    return ask


def _of_sqlite(path: str, query: str, limit_s: float) -> object:
    import apsw

    until = monotonic() + limit_s
    try:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.Error as error:
        raise ValueError(f"{path} cannot be opened: {error}") from None
    try:
        connection.set_busy_timeout(int(limit_s * 1000))
        connection.set_progress_handler(lambda: monotonic() > until, _STEPS)
        row = next(iter(connection.execute(query)), None)
    except apsw.InterruptError:
        raise ValueError(f"the query takes longer than {limit_s:g} s") from None
    except apsw.Error as error:
        raise ValueError(f"the query fails: {error}") from None
    finally:
        connection.close(True)
    return row[0] if row else None


def _of_postgres(url: str, query: str, limit_s: float) -> object:
    try:
        import psycopg
    except ModuleNotFoundError:
        raise ValueError("it needs psycopg: pip install 'tetra-orchestrator[postgres]'") from None
    from tetra_orchestrator.adapters.store.postgres_faults import told

    try:
        with psycopg.connect(url, connect_timeout=max(int(limit_s), 2)) as connection:
            connection.read_only = True
            connection.execute(f"SET statement_timeout = {int(limit_s * 1000)}")
            row = connection.execute(query.encode()).fetchone()
    except psycopg.Error as error:
        raise ValueError(f"the query fails: {told(error, url)}") from None
    return row[0] if row else None
