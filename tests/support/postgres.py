"""A PostgreSQL server of Debian for the tests of one process, with a fresh database for each test that asks for one."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from functools import cache, cached_property
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.components import missing, require

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from tetra_orchestrator.ports import Store

USER = "tetra"
#: Who is asked for a password, and which.
GUARDED, PASSWORD = "guarded", "pa%55-0:word"
HBA = f"""\
local all all trust
host all {GUARDED} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""
#: Settings that only make tests fast; durable servers leave the first two out.
HASTY = ("fsync=off", "full_page_writes=off")
SETTINGS = ("shared_buffers=16MB", "max_connections=60", "autovacuum=off", "log_min_messages=warning")
TEMPLATE = "tetra_template"


class Server:
    """A server of its own below a new folder, on a port of the loopback. It ends with this process, however that ends.

    The server refuses to run as root, and its user may not enter pytest's folders: its own is beside those.
    """

    def __init__(self, *, durable: bool = False, settings: tuple[str, ...] = ()):
        self._bin = Path(require("initdb")).parent
        self.folder = Path(tempfile.mkdtemp(prefix="tetra-pg-"))
        self._settings = (*SETTINGS, *(() if durable else HASTY), *settings)
        self._names = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self._initialise()
        self.start()

    def _initialise(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        command = (self._bin / "initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        done = subprocess.run((*self._as_user(), *command), capture_output=True, text=True, cwd="/", check=False)
        assert done.returncode == 0, done.stderr
        (self.data / "pg_hba.conf").write_text(HBA)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def _as_user(self) -> tuple[str, ...]:
        """Ends the process that follows when we end; as root, makes it the server's user before."""
        user = ("--reuid=postgres", "--regid=postgres", "--clear-groups") if os.geteuid() == 0 else ()
        return (require("setpriv"), *user, "--pdeathsig=INT")

    def start(self, *, wait: bool = True) -> None:
        """Start the server, and wait until it takes connections."""
        settings = (f"port={self.port}", f"unix_socket_directories={self.folder}", *self._settings)
        options = [word for setting in settings for word in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            command = (*self._as_user(), self._bin / "postgres", "-D", self.data, *options)
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/")
        limit = time.monotonic() + 30
        while wait and not self._is_ready():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < limit, "the server does not start"
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        from psycopg.pq import PGconn, Ping

        return PGconn.ping(self.url("postgres").encode()) == Ping.OK

    def stop(self, number: int = 2) -> None:
        """End the server: 2 (SIGINT) is a fast shutdown, 3 (SIGQUIT) an immediate one, which is a crash."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def restart(self, number: int = 3) -> None:
        """Stop and start it."""
        self.stop(number)
        self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have it take connections and never answer, as long as the context lasts."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop it and remove all that it had."""
        self.stop(3)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str, *, user: str = USER, password: str = "") -> str:
        """The address of a database; a password is written as the address needs it."""
        from urllib.parse import quote

        login = f"{user}:{quote(password, safe='')}" if password else user
        return f"postgresql://{login}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection of somebody else's."""
        import psycopg

        return psycopg.connect(self.url(database), autocommit=True)

    def create(self, template: str = "template0") -> str:
        """A new database; returns its name."""
        name = f"t{next(self._names)}"
        with self.connect() as db:
            db.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        with self.connect() as db:
            db.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def store(self) -> str:
        """The address of a new database with our tables."""
        return self.url(self.create(self._template))

    @cached_property
    def _template(self) -> str:
        from tetra_orchestrator.adapters.store.postgres import PostgresStore

        with self.connect() as db:
            db.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
            db.execute(f"CREATE ROLE {GUARDED} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
        PostgresStore(self.url(TEMPLATE)).close()
        return TEMPLATE


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@cache
def shared() -> Server:
    """The server that the tests of this process share; skips the test where there is none."""
    if find_spec("psycopg") is None:
        missing("needs psycopg: pip install 'psycopg[binary]'")
    return Server()


def passing_store() -> Store:
    """A store in a new database that goes when the store is closed."""
    server = shared()
    url = server.store()
    from tetra_orchestrator.adapters.store.postgres import PostgresStore

    class Passing(PostgresStore):
        def close(self) -> None:
            super().close()
            server.drop(url.rpartition("/")[2])

    return Passing(url)


@pytest.fixture(scope="session", autouse=True)
def _no_server_stays() -> Iterator[None]:
    yield
    if shared.cache_info().currsize:
        shared().remove()


@pytest.fixture
def postgres() -> Server:
    """The server that the tests of this process share."""
    return shared()


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """The address of a new database with our tables."""
    url = postgres.store()
    yield url
    postgres.drop(url.rpartition("/")[2])
