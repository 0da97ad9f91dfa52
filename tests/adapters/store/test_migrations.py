"""Versions of a SQLite store: upgrades step by step, the copy before, two programs at once, tables that are missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from adapters.store.history import AT, Diary, event, moved
from tetra_orchestrator import failpoints
from tetra_orchestrator.adapters.store import sqlite_file, sqlite_schema, sqlite_tables, sqlite_upgrade
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.adapters.store.sqlite_backup import folder_of
from tetra_orchestrator.core.changes import EventLogged
from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.slots import Cursor
from tetra_orchestrator.core.states import TaskState
from tetra_orchestrator.errors import CannotWrite, Exit, StoreError, TetraError

if TYPE_CHECKING:
    from collections.abc import Iterator

_T = TaskState
REPOSITORY = Path(__file__).resolve().parents[3]
PATHS = f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY / 'tests'}"
NEWER = (
    "{path}: the store was written by a newer version, 9.1.0\n  hint: upgrade with"
    " `pip install --upgrade tetra-orchestrator`, or name another file in `state:`"
)
FROZEN = sorted(int(path.stem.removeprefix("version_")) for path in Path(__file__).parent.glob("version_*.sql"))
#: Of each frozen store the runs in it, newest first, with how they ended.
RUNS = {
    1: [("20261121T113744Z-a4ui76", "failed", 2)],
    2: [("20261121T160924Z-5s34gv", "failed", 2)],
    3: [("20261121T191603Z-hefqf5", "failed", 2)],
    4: [("20261121T221821Z-eypi3k", "succeeded", 0), ("20261121T221720Z-ke7cvg", "failed", 2)],
    5: [
        ("20261121T230101Z-auwqsz", "succeeded", 0),
        ("20261121T225959Z-xq4wq2", "succeeded", 0),
        ("20261121T225959Z-eczac7", "succeeded", 0),
        ("20261121T225959Z-deictl", "succeeded", 0),
        ("20261121T225959Z-nq4tez", "failed", 2),
    ],
}


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "my state" / "tetra.db")


def frozen(path: str, version: int) -> None:
    """Write the store of that version as the program of its time did."""
    Path(path).parent.mkdir(mode=0o700, exist_ok=True)
    with closing(apsw.Connection(path)) as old:
        old.execute((Path(__file__).parent / f"version_{version}.sql").read_text())
    os.chmod(path, 0o600)


def rows(store: SqliteStore, query: str) -> list[tuple[object, ...]]:
    return store.connection.execute(query).fetchall()


def versions(path: str) -> list[int]:
    with closing(apsw.Connection(path)) as db:
        return [int(version) for (version,) in db.execute("SELECT version FROM schema_version ORDER BY version")]


def copies(path: str) -> list[str]:
    folder = folder_of(path)
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def dump(path: str) -> str:
    """All tables of the file with their rows, as SQL."""
    with closing(apsw.Connection(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        return repr([(name, db.execute(f"SELECT * FROM {name}").fetchall()) for name in tables])


def told(caught: pytest.ExceptionInfo[TetraError], path: str) -> str:
    """The whole text with the path and its folder taken out."""
    return str(caught.value).replace(path, "{path}").replace(os.path.dirname(path), "{folder}")


def child(code: str, *argv: str, **environ: str) -> subprocess.Popen[str]:
    """A process of its own that runs the code."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *argv],
        env={**os.environ, "PYTHONPATH": PATHS, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


OPEN = """
import sys
from tetra_orchestrator.adapters.store.sqlite import SqliteStore

sys.stdin.readline()
SqliteStore(sys.argv[1]).close()
"""


@pytest.fixture
def next_versions(path: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """A store of today with a run, and a program of two versions later; the number of the first of them."""
    with closing(SqliteStore(path)) as store:
        Diary(store).open("r1", "a")
    number = sqlite_file.VERSION + 1
    become(monkeypatch, "CREATE TABLE later (x TEXT) STRICT; INSERT INTO later VALUES ('made');", LATEST)
    return number


LATEST = "ALTER TABLE later ADD COLUMN y TEXT; CREATE INDEX latest ON later (y);"


def become(monkeypatch: pytest.MonkeyPatch, *scripts: str) -> None:
    """Be the program that has these scripts behind those of today."""
    today = sqlite_schema.SCRIPTS[: len(sqlite_schema.TEXTS)]
    monkeypatch.setattr(sqlite_schema, "SCRIPTS", (*today, *scripts))
    monkeypatch.setattr(sqlite_file, "VERSION", len(today) + len(scripts))


# -- versions -----------------------------------------------------------------------------------------------------


def test_the_version_is_the_number_of_scripts_and_each_is_described(path: str) -> None:
    assert len(sqlite_schema.SCRIPTS) == len(sqlite_schema.TEXTS) == sqlite_file.VERSION
    SqliteStore(path).close()
    assert versions(path) == list(range(1, sqlite_file.VERSION + 1))
    assert copies(path) == []


@pytest.mark.parametrize("readonly", [False, True])
def test_fault_116_a_store_of_a_newer_program_is_refused_and_kept(path: str, readonly: bool) -> None:
    with closing(SqliteStore(path)) as store:
        rows(store, "INSERT INTO schema_version VALUES (99, '9.1.0')")
    with pytest.raises(StoreError) as caught:
        SqliteStore(path, readonly=readonly)
    assert told(caught, path) == NEWER
    assert (caught.value.code, caught.value.exit_code) == ("store_too_new", Exit.UNAVAILABLE)


def test_an_older_store_is_upgraded_once_and_keeps_its_runs(path: str, next_versions: int) -> None:
    for _ in range(2):
        with closing(SqliteStore(path)) as store:
            assert rows(store, "SELECT x, y FROM later") == [("made", None)]
            assert rows(store, "SELECT max(version) FROM schema_version") == [(next_versions + 1,)]
            assert [one.run_id for one in store.runs()] == ["r1"]
    assert len(copies(path)) == 1


@pytest.mark.usefixtures("next_versions")
def test_a_reader_does_not_upgrade(path: str) -> None:
    with pytest.raises(StoreError) as caught:
        SqliteStore(path, readonly=True)
    assert told(caught, path) == (
        "{path}: the store was written by an older version"
        "\n  hint: `tetra run`, or any other command that writes, upgrades it"
    )


# -- stores of every release --------------------------------------------------------------------------------------


def test_a_store_of_every_version_that_was_left_behind_is_frozen() -> None:
    assert FROZEN == list(range(1, len(FROZEN) + 1)) == list(RUNS)
    assert len(FROZEN) >= sqlite_file.VERSION - 1


@pytest.mark.parametrize("version", FROZEN)
def test_a_frozen_store_keeps_its_history_takes_new_runs_and_is_whole(path: str, version: int) -> None:
    frozen(path, version)
    with closing(SqliteStore(path)) as store:
        assert [(run.run_id, run.state, run.exit_code) for run in store.runs()] == RUNS[version]
        failed = RUNS[version][-1][0]
        assert [(task.task_id, task.state) for task in store.task_runs(failed)] == [("a", "succeeded"), ("b", "failed")]
        attempts = [(one.task_id, one.kind, one.exit_code) for one in store.attempts(failed)]
        assert attempts == [("a", "exited", 0), ("b", "exited", 3)]
        assert [event.seq for event in store.events(failed)] == list(range(1, len(store.events(failed)) + 1))
        assert set(store.expected_s()) == {"a"}
        Diary(store).open("new", "a")
        assert [one.run_id for one in store.runs()] == ["new", *(run_id for run_id, _, _ in RUNS[version])]
        assert [one.severity for one in (*store.diagnose(), *store.check())] == ["ok"] * 5
    assert len(copies(path)) == (version < sqlite_file.VERSION)


def test_attempts_of_version_1_have_no_facts(path: str) -> None:
    frozen(path, 1)
    with closing(SqliteStore(path)) as store:
        assert [one.facts for one in store.attempts(RUNS[1][0][0])] == [NO_FACTS, NO_FACTS]


def test_a_store_of_version_3_keeps_its_pause_and_takes_slots(path: str) -> None:
    frozen(path, 3)
    with closing(SqliteStore(path)) as store:
        assert [(one.name, one.reason) for one in store.pauses()] == [("a", "holidays")]
        assert [run.schedule for run in store.runs()] == [None]
        assert rows(store, "SELECT next_scheduled_run FROM pipeline_state") == [(None,), (None,)]
        store.ledger.settle(None, Cursor("nightly", "", AT, AT, 1), [])
        assert store.ledger.slots() == []


def test_a_store_of_version_4_keeps_its_slots_its_cursor_and_its_pause(path: str) -> None:
    frozen(path, 4)
    with closing(SqliteStore(path)) as store:
        assert [(one.name, one.reason) for one in store.pauses()] == [("a", "holidays")]
        [slot] = store.ledger.slots()
        assert (slot.schedule, slot.outcome, slot.run_id) == ("nightly", "ran", RUNS[4][0][0])
        assert [(cursor.name, cursor.version) for cursor in store.ledger.cursors()] == [("nightly", 2)]
        assert [(run.schedule, run.tags, run.backfill) for run in store.runs()] == [
            ("nightly", (), None),
            (None, (), None),
        ]
        assert store.backfills.all() == []


def test_a_store_of_version_5_keeps_its_backfill_its_partitions_and_its_results(path: str) -> None:
    frozen(path, 5)
    with closing(SqliteStore(path)) as store:
        [backfill] = store.backfills.all()
        assert (backfill.mode, backfill.start, backfill.end, backfill.slice, backfill.state) == (
            *("days", "2026-01-01", "2026-01-03", "day", "succeeded"),
        )
        partitions = store.backfills.partitions(backfill.backfill_id)
        by_day = [run_id for run_id, _, _ in reversed(RUNS[5][1:4])]
        assert [(one.start, one.state, one.run_id) for one in partitions] == [
            (f"2026-01-0{day}", "succeeded", run_id) for day, run_id in enumerate(by_day, start=1)
        ]
        assert [(one.task_id, one.key, one.outputs) for one in store.results.all()] == [("a", "0f3c9a", {"rows": 3})]
        assert [one.outcome for one in store.ledger.slots()] == ["skipped_policy", "ran"]
        assert [(one.name, one.reason) for one in store.pauses()] == [("a", "holidays")]


@pytest.mark.parametrize("version", FROZEN)
def test_of_runs_that_ended_before_anybody_could_be_told_nobody_is(path: str, version: int) -> None:
    frozen(path, version)
    with closing(SqliteStore(path)) as store:
        assert (store.alerts.untold(), {run.tells for run in store.runs()}) == ([], {False})
        assert (store.alerts.all(), store.alerts.marks(), store.alerts_standing()) == ([], {}, (0, 0))
        usage = [one.facts.usage for run in store.runs() for one in store.attempts(run.run_id)]
        assert {(one.peak_pss_bytes, one.read_bytes, one.write_bytes) for one in usage} == {(None, None, None)}


# -- one step after the other -------------------------------------------------------------------------------------


def test_each_step_is_a_transaction_of_its_own_and_the_next_upgrade_goes_on_where_it_ended(
    path: str, next_versions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, latest = sqlite_schema.SCRIPTS[-2:]
    become(monkeypatch, made, f"{latest} CREATE TABLE half (x TEXT) STRICT; CREATE TABLE half (x TEXT) STRICT;")
    with pytest.raises(StoreError, match="table half already exists"):
        SqliteStore(path)
    assert versions(path)[-1] == next_versions
    with closing(apsw.Connection(path)) as db:
        assert db.execute("SELECT count(*) FROM pragma_table_info('later')").fetchall() == [(1,)]
        assert db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").fetchall() == [(0,)]
    become(monkeypatch, made, latest)
    with closing(SqliteStore(path)) as store:
        assert rows(store, "SELECT x, y FROM later") == [("made", None)]


def test_an_upgrade_that_leaves_out_what_it_should_have_made_is_none(
    path: str, next_versions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    perform = sqlite_upgrade._perform

    def careless(db: apsw.Connection, number: int) -> None:
        perform(db, number)
        db.execute("DROP INDEX IF EXISTS latest")

    monkeypatch.setattr(sqlite_upgrade, "_perform", careless)
    with pytest.raises(StoreError) as caught:
        SqliteStore(path)
    assert told(caught, path) == (
        "{path}: the store is not complete: it lacks the index latest\n  hint: `tetra state restore FILE`"
        " restores a backup; the folder `backups` beside it has some"
    )
    assert versions(path)[-1] == next_versions


def test_a_process_that_waited_for_another_ones_upgrade_does_not_repeat_it(path: str, next_versions: int) -> None:
    with closing(SqliteStore(path)) as store:
        sqlite_upgrade.upgrade(store.connection, path)
        assert rows(store, "SELECT x FROM later") == [("made",)]
    assert len(copies(path)) == 1


def test_fault_117_processes_that_find_an_old_store_at_once_upgrade_it_once(path: str) -> None:
    frozen(path, 1)
    children = [child(OPEN, path) for _ in range(4)]
    for each in children:
        each.communicate("go\n", timeout=60)
    assert [each.returncode for each in children] == [0] * 4
    assert versions(path) == list(range(1, sqlite_file.VERSION + 1))
    assert [name[:9] for name in copies(path)] == ["tetra-v1-"]


@pytest.mark.parametrize(
    "place",
    ["backup.write:1", "backup.write.commit:1"]
    + [f"migrate.step{end}:{nth}" for end in ("", ".commit") for nth in range(1, sqlite_file.VERSION)],
)
def test_fault_116_an_upgrade_killed_anywhere_is_done_by_the_next_one(path: str, place: str) -> None:
    frozen(path, 1)
    killed = child(OPEN, path, TETRA_FAILPOINT=f"{place}=kill")
    killed.communicate("go\n", timeout=60)
    assert killed.returncode == -signal.SIGKILL
    with closing(SqliteStore(path)) as store:
        assert [(run.run_id, run.state, run.exit_code) for run in store.runs()] == RUNS[1]
        assert [one.severity for one in (*store.diagnose(), *store.check())] == ["ok"] * 5
    assert any(name.startswith("tetra-v1-") for name in copies(path))
    assert not any(name.endswith(".new") for name in copies(path))


# -- the copy before ----------------------------------------------------------------------------------------------


def test_before_an_upgrade_the_store_is_copied_as_it_was(path: str) -> None:
    frozen(path, 2)
    before = dump(path)
    SqliteStore(path).close()
    [name] = copies(path)
    copy = os.path.join(folder_of(path), name)
    assert dump(copy) == before != dump(path)
    assert [os.stat(each).st_mode & 0o7777 for each in (copy, folder_of(path))] == [0o600, 0o700]


def test_what_others_record_until_the_upgrade_begins_is_in_the_copy(path: str) -> None:
    frozen(path, 4)
    with closing(apsw.Connection(path)) as other:
        other.execute(
            "PRAGMA journal_mode=WAL; INSERT INTO pauses VALUES (9, 'mode', 'late', 1, NULL, NULL)"
        ).fetchall()
        SqliteStore(path).close()
    with closing(apsw.Connection(os.path.join(folder_of(path), copies(path)[0]))) as copy:
        assert copy.execute("SELECT name FROM pauses WHERE id = 9").fetchall() == [("late",)]


def test_of_each_version_the_newest_copy_is_kept_and_of_three_versions(path: str) -> None:
    os.makedirs(folder_of(path), mode=0o700)
    others = ["tetra-20260101T000000Z.db", "tetra-replaced-20260101T000000Z.db", "other-v1-20260101T000000Z.db"]
    old = [
        "tetra-v1-20260101T000000Z.db",
        "tetra-v2-20260201T000000Z.db",
        "tetra-v2-20260202T000000Z.db",
        "tetra-v3-20260301T000000Z.db",
    ]
    for name in (*old, *others):
        Path(folder_of(path), name).touch()
    frozen(path, 4)
    SqliteStore(path).close()
    [new] = [name for name in copies(path) if name.startswith("tetra-v4-")]
    assert copies(path) == sorted([*old[2:], new, *others])


def test_without_room_for_the_copy_nothing_is_upgraded(path: str) -> None:
    frozen(path, 1)
    before = dump(path)
    failpoints.arm("backup.write=enospc")
    try:
        with pytest.raises(CannotWrite) as caught:
            SqliteStore(path)
    finally:
        failpoints.arm("")
    assert str(caught.value) == (
        "the store is not upgraded, as no copy of it can be made first: failpoint backup.write: No space left on device"
    )
    assert (dump(path), copies(path)) == (before, [])


# -- two programs at once -----------------------------------------------------------------------------------------


@pytest.fixture
def store(path: str) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path)) as opened:
        Diary(opened).open("r1", "a")
        yield opened


def test_fault_117_a_program_whose_store_a_newer_one_upgrades_writes_nothing_more(
    store: SqliteStore, path: str
) -> None:
    with closing(apsw.Connection(path)) as newer:
        newer.execute("CREATE TABLE later (x TEXT) STRICT; INSERT INTO schema_version VALUES (99, '9.1.0')")
    before = dump(path)
    for attempt in range(2):
        with pytest.raises(StoreError) as caught:
            store.record([moved("a", _T.PENDING, _T.SUBMITTED, 0, 1)])
        assert told(caught, path) == NEWER, attempt
    with pytest.raises(StoreError):
        Diary(store).open("r2", "a")
    assert dump(path) == before


def test_fault_117_a_program_that_no_longer_understands_the_tables_says_why(store: SqliteStore, path: str) -> None:
    with closing(apsw.Connection(path)) as newer:
        newer.execute("ALTER TABLE runs RENAME COLUMN log TO main_log; INSERT INTO schema_version VALUES (99, '9.1.0')")
    with pytest.raises(StoreError) as caught:
        store.runs()
    assert told(caught, path) == NEWER


RECORD = """
import sys
from adapters.store.history import Diary, event
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.changes import EventLogged
from tetra_orchestrator.errors import StoreError

store = SqliteStore(sys.argv[1])
Diary(store).open("r1", "a")
for n in range(1, 1_000_000):
    try:
        store.record([EventLogged(event(n))])
    except StoreError as error:
        sys.exit(error.code)
    print(n, flush=True)
"""


@pytest.mark.parametrize("commits", [1, 30, 200])
def test_fault_117_of_a_writer_and_an_upgrade_at_the_same_time_neither_spoils_the_other(
    path: str, commits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with child(RECORD, path) as writer:
        assert writer.stdout is not None
        for _ in range(commits):
            acknowledged = int(writer.stdout.readline())
        become(monkeypatch, "CREATE TABLE later (x TEXT) STRICT; ALTER TABLE events ADD COLUMN new TEXT;")
        with closing(SqliteStore(path)) as upgraded:
            kept = [one.seq for one in upgraded.events("r1")]
            acknowledged = max([acknowledged, *(int(line) for line in writer.stdout)])
            assert writer.wait(timeout=30) == 1
            assert [one.seq for one in upgraded.events("r1")] == kept == list(range(1, len(kept) + 1))
    assert len(kept) == acknowledged
    [copy] = copies(path)
    with closing(apsw.Connection(os.path.join(folder_of(path), copy))) as db:
        assert db.execute("SELECT count(*) FROM events").fetchall() == [(len(kept),)]


# -- tables that are not as the version says ----------------------------------------------------------------------

LACKS = [
    ("DROP TABLE metrics", "the table metrics"),
    ("DROP TABLE results; DROP TRIGGER final_run", "the table results, the trigger final_run"),
    ("ALTER TABLE runs DROP COLUMN tags", "the column runs.tags"),
    ("DROP INDEX durations", "the index durations"),
    ("DROP TRIGGER one_live_attempt", "the trigger one_live_attempt"),
    ("DROP VIEW pipeline_state", "the view pipeline_state"),
]


@pytest.mark.parametrize(("harm", "lacks"), LACKS)
@pytest.mark.parametrize("readonly", [False, True])
def test_a_store_that_lacks_something_is_refused_whatever_its_version_says(
    path: str, harm: str, lacks: str, readonly: bool
) -> None:
    SqliteStore(path).close()
    with closing(apsw.Connection(path)) as db:
        db.execute(harm)
    before = dump(path)
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            SqliteStore(path, readonly=readonly)
        assert told(caught, path) == (
            f"{{path}}: the store is not complete: it lacks {lacks}\n  hint: `tetra state restore FILE`"
            " restores a backup; the folder `backups` beside it has some"
        )
        assert (caught.value.code, caught.value.exit_code) == ("store_incomplete", Exit.UNAVAILABLE)
    assert dump(path) == before


def test_of_much_that_is_missing_some_is_named(path: str) -> None:
    SqliteStore(path).close()
    with closing(apsw.Connection(path)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
    with pytest.raises(StoreError, match=r"it lacks the trigger \w+(, the trigger \w+){4}, \d more\n"):
        SqliteStore(path)


def test_what_somebody_adds_to_a_store_is_his_own_affair_and_looked_at_once(path: str) -> None:
    SqliteStore(path).close()
    with closing(apsw.Connection(path)) as db:
        db.execute("CREATE INDEX mine ON runs (project); VACUUM")
        assert not sqlite_file.is_stamped(db)
    with closing(SqliteStore(path, readonly=True)) as store:
        assert not sqlite_file.is_stamped(store.connection)
    with closing(SqliteStore(path)) as store:
        assert sqlite_file.is_stamped(store.connection)


@pytest.mark.parametrize("version", FROZEN)
def test_a_store_is_known_to_be_complete_once_it_is_made_or_upgraded(path: str, version: int) -> None:
    frozen(path, version)
    with closing(SqliteStore(path)) as store:
        assert sqlite_file.is_stamped(store.connection)
        assert sqlite_tables.missing(store.connection, sqlite_file.VERSION) == []


READ = """
import sys
from tetra_orchestrator.adapters.store.sqlite import SqliteStore

SqliteStore(sys.argv[1]).close()
print(*sys.modules)
"""


def test_opening_a_store_that_nobody_has_changed_looks_at_no_table(path: str) -> None:
    SqliteStore(path).close()
    loaded = child(READ, path).communicate(timeout=30)[0].split()
    store = "tetra_orchestrator.adapters.store"
    assert f"{store}.sqlite_file" in loaded
    assert {f"{store}.{name}" for name in ("sqlite_tables", "sqlite_upgrade", "sqlite_schema")} & set(loaded) == set()


def test_looking_for_a_newer_program_costs_a_commit_one_query_that_is_prepared_once(store: SqliteStore) -> None:
    queries: list[str] = []
    store.connection.set_profile(lambda query, time: queries.append(query))
    store.record([EventLogged(event(1))])
    asked = [query for query in queries if "schema_version" in query]
    assert asked == ["SELECT version, program FROM schema_version ORDER BY version DESC LIMIT 1"]
    before = store.connection.cache_stats()["misses"]
    store.record([EventLogged(event(2))])
    assert store.connection.cache_stats()["misses"] == before
