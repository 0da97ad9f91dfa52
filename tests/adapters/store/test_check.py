"""What `check` finds in rows that somebody has spoiled behind our back, and that nothing of ours spoils them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from adapters.store.history import AT, Diary, attempt, later, moved
from tetra_orchestrator import __version__, wire, wire_state
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.alerts import Alert, Filed
from tetra_orchestrator.core.changes import AttemptClosed, AttemptOpened, EventLogged, OutputsSaved, RunMoved
from tetra_orchestrator.core.diagnosis import Diagnosis
from tetra_orchestrator.core.events import RunEvent
from tetra_orchestrator.core.model import SQLITE
from tetra_orchestrator.core.outcome import Exited, Stopped
from tetra_orchestrator.core.states import RunState, TaskState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.ports import Store

_T, _R = TaskState, RunState
FINE = Diagnosis("store_rows", "ok", "runs, tasks, attempts, slots, partitions and letters agree with each other")
REMEDY = "keep the store and please report it; `tetra state backup` makes a copy to send"


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of each kind with a history."""
    if request.param == "postgres":
        address = request.getfixturevalue("postgres_url")
    else:
        address = f"{SQLITE}{tmp_path / 'state' / 'tetra.db'}"
    with closing(wire.store(address)) as opened:
        history(opened)
        yield opened


def history(store: Store) -> None:
    """Run r1: `a` succeeded, the service `s` was stopped, `b` failed; r2 goes on."""
    Diary(store).open("r1", "a", "s", "b")
    for name, after, outcome in (
        ("a", _T.SUCCEEDED, Exited(0)),
        ("s", _T.SUCCEEDED, Stopped()),
        ("b", _T.FAILED, Exited(3)),
    ):
        store.record(
            [
                moved(name, _T.PENDING, _T.SUBMITTED, 0, 1),
                AttemptOpened(attempt(name, 1)),
                AttemptClosed("r1", name, 1, outcome, later(1)),
                moved(name, _T.SUBMITTED, after, 1, 1, later(1)),
            ]
        )
    store.record([OutputsSaved("r1", "a", {"rows": 3}), RunMoved("r1", _R.RUNNING, _R.FAILED, later(2))])
    store.record([EventLogged(RunEvent("run.started", n, AT, "r1")) for n in (1, 2, 3)])
    Diary(store).open("r2", "a")
    store.record([AttemptOpened(attempt("a", 1, "r2"))])
    failed = Alert(0, "pipeline_failed:b", "pipeline_failed", "high", "b", "b failed", "", "", (), AT, raised_at=AT)
    store.alerts.file([Filed(failed, (("mail", "raised", AT), ("slack", "raised", AT)))])


def spoil(store: Any, statement: str) -> None:
    """Change rows as only somebody can who has taken the rules of the tables away."""
    db = store.connection
    if isinstance(store, SqliteStore):
        db.execute("PRAGMA foreign_keys=OFF").fetchall()
        for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
    else:
        db.execute("SET session_replication_role = replica")
        db.execute("DROP INDEX one_live_attempt")
    db.execute(statement)


def test_what_we_record_agrees_with_itself(store: Store) -> None:
    assert store.check() == [FINE]


