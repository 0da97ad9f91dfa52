"""What a connection to PostgreSQL must be before a store is built on it, and what is told of one that is not."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from adapters.store.history import Diary
from support.components import require
from support.postgres import GUARDED, PASSWORD, Server
from tetra_orchestrator.adapters.store import postgres_server
from tetra_orchestrator.adapters.store.postgres import PostgresStore
from tetra_orchestrator.errors import ConfigError, Exit, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

POOLED = (
    "a connection pooler changes the server's session between transactions, so that no lock would hold\n"
    "  hint: connect to the server itself, or set `pool_mode = session` for this database (PgBouncer)"
)


@pytest.fixture
def pooler(postgres: Server) -> Iterator[Callable[..., str]]:
    """Starts a PgBouncer before the server; gives the address of a database by way of it."""
    processes = []

    def start(url: str, **settings: str) -> str:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        folder = postgres.folder / f"pooler-{port}"
        folder.mkdir()
        lines = [f"{key} = {value}" for key, value in settings.items()]
        lines += ["listen_addr = 127.0.0.1", f"listen_port = {port}", "auth_type = any", f"unix_socket_dir = {folder}"]
        name = url.rpartition("/")[2]
        database = f"{name} = host=127.0.0.1 port={postgres.port} user=tetra"
        file = folder / "pgbouncer.ini"
        file.write_text("\n".join(["[databases]", database, "[pgbouncer]", *lines, ""]))
        user = ("-u", "postgres") if os.geteuid() == 0 else ()
        if user:
            for path in (folder, file):
                shutil.chown(path, "postgres")
        with (folder / "log").open("wb") as log:
            command = (require("pgbouncer"), *user, str(file))
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd="/"))
        _until_open(port, folder / "log")
        return f"postgresql://tetra@127.0.0.1:{port}/{name}"

    yield start
    for process in processes:
        process.terminate()
        process.wait(10)


def _until_open(port: int, log: Path) -> None:
    limit = time.monotonic() + 10
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < limit, log.read_text()
        time.sleep(0.05)


@pytest.mark.parametrize("settings", [{}, {"default_pool_size": "1"}, {"server_round_robin": "1"}], ids=str)
@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_66_a_pooler_that_changes_sessions_is_refused_at_once(
    pooler: Callable[..., str], postgres_url: str, mode: str, settings: dict[str, str]
) -> None:
    url = pooler(postgres_url, pool_mode=mode, **settings)
    with pytest.raises(ConfigError) as caught:
        PostgresStore(url)
    assert str(caught.value) == f"{url}: {POOLED}"
    assert (caught.value.code, caught.value.exit_code) == ("pooled", Exit.CONFIG)


@pytest.mark.parametrize("size", ["1", "5"])
def test_66_a_pooler_that_keeps_sessions_is_as_good_as_the_server(
    pooler: Callable[..., str], postgres_url: str, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_server, "POOL_S", 0.5)
    url = pooler(postgres_url, pool_mode="session", default_pool_size=size)
    with closing(PostgresStore(url)) as store:
        Diary(store).open("r1", "a")
        assert [one.run_id for one in store.runs()] == ["r1"]


def test_a_replica_is_refused() -> None:
    server = Server()
    try:
        url = server.store()
        server.stop()
        (server.data / "standby.signal").touch()
        server.start()
        with pytest.raises(StoreError) as caught:
            PostgresStore(url)
        assert str(caught.value) == (
            f"{url}: the server is a replica, which takes no changes\n  hint: name the primary server in `state:`"
        )
        assert caught.value.code == "store_replica"
    finally:
        server.remove()


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_keep_every_text_is_refused(postgres: Server, encoding: str) -> None:
    name = f"in_{encoding.lower()}"
    with postgres.connect() as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'")
    url = postgres.url(name)
    with pytest.raises(StoreError) as caught:
        PostgresStore(url)
    assert str(caught.value) == (
        f"{url}: the database's encoding is {encoding}, not UTF8\n"
        "  hint: create another one with ENCODING 'UTF8' TEMPLATE template0"
    )


def test_a_password_is_taken_from_the_address_and_told_nowhere(postgres: Server, postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2]
    shown = postgres.url(name, user=GUARDED)
    with closing(PostgresStore(postgres.url(name, user=GUARDED, password=PASSWORD))) as store:
        assert store.diagnose()[0].message.startswith(f"{shown}: PostgreSQL ")
    with pytest.raises(StoreError) as caught:
        PostgresStore(postgres.url(name, user=GUARDED, password="wrong-one"))
    assert caught.value.where == shown
    assert "wrong-one" not in str(caught.value)
    assert caught.value.message.endswith(f'password authentication failed for user "{GUARDED}"')


def test_a_password_is_taken_from_pgpass(
    postgres: Server, postgres_url: str, tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, file = postgres_url.rpartition("/")[2], os.path.join(tmp_path, "pg pass")
    with open(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as lines:
        lines.write(f"127.0.0.1:{postgres.port}:*:{GUARDED}:{PASSWORD.replace(':', chr(92) + ':')}\n")
    monkeypatch.setenv("PGPASSFILE", file)
    with closing(PostgresStore(postgres.url(name, user=GUARDED))) as store:
        assert store.runs() == []


def test_a_socket_may_be_named_instead_of_a_host(postgres: Server, postgres_url: str) -> None:
    from urllib.parse import quote

    folder = quote(str(postgres.folder), safe="")
    with closing(
        PostgresStore(f"postgres://{folder}:{postgres.port}/{postgres_url.rpartition('/')[2]}?user=tetra")
    ) as store:
        assert store.runs() == []


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("postgresql://h/db?colour=red", 'invalid URI query parameter: "colour"'),
        ("postgresql://u:geheimnis@h/db?colour=red", 'invalid URI query parameter: "colour"'),
        ("postgresql://[::1/db", 'end of string reached when looking for matching "]" in IPv6 host address in URI'),
    ],
)
def test_an_address_that_cannot_be_read_is_a_fault_of_the_configuration(address: str, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        PostgresStore(address)
    assert caught.value.message.startswith(f"the address of the store cannot be read: {text}")
    assert caught.value.exit_code == Exit.CONFIG
    assert "geheimnis" not in str(caught.value)


def test_the_server_sees_who_we_are(postgres: Server, postgres_url: str) -> None:
    with closing(PostgresStore(postgres_url)), postgres.connect() as db:
        query = "SELECT application_name FROM pg_stat_activity WHERE datname = %s"
        [(name,)] = db.execute(query, (postgres_url.rpartition("/")[2],)).fetchall()
    assert name == f"tetra-orchestrator {os.getpid()}@{os.uname().nodename}"[:63]


def test_the_servers_user_owns_its_folder(postgres: Server) -> None:
    """As the server of these tests would not start otherwise, and pytest's own folders are closed to it."""
    owner = pwd.getpwuid(postgres.data.stat().st_uid).pw_name
    assert owner == ("postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
