"""What is particular to a store in PostgreSQL: its promise, its transactions, its rules and its views."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from adapters.store.history import AT, Diary, attempt, event, later, moved, run, task
from tetra_orchestrator.adapters.store.postgres import PostgresStore
from tetra_orchestrator.core.changes import AttemptClosed, AttemptOpened, EventLogged, OutputsSaved, RunMoved
from tetra_orchestrator.core.history import PipelineState
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.slots import Cursor
from tetra_orchestrator.core.states import RunState, TaskState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.postgres import Server

_T, _R = TaskState, RunState
PATHS = os.pathsep.join(str(Path(__file__).resolve().parents[3] / name) for name in ("src", "tests"))


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    with closing(PostgresStore(postgres_url)) as opened:
        yield opened


@pytest.fixture
def diary(store: PostgresStore) -> Diary:
    written = Diary(store)
    written.open("r1", "a", "b")
    return written


def rows(store: PostgresStore, query: str) -> list[Any]:
    return store.connection.execute(query).fetchall()


def records(store: PostgresStore, query: str) -> list[dict[str, Any]]:
    cursor = store.connection.execute(query)
    assert cursor.description is not None
    return [dict(zip([column.name for column in cursor.description], row, strict=True)) for row in cursor]


# -- its promise --------------------------------------------------------------------------------------------------


def test_the_live_connection_keeps_its_promise(store: PostgresStore) -> None:
    assert rows(store, "SHOW synchronous_commit") == [("on",)]


def test_a_role_that_does_not_wait_for_the_disk_is_made_to(postgres: Server, postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2]
    with postgres.connect() as db:
        db.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with closing(PostgresStore(postgres_url)) as store:
        assert rows(store, "SHOW synchronous_commit") == [("on",)]


def test_a_database_that_is_read_only_by_default_is_written_all_the_same(postgres: Server, postgres_url: str) -> None:
    with postgres.connect() as db:
        db.execute(f"ALTER DATABASE {postgres_url.rpartition('/')[2]} SET default_transaction_read_only = on")
        db.execute(f"ALTER DATABASE {postgres_url.rpartition('/')[2]} SET default_transaction_isolation = serializable")
    with closing(PostgresStore(postgres_url)) as store:
        Diary(store).open("r1", "a")
        assert [one.run_id for one in store.runs()] == ["r1"]


def test_a_server_that_lies_about_its_disk_is_told_by_doctor(store: PostgresStore) -> None:
    """The server of these tests does."""
    found = {one.code: (one.severity, one.message, one.remedy) for one in store.diagnose()}
    assert found["store_durability"] == (
        "error",
        "fsync=off: the server says that a commit is on the disk before it is",
        "set fsync = on in the server's postgresql.conf",
    )
    assert found["store_library"][1].endswith(f" through psycopg {psycopg.__version__}")
    assert found["store_content"][0] == "ok"


def test_one_call_is_one_commit(diary: Diary, store: PostgresStore) -> None:
    changes = [moved("a", _T.PENDING, _T.SUBMITTED, 0, 1), AttemptOpened(attempt("a", 1)), EventLogged(event(1))]
    store.record(changes)
    made = (
        "SELECT xmin FROM task_runs WHERE task_id = 'a' UNION SELECT xmin FROM attempts UNION SELECT xmin FROM events"
    )
    assert len(rows(store, made)) == 1


def test_no_answer_leaves_a_transaction_open(postgres: Server, diary: Diary, store: PostgresStore) -> None:
    """So a reader that is stopped in a pager keeps no lock, and no old rows from being cleared away."""
    store.runs()
    store.summaries()
    store.record([EventLogged(event(1))])
    pid = store.connection.info.backend_pid
    with postgres.connect() as db:
        found = db.execute("SELECT state, backend_xmin FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchall()
    assert found == [("idle", None)]


WRITES_AND_DIES = """
import os, signal, sys
from adapters.store.history import Diary, event
from tetra_orchestrator.adapters.store.postgres import PostgresStore
from tetra_orchestrator.core.changes import EventLogged
store = PostgresStore(sys.argv[1])
diary = Diary(store)
diary.open("r1", "a")
for batch in range(int(sys.argv[2])):
    store.record([EventLogged(event(batch * 3 + n)) for n in (1, 2, 3)])
    print(batch, flush=True)
