"""One value of a database that is not ours: it is only read, and has its limit."""

from __future__ import annotations

import time

import apsw
import pytest

from support.builders import utc
from tetra_orchestrator.adapters.store.question import asker
from tetra_orchestrator.adapters.watch.values import dated


@pytest.fixture
def ask(tmp_path):
    connection = apsw.Connection(str(tmp_path / "x y.db"))
    list(connection.execute("PRAGMA journal_mode=WAL; CREATE TABLE t (ts TEXT); INSERT INTO t VALUES ('2026-03-01')"))
    answer = asker(str(tmp_path))
    yield lambda query, limit_s=5.0: answer("sqlite:///x y.db", query, limit_s)
    connection.close()


def test_the_first_value_of_the_first_row_is_the_answer(ask):
    assert ask("SELECT max(ts), 5 FROM t UNION ALL SELECT 'z', 1") == "2026-03-01"
    assert ask("SELECT ts FROM t WHERE ts > '9'") is None


def test_what_is_being_written_is_seen_as_of_the_last_commit(ask, tmp_path):
    writer = apsw.Connection(str(tmp_path / "x y.db"))
    list(writer.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES ('2027-01-01')"))
    assert ask("SELECT max(ts) FROM t") == "2026-03-01"
    writer.execute("COMMIT")
    assert ask("SELECT max(ts) FROM t") == "2027-01-01"
    writer.close()


@pytest.mark.parametrize("query", ["DELETE FROM t", "INSERT INTO t VALUES ('x')", "DROP TABLE t"])
def test_nothing_can_be_changed(ask, query):
    with pytest.raises(ValueError, match="the query fails: .*readonly"):
        ask(query)
    assert ask("SELECT count(*) FROM t") == 1


def test_a_query_without_end_is_ended(ask):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    began = time.monotonic()
    with pytest.raises(ValueError, match=r"^the query takes longer than 0\.2 s$"):
        ask(endless, 0.2)
    assert time.monotonic() - began < 3


def test_mistakes_are_told_in_a_line(ask, tmp_path):
    with pytest.raises(ValueError, match="^the query fails: .*no such table: none"):
        ask("SELECT 1 FROM none")
    with pytest.raises(ValueError, match="cannot be opened"):
        asker(str(tmp_path))("sqlite:///none.db", "SELECT 1", 5.0)
    (tmp_path / "text.db").write_text("this is no database, and long enough to be taken for none" * 20)
    with pytest.raises(ValueError, match="the query fails: .*not a database"):
        asker(str(tmp_path))("sqlite:///text.db", "SELECT 1 FROM t", 5.0)
    with pytest.raises(ValueError, match=r"^the database is neither sqlite:///PATH nor postgresql://$"):
        asker(str(tmp_path))("mysql://db/x", "SELECT 1", 5.0)


def test_a_password_is_not_told_with_the_fault(tmp_path):
    with pytest.raises(ValueError) as caught:
        asker(str(tmp_path))("postgresql://ann:s3cretword@127.0.0.1:1/db?sslpassword=0therword", "SELECT 1", 2.0)
    assert "s3cretword" not in str(caught.value)
    assert "0therword" not in str(caught.value)
    assert str(caught.value).startswith("the query fails: ")


@pytest.fixture
def shop(postgres):
    """The address of a PostgreSQL database with a table of prices."""
    name = postgres.create()
    with postgres.connect(name) as db:
        db.execute("CREATE TABLE prices (ts timestamptz); INSERT INTO prices VALUES ('2026-03-01T21:00:00+01:00')")
    yield postgres.url(name)
    postgres.drop(name)


def test_postgresql_answers_with_times_and_numbers(shop):
    ask = asker("/")
    assert dated(ask(shop, "SELECT max(ts) FROM prices", 5.0)).at == utc(2026, 3, 1, 20)
    assert ask(shop, "SELECT count(*) FROM prices", 5.0) == 1
    assert ask(shop, "SELECT ts FROM prices WHERE false", 5.0) is None
    assert ask(shop, "SELECT '100%'", 5.0) == "100%"


def test_postgresql_is_only_read_and_has_its_limit(shop):
    ask = asker("/")
    with pytest.raises(ValueError, match="the query fails: cannot execute DELETE in a read-only transaction"):
        ask(shop, "DELETE FROM prices", 5.0)
    began = time.monotonic()
    with pytest.raises(ValueError, match="the query fails: canceling statement due to statement timeout"):
        ask(shop, "SELECT pg_sleep(30)", 1.0)
    assert time.monotonic() - began < 10
    with pytest.raises(ValueError, match='the query fails: relation "none" does not exist'):
        ask(shop, "SELECT 1 FROM none", 5.0)
