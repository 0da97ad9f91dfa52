"""The database itself: nothing can be kept in it that it is gone, and it is told once all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.postgres import Server
from troubles.disk import small_disk
from troubles.drill import Drill

ONE = "pipelines: {load: {command: ['true']}}\n"


@pytest.fixture
def mortal() -> Iterator[Server]:
    """A PostgreSQL server of its own, as others need theirs."""
    server = Server()
    yield server
    server.remove()


def in_sqlite(trouble: Drill) -> None:
    trouble.configure(ONE)
    assert trouble.tetra("run").returncode == 0
    trouble.has_not_begun()


def test_the_store_is_a_folder(trouble: Drill) -> None:
    in_sqlite(trouble)
    store = trouble.site.root / "state" / "tetra.db"
    kept = store.rename(store.with_suffix(".kept"))
    store.mkdir()
    trouble.is_found_and_told_once()
    store.rmdir()
    kept.rename(store)
    trouble.is_over()


def test_the_store_cannot_be_read(trouble: Drill) -> None:
    in_sqlite(trouble)
    store = trouble.site.root / "state" / "tetra.db"
    kept = store.read_bytes()
    store.write_bytes(b"noise " * 1000)
    trouble.is_found_and_told_once()
    store.write_bytes(kept)
    trouble.is_over()


def in_postgresql(trouble: Drill, server: Server) -> None:
    trouble.configure(f"state: {server.url(server.create())}\n{ONE}")
    assert trouble.tetra("run").returncode == 0
    trouble.has_not_begun()


def test_others_can_write_to_the_folder_of_the_store(trouble: Drill) -> None:
    with small_disk(trouble.site, "state", "32m") as disk:
        trouble.tetra = disk.tetra
        in_sqlite(trouble)
        disk.seen.chmod(0o777)
        trouble.is_found_and_told_once()
        disk.seen.chmod(0o700)
        trouble.is_over()


def test_postgresql_is_stopped(trouble: Drill, mortal: Server) -> None:
    in_postgresql(trouble, mortal)
    mortal.stop()
    trouble.is_found_and_told_once()
    mortal.start()
    trouble.is_over()


def test_postgresql_answers_nobody(trouble: Drill, mortal: Server) -> None:
    in_postgresql(trouble, mortal)
    with mortal.frozen():
        trouble.is_found()
    trouble.is_over()
