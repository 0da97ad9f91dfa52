"""The tables of a PostgreSQL store: made once, upgraded forward, refused where they are newer, foreign or cut."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from adapters.store.history import Diary, event
from tetra_orchestrator import __version__
from tetra_orchestrator.adapters.store import postgres, postgres_schema, postgres_upgrade
from tetra_orchestrator.adapters.store.postgres import PostgresStore
from tetra_orchestrator.core.changes import EventLogged
from tetra_orchestrator.core.facts import Usage
from tetra_orchestrator.errors import CannotWrite, Exit, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.postgres import Server

PATHS = os.pathsep.join(str(Path(__file__).resolve().parents[3] / name) for name in ("src", "tests"))
OPENS = """
import sys
from adapters.store.history import Diary
from tetra_orchestrator.adapters.store.postgres import PostgresStore
Diary(PostgresStore(sys.argv[1])).open(sys.argv[2], "a")
"""
REMEDY = (
    "\n  hint: `psql` with this address shows the same; nothing is repaired by itself, restore a backup of the database"
)


@pytest.fixture
def empty(postgres: Server) -> Iterator[str]:
    """The address of a new database without tables."""
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def next_version(monkeypatch: pytest.MonkeyPatch) -> int:
    """This program with one more script, as the next one will be."""
    script = "ALTER TABLE runs ADD COLUMN colour text;"
    number = len(postgres_schema.SCRIPTS) + 1
    monkeypatch.setattr(postgres_schema, "SCRIPTS", (*postgres_schema.SCRIPTS, script))
    for module in (postgres, postgres_upgrade):
        monkeypatch.setattr(module, "VERSION", number)
    return number


def asked(url: str, query: str) -> list[Any]:
    with psycopg.connect(url, options="-c search_path=orchestration", autocommit=True) as db:
        cursor = db.execute(query)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []


def versions(url: str) -> list[Any]:
    return asked(url, "SELECT version, program FROM schema_version ORDER BY version")


def refused(url: str) -> str:
    with pytest.raises(StoreError) as caught:
        PostgresStore(url)
    assert caught.value.exit_code == Exit.UNAVAILABLE
    return str(caught.value).removeprefix(f"{url}: ")


def test_the_version_is_the_number_of_scripts(empty: str) -> None:
    assert len(postgres_schema.SCRIPTS) == postgres_upgrade.VERSION
    PostgresStore(empty).close()
    assert versions(empty) == [(number, __version__) for number in range(1, postgres_upgrade.VERSION + 1)]


def test_all_is_in_one_schema_and_nothing_in_public(empty: str) -> None:
    PostgresStore(empty).close()
    [(names,)] = asked(
        empty,
        "SELECT array_agg(DISTINCT relnamespace::regnamespace::text) FROM pg_class"
        " WHERE relnamespace::regnamespace::text NOT SIMILAR TO '(pg_|information_)%'",
    )
    assert names == ["orchestration"]


def test_the_tables_are_those_that_a_sqlite_store_has_and_one_more(empty: str, tmp_path: Path) -> None:
    """By name and column, so that a change to the one is not forgotten in the other."""
    from tetra_orchestrator.adapters.store.sqlite import SqliteStore

    PostgresStore(empty).close()
    with closing(SqliteStore(str(tmp_path / "state" / "tetra.db"))) as store:
        tables = store.connection.execute(
            "SELECT part.name || '.' || field.name"
            " FROM sqlite_schema AS part JOIN pragma_table_info(part.name) AS field"
            " WHERE part.type IN ('table', 'view') AND part.name NOT LIKE 'sqlite_%'"
        ).fetchall()
    found = asked(
        empty,
        "SELECT relname || '.' || attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relnamespace = 'orchestration'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0",
    )
    own = {"writers.writer", "writers.number", "writers.at"}
    assert {name for (name,) in found} == {name for (name,) in tables} | own


def test_what_is_expected_is_what_the_scripts_make(empty: str) -> None:
    PostgresStore(empty).close()
    found = asked(
        empty,
        "SELECT relname, array_agg(attname::text) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relnamespace = 'orchestration'::regnamespace AND relkind = 'r' AND attnum > 0 GROUP BY relname",
    )
    views = {"pipeline_runs": set(), "pipeline_state": set()}
    assert postgres_upgrade.expected() == {name: set(columns) for name, columns in found} | views


def test_a_store_of_a_newer_program_is_refused_and_kept(postgres_url: str) -> None:
    newer = postgres_upgrade.VERSION + 1
    asked(postgres_url, f"INSERT INTO schema_version VALUES ({newer}, '99.1')")
    assert refused(postgres_url) == (
        "the store was written by a newer version, 99.1\n"
        "  hint: upgrade with `pip install --upgrade tetra-orchestrator`, or name another database in `state:`"
    )
    assert versions(postgres_url)[-1] == (newer, "99.1")


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_program_that_runs_writes_nothing_into_a_store_that_a_newer_one_has_upgraded(
    postgres_url: str, one_by_one: bool
) -> None:
    with closing(PostgresStore(postgres_url)) as store:
        Diary(store).open("r1", "a")
        asked(postgres_url, f"INSERT INTO schema_version VALUES ({postgres_upgrade.VERSION + 1}, '99.1')")
        record = super(PostgresStore, store).record if one_by_one else store.record
        with pytest.raises(StoreError, match="written by a newer version, 99.1") as caught:
            record([EventLogged(event(1))])
        assert caught.value.code == "store_too_new"
        assert asked(postgres_url, "SELECT count(*) FROM events") == [(0,)]


@pytest.mark.parametrize(
    ("damage", "missing"),
    [
        ("ALTER TABLE attempts DROP COLUMN tail", "the column attempts.tail is missing"),
        (
            "ALTER TABLE attempts DROP COLUMN tail, DROP COLUMN note; DROP TABLE results",
            "the column attempts.note, the column attempts.tail, the table or view results are missing",
        ),
        ("DROP VIEW pipeline_state", "the table or view pipeline_state is missing"),
        ("ALTER TABLE slots RENAME TO old_slots", "the table or view slots is missing"),
    ],
)
def test_a_store_is_judged_by_its_columns_and_not_only_by_its_stamp(
    postgres_url: str, damage: str, missing: str
) -> None:
    asked(postgres_url, damage)
    assert refused(postgres_url) == f"the store is damaged: {missing}{REMEDY}"


def test_what_somebody_adds_is_left_alone(postgres_url: str) -> None:
    asked(postgres_url, "ALTER TABLE runs ADD COLUMN colour text; CREATE TABLE orchestration.notes (text text)")
    with closing(PostgresStore(postgres_url)) as store:
        Diary(store).open("r1", "a")


def test_tables_of_another_program_are_left_alone(empty: str) -> None:
    asked(empty, "CREATE SCHEMA orchestration; CREATE TABLE orchestration.runs (x int)")
    assert refused(empty) == (
        "the tables in the schema orchestration belong to another program: there is no schema_version\n"
        "  hint: name another database in `state:`"
    )
    assert asked(empty, "SELECT * FROM runs") == []


def test_an_older_store_is_upgraded_once_and_keeps_its_runs(postgres_url: str, request: pytest.FixtureRequest) -> None:
    with closing(PostgresStore(postgres_url)) as store:
        Diary(store).open("r1", "a")
    number = request.getfixturevalue("next_version")
    for _ in range(2):
        with closing(PostgresStore(postgres_url)) as store:
            assert [one.run_id for one in store.runs()] == ["r1"]
    assert [version for version, _ in versions(postgres_url)] == list(range(1, number + 1))
    assert asked(postgres_url, "SELECT colour FROM runs") == [(None,)]


OLD_ROWS = """
INSERT INTO orchestration.schema_version VALUES (1, '0.1.0');
INSERT INTO orchestration.configs VALUES ('c', 'version: 1');
INSERT INTO orchestration.runs (run_id, project, mode, trigger, state, config_hash, started_at, finished_at, exit_code)
    VALUES ('r1', 'demo', 'daily', 'manual', 'failed', 'c', 1000000, 2000000, 2);