SPOILT = [
    (
        "INSERT INTO attempts (run, task_id, number, token, state, log, runner)"
        " VALUES (2, 'a', 2, 'x', 'running', '', 'local')",
        "store_attempts",
        "tasks with more than one attempt that has not ended: 1, such as r2 a",
    ),
    (
        "UPDATE attempts SET exit_code = 3 WHERE run = 1 AND task_id = 'a'",
        "store_successes",
        "attempts that succeeded and did not exit with 0: 1, such as r1 a",
    ),
    (
        "UPDATE attempts SET kind = 'lost' WHERE run = 1 AND task_id IN ('a', 's')",
        "store_successes",
        "attempts that succeeded and did not exit with 0: 2, such as r1 a",
    ),
    (
        "UPDATE task_runs SET state = 'succeeded' WHERE run = 1 AND task_id = 'b'",
        "store_successes",
        "tasks that succeeded without an attempt that did: 1, such as r1 b",
    ),
    (
        "UPDATE runs SET state = 'lost', finished_at = 1 WHERE id = 2",
        "store_ends",
        "tasks or attempts that go on in runs that are over: 1, such as r2 a",
    ),
    (
        "UPDATE runs SET finished_at = NULL WHERE id = 1",
        "store_ends",
        "runs that are over without an end, or have an end and are not over: 1, such as r1",
    ),
    (
        "UPDATE runs SET finished_at = 1 WHERE id = 2",
        "store_ends",
        "runs that are over without an end, or have an end and are not over: 1, such as r2",
    ),
    ("DELETE FROM events WHERE seq = 2", "store_events", "runs that lack some of their events: 1, such as r1"),
    (
        "INSERT INTO slots (schedule, slot, mode, outcome, run_id) VALUES ('nightly', 7, 'm', 'running', 'r1')",
        "store_slots",
        "slots that no run ran, or that a run still runs that is over: 1, such as nightly 7",
    ),
    (
        "INSERT INTO slots (schedule, slot, mode, outcome) VALUES ('nightly', 7, 'm', 'ran')",
        "store_slots",
        "slots that no run ran, or that a run still runs that is over: 1, such as nightly 7",
    ),
    (
        "INSERT INTO partitions (backfill, position, partition_start, partition_end, state, run_id)"
        " VALUES (1, 0, 'x', 'y', 'running', 'r1')",
        "store_partitions",
        "partitions in another state than their runs: 1, such as r1",
    ),
    (
        "UPDATE letters SET state = 'sent' WHERE id = 1",
        "store_letters",
        "letters that were sent at no time, or not sent and have one: 1, such as mail 1",
    ),
    (
        "UPDATE letters SET sent_at = 1 WHERE id = 2",
        "store_letters",
        "letters that were sent at no time, or not sent and have one: 1, such as slack 2",
    ),
]


@pytest.mark.parametrize(("statement", "code", "message"), SPOILT)
def test_rows_that_cannot_be_are_told(store: Store, statement: str, code: str, message: str) -> None:
    spoil(store, statement)
    assert store.check() == [Diagnosis(code, "error", message, REMEDY)]


def test_rows_that_belong_to_nothing_and_tables_that_are_gone_are_told_by_what_looks_at_the_file(
    tmp_path: Path,
) -> None:
    with closing(SqliteStore(str(tmp_path / "state" / "tetra.db"))) as store:
        history(store)
        spoil(store, "DELETE FROM task_runs WHERE run = 1 AND task_id = 'b'")
        found = {one.code: one.message for one in store.diagnose() if one.severity == "error"}
    assert found["store_references"] == "1 rows of attempts belong to rows that are gone"
    assert "it lacks the trigger final_attempt" in found["store_incomplete"]


def test_what_an_upgrade_of_a_database_on_a_server_would_do_is_told_without_doing_it(postgres_url: str) -> None:
    psycopg = pytest.importorskip("psycopg", reason="needs the extra postgres")
    from tetra_orchestrator.adapters.store import postgres_schema, postgres_upkeep

    assert len(postgres_upkeep.TEXTS) == len(postgres_schema.SCRIPTS)
    with psycopg.connect(postgres_url, autocommit=True) as db:
        db.execute("DROP SCHEMA orchestration CASCADE")
    bare = wire_state.upgrade_plan(postgres_url)
    assert (bare.found, len(bare.steps), bare.backup, bare.program) == (0, bare.newest, None, None)
    wire.store(postgres_url).close()
    done = wire_state.upgrade_plan(postgres_url)
    assert (done.found, done.steps, done.program) == (done.newest, (), __version__)