store.connection.execute("BEGIN")
store.connection.execute("INSERT INTO pauses (kind, name, since) VALUES ('mode', 'half', 0)")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_whole_batches_and_all_that_it_was_told_were_kept(postgres_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WRITES_AND_DIES, postgres_url, "7"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": PATHS},
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout.split() == ["0", "1", "2", "3", "4", "5", "6"]
    with closing(PostgresStore(postgres_url)) as store:
        assert [one.seq for one in store.events("r1")] == list(range(1, 22))
        assert store.pauses() == []


# -- its rules ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("UPDATE runs SET state = 'running'", "a terminal run never changes"),
        ("UPDATE task_runs SET state = 'running' WHERE task_id = 'a'", "a terminal task never changes"),
        ("UPDATE attempts SET exit_code = 1 WHERE task_id = 'a'", "an ended attempt never changes"),
        ("UPDATE events SET ts = 0", "events are only added"),
        (
            "INSERT INTO attempts SELECT run, task_id, number + 1, token, state, log, runner FROM attempts"
            " WHERE task_id = 'b'",
            'violates unique constraint "one_live_attempt"',
        ),
        ("INSERT INTO task_runs SELECT * FROM task_runs", 'violates unique constraint "task_runs_pkey"'),
        ("UPDATE task_runs SET state = 'x' WHERE task_id = 'b'", 'violates check constraint "task_runs_state_check"'),
        ("DELETE FROM configs", 'violates foreign key constraint "runs_config_hash_fkey"'),
    ],
)  # fmt: skip
def test_the_tables_hold_the_rules_against_anybody(diary: Diary, store: PostgresStore, query: str, reason: str) -> None:
    diary.end("r1", a=_T.SUCCEEDED)
    diary.try_once("r1", "a", 1, Exited(0))
    store.record([AttemptOpened(attempt("b", 1)), EventLogged(event(1)), RunMoved("r1", _R.RUNNING, _R.FAILED, AT)])
    with pytest.raises(psycopg.IntegrityError) as caught:
        store.connection.execute(query)  # type: ignore[call-overload]
    assert reason in str(caught.value)


def test_names_sort_by_their_bytes_whatever_the_database_prefers(postgres: Server) -> None:
    name = "by_a_dictionary"
    with postgres.connect() as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
        assert db.execute("SELECT 'a' < 'B' COLLATE \"en-US-x-icu\"").fetchall() == [(True,)]
    try:
        with closing(PostgresStore(postgres.url(name))) as store:
            for each in ("b", "a", "B", "_"):
                store.ledger.settle(None, Cursor(each, "x", AT, AT, 1), [])
            assert [one.name for one in store.ledger.cursors()] == ["B", "_", "a", "b"]
    finally:
        postgres.drop(name)


# -- its views ----------------------------------------------------------------------------------------------------


def test_the_views_have_the_documented_columns_and_the_types_of_postgresql(store: PostgresStore) -> None:
    found = rows(
        store,
        "SELECT attrelid::regclass::text, string_agg(attname || ' ' || atttypid::regtype, ', ' ORDER BY attnum)"
        " FROM pg_attribute WHERE attrelid IN ('pipeline_state'::regclass, 'pipeline_runs'::regclass) AND attnum > 0"
        " GROUP BY attrelid ORDER BY 1",
    )
    assert found == [
        (
            "pipeline_runs",
            "run_id bigint, pipeline_name text, start_time timestamp with time zone,"
            " end_time timestamp with time zone, status text, records_processed bigint, error_message text,"
            " log_file_path text, metadata jsonb",
        ),
        (
            "pipeline_state",
            "pipeline_name text, last_run_timestamp timestamp with time zone, last_run_status text,"
            " last_run_duration_seconds integer, next_scheduled_run timestamp with time zone, current_status text,"
            " metadata jsonb",
        ),
    ]


def test_a_pipelines_run_is_a_row_in_the_documented_words(diary: Diary, store: PostgresStore) -> None:
    diary.end("r1", later(1.5), a=_T.SUCCEEDED)
    store.record([OutputsSaved("r1", "a", {"records_processed": 41.5})])
    store.record([AttemptOpened(attempt("a", 1)), AttemptClosed("r1", "a", 1, Exited(0), later(1.5))])
    why = Reason("task_failed", "exited with code 3")
    store.record([moved("b", _T.PENDING, _T.FAILED, at=later(2), reason=why)])
    first, second = records(store, "SELECT * FROM pipeline_runs ORDER BY run_id")
    assert first == {
        "run_id": 1, "pipeline_name": "a", "start_time": later(1.5), "end_time": later(1.5), "status": "success",
        "records_processed": 41, "error_message": None, "log_file_path": "/logs/a.1.log",
        "metadata": {"run_id": "r1", "mode": "daily", "trigger": "manual", "attempts": 1, "config_version": "0" * 64},
    }  # fmt: skip
    assert (second["status"], second["error_message"]) == ("failed", "b: exited with code 3")


@pytest.mark.parametrize("odd", ["\0", "\ud800", "abc", 1e300, None, {"x": 1}])
def test_no_output_breaks_the_view(diary: Diary, store: PostgresStore, odd: Any) -> None:
    diary.end("r1", a=_T.SUCCEEDED, b=_T.SUCCEEDED)
    store.record([OutputsSaved("r1", "a", {"records_processed": odd, "text": "\0"})])
    store.record([OutputsSaved("r1", "b", {"records_processed": 3})])
    assert rows(store, "SELECT records_processed FROM pipeline_runs ORDER BY run_id") == [(None,), (3,)]


def test_a_pipelines_state_is_a_row_in_the_documented_words(diary: Diary, store: PostgresStore) -> None:
    diary.end("r1", later(90.4), a=_T.SUCCEEDED)
    store.ledger.announce({"a": later(3600)})
    store.open_run(run("r2")._replace(state="queued"), [task("r2", "c", 0)], [PipelineState("c", position=2)], "")
    found = records(store, "SELECT * FROM pipeline_state ORDER BY pipeline_name")
    assert [tuple(row.values()) for row in found] == [
        ("a", later(90.4), "success", 0, later(3600), "idle", None),
        ("b", None, None, None, None, "running", None),
        ("c", None, None, None, None, "scheduled", None),
    ]