INSERT INTO orchestration.task_runs (run, task_id, pipeline, position, state, version, attempts)
    VALUES (1, 'a', 'a', 0, 'failed', 2, 1);
INSERT INTO orchestration.attempts (run, task_id, number, token, state, log, runner, kind, exit_code, cpu_s)
    VALUES (1, 'a', 1, 't', 'failed', '/l', 'local', 'exited', 2, 1.5);
"""


def test_a_store_of_version_1_keeps_its_history_tells_nobody_of_it_and_is_whole(empty: str) -> None:
    asked(empty, "CREATE SCHEMA orchestration")
    asked(empty, postgres_schema.SCRIPTS[0])
    asked(empty, OLD_ROWS)
    with closing(PostgresStore(empty)) as store:
        assert [(one.run_id, one.state, one.exit_code, one.tells) for one in store.runs()] == [
            ("r1", "failed", 2, False)
        ]
        assert [one.facts.usage for one in store.attempts("r1")] == [Usage(1.5)]
        assert (store.alerts.untold(), store.alerts.all(), store.alerts_standing()) == ([], [], (0, 0))
        assert [one.severity for one in store.check()] == ["ok"]
    assert [version for version, _ in versions(empty)] == list(range(1, postgres_upgrade.VERSION + 1))


def test_a_failed_upgrade_changes_nothing(
    postgres_url: str, next_version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = "CREATE TABLE half (x int); SELECT 1 / 0;"
    monkeypatch.setattr(postgres_schema, "SCRIPTS", (*postgres_schema.SCRIPTS[:-1], half))
    with pytest.raises(StoreError, match="the store cannot be used: division by zero"):
        PostgresStore(postgres_url)
    assert len(versions(postgres_url)) == next_version - 1
    assert asked(postgres_url, "SELECT to_regclass('half')") == [(None,)]


def test_processes_that_open_a_new_store_at_once_all_write_into_the_same(empty: str) -> None:
    environ = os.environ | {"PYTHONPATH": PATHS}
    command = [sys.executable, "-c", OPENS, empty]
    children = [subprocess.Popen([*command, f"r{n}"], env=environ, stderr=subprocess.PIPE) for n in range(6)]
    for child in children:
        _, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors.decode()
    with closing(PostgresStore(empty)) as store:
        assert {one.run_id for one in store.runs()} == {f"r{n}" for n in range(6)}
    assert len(versions(empty)) == postgres_upgrade.VERSION


@pytest.fixture
def guest(postgres: Server, empty: str) -> Iterator[str]:
    """The address of the empty database for a role without any rights there."""
    with postgres.connect() as db:
        db.execute("CREATE ROLE guest LOGIN")
    yield postgres.url(empty.rpartition("/")[2], user="guest")
    postgres.drop(empty.rpartition("/")[2])
    with postgres.connect() as db:
        db.execute("DROP ROLE guest")


def test_a_role_that_only_has_the_schema_of_its_own_makes_the_tables(empty: str, guest: str) -> None:
    asked(empty, "CREATE SCHEMA orchestration AUTHORIZATION guest")
    with closing(PostgresStore(guest)) as store:
        Diary(store).open("r1", "a")
        assert [one.run_id for one in store.runs()] == ["r1"]


def test_a_role_that_may_not_make_the_schema_is_told(empty: str, guest: str) -> None:
    url = guest
    with pytest.raises(CannotWrite) as caught:
        PostgresStore(url)
    assert str(caught.value) == (
        f"{url}: the server does not allow it: permission denied for database {empty.rpartition('/')[2]}\n"
        "  hint: docs/postgresql.md lists the rights"
    )
