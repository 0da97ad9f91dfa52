"""What only a SQLite file can do wrong: modes, damage, versions, other processes, full disks, power."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from adapters.store.history import AT, DAY, Diary, attempt, event, later, moved, run, task
from tetra_orchestrator.adapters.store import sqlite_file
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.adapters.store.sqlite_file import journal_for
from tetra_orchestrator.core.alerts import Alert, Filed
from tetra_orchestrator.core.changes import AttemptClosed, AttemptOpened, EventLogged, OutputsSaved, RunMoved
from tetra_orchestrator.core.history import RunFilter
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.states import RunState, TaskState
from tetra_orchestrator.errors import CannotWrite, Exit, Forbidden, StateConflict, StoreError, TetraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tetra_orchestrator.core.changes import Change

_T, _R = TaskState, RunState
ROOT = os.geteuid() == 0
REPOSITORY = Path(__file__).resolve().parents[3]
PATHS = f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY / 'tests'}"
DAMAGED = (
    "\n  hint: nothing is repaired or replaced by itself: keep the file, then restore a backup or save what can be read"
    " with `sqlite3 {path} .recover`"
)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "state" / "tetra.db")


@pytest.fixture
def store(path: str) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path)) as opened:
        yield opened


@pytest.fixture
def diary(store: SqliteStore) -> Diary:
    written = Diary(store)
    written.open("r1", "a", "b")
    return written


@pytest.fixture
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def rows(store: SqliteStore, query: str, *values: object) -> list[object]:
    return store.connection.execute(query, values).fetchall()  # type: ignore[arg-type]


def records(store: SqliteStore, query: str) -> list[dict[str, object]]:
    cursor = store.connection.execute(query)
    return [dict(zip([name for name, _ in cursor.get_description()], row, strict=True)) for row in cursor]


def pragma(store: SqliteStore, name: str) -> object:
    return rows(store, f"PRAGMA {name}")[0][0]  # type: ignore[index]


def mode(path: str) -> int:
    return os.stat(path).st_mode & 0o7777


def written(path: str) -> None:
    """A closed store of several pages, with nothing left in its journal."""
    with closing(SqliteStore(path)) as store:
        diary = Diary(store)
        for name in (f"r{n}" for n in range(20)):
            diary.open(name, *(f"task_{n}" for n in range(20)))


def read_all(path: str) -> None:
    with closing(SqliteStore(path)) as store:
        for one in store.runs(limit=1000):
            store.task_runs(one.run_id)
        store.summaries()


def told(caught: pytest.ExceptionInfo[TetraError], path: str) -> str:
    """The whole text with the path and its folder taken out."""
    return str(caught.value).replace(path, "{path}").replace(os.path.dirname(path), "{folder}")


# -- durability ---------------------------------------------------------------------------------------------------


def test_the_live_connection_keeps_its_promise(store: SqliteStore) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys", "fullfsync")
    assert [pragma(store, name) for name in names] == ["wal", 2, 1, 1]


def test_whoever_waits_longer_for_the_store_tries_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, pauses = [100.0], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(sqlite_file.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(sqlite_file.time, "sleep", sleep)
    wait = sqlite_file._patience(10.0)
    tries = 0
    while wait(tries):
        tries += 1
    assert 10.0 <= clock[0] - 100.0 < 10.1
    assert pauses[:3] == [0.001, 0.002, 0.003]
    assert max(pauses) < 0.05
    assert pauses[-1] == 0.001, "one that has waited for seconds tries a thousand times a second"
    assert wait(0), "the next lock is waited for anew"


def test_a_reopened_store_keeps_its_promise(path: str) -> None:
    written(path)
    with closing(SqliteStore(path)) as store:
        assert (pragma(store, "journal_mode"), pragma(store, "synchronous")) == ("wal", 2)


@pytest.mark.parametrize(
    ("version", "journal"), [("3.40.1", "truncate"), ("3.51.2", "truncate"), ("3.51.3", "wal"), ("3.54.1", "wal")]
)
def test_wal_is_used_only_where_sqlite_does_not_damage_it(version: str, journal: str) -> None:
    assert journal_for(version) == journal


def test_on_an_older_sqlite_the_rollback_journal_keeps_the_promise(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file.apsw, "sqlite_lib_version", lambda: "3.40.1")
    with closing(SqliteStore(path)) as store:
        assert (pragma(store, "journal_mode"), pragma(store, "synchronous")) == ("truncate", 2)
        Diary(store).open("r1", "a")
        assert [one.run_id for one in store.runs()] == ["r1"]


def test_a_journal_that_does_not_take_is_an_error(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path)
    monkeypatch.setattr(sqlite_file, "journal_for", lambda version: "shaky")
    with pytest.raises(StoreError) as caught:
        SqliteStore(path)
    assert told(caught, path) == (
        "{path}: the store does not take journal_mode=shaky, synchronous=2, foreign_keys=1:"
        " it has journal_mode=wal, synchronous=2, foreign_keys=1\n  hint: put the state folder on a local disk"
    )


def test_one_call_is_one_commit(diary: Diary, store: SqliteStore) -> None:
    commits = []

    def count() -> bool:
        commits.append(1)
        return False

    store.connection.set_commit_hook(count)
    store.record(
        [
            moved("a", _T.PENDING, _T.SUBMITTED, 0, 1),
            AttemptOpened(attempt("a", 1)),
            EventLogged(event(1)),
            moved("b", _T.PENDING, _T.SUBMITTED, 0, 1),
            EventLogged(event(2)),
        ]
    )
    assert len(commits) == 1
    diary.open("r2", "a", "b")
    assert len(commits) == 2
    store.request("r1", "cancel", AT)
    assert len(commits) == 3


def test_what_was_recorded_is_there_for_the_next_process(diary: Diary, store: SqliteStore, path: str) -> None:
    diary.try_once("r1", "a", 1, Exited(0), 2.0)
    with closing(SqliteStore(path)) as other:
        assert other.attempts("r1") == store.attempts("r1")
        assert other.expected_s() == {"a": 2.0}


def test_a_closed_store_is_one_file_with_some_space_kept_beside_it(path: str) -> None:
    written(path)
    assert sorted(os.listdir(os.path.dirname(path))) == ["tetra.db", "tetra.db.reserve"]


RECORD_UNTIL_KILLED = """
import sys
from adapters.store.history import Diary, event, moved
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.changes import EventLogged
from tetra_orchestrator.core.states import TaskState as T

store = SqliteStore(sys.argv[1])
Diary(store).open("r1", "a")
store.record([moved("a", T.PENDING, T.SUBMITTED, 0, 1)])
for n in range(1, 1_000_000):
    there_and_back = [
        moved("a", T.SUBMITTED, T.WAITING_RETRY, 2 * n - 1, n),
        EventLogged(event(2 * n - 1)),
        moved("a", T.WAITING_RETRY, T.SUBMITTED, 2 * n, n + 1),
        EventLogged(event(2 * n)),
    ]
    store.record(there_and_back)
    print(n, flush=True)
"""


def python(code: str, *argv: str, **options: object) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": PATHS}
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-c", code, *argv], env=environ, stdout=subprocess.PIPE, text=True, **options
    )


@pytest.mark.parametrize("batches", [1, 7, 60, 400])
def test_a_killed_process_leaves_whole_batches_and_all_that_it_was_told_were_kept(path: str, batches: int) -> None:
    with python(RECORD_UNTIL_KILLED, path) as child:
        assert child.stdout is not None
        for _ in range(batches):
            acknowledged = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *(int(line) for line in child.stdout if line.endswith("\n"))])
    with closing(SqliteStore(path)) as store:
        (found,) = store.task_runs("r1")
        events = [one.seq for one in store.events("r1")]
        assert pragma(store, "integrity_check") == "ok"
    kept = len(events) // 2
    assert acknowledged <= kept <= acknowledged + 1
    assert events == list(range(1, 2 * kept + 1))
    assert (found.state, found.version, found.attempts) == ("submitted", 2 * kept + 1, kept + 1)


# -- who may read and write ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0, 0o077, 0o777], indirect=True)
@pytest.mark.usefixtures("umask")
def test_the_folder_and_the_files_are_private_whatever_the_umask(path: str) -> None:
    with closing(SqliteStore(path)) as store:
        Diary(store).open("r1", "a")
        folder = os.path.dirname(path)
        assert mode(folder) == 0o700
        found = {name: mode(os.path.join(folder, name)) for name in os.listdir(folder)}
    assert found == {"tetra.db": 0o600, "tetra.db-wal": 0o600, "tetra.db-shm": 0o600, "tetra.db.reserve": 0o600}


@pytest.mark.parametrize("loose", [0o777, 0o770, 0o702, 0o1777])
def test_62_a_folder_that_others_can_write_to_is_refused(path: str, loose: int) -> None:
    folder = os.path.dirname(path)
    os.mkdir(folder)
    os.chmod(folder, loose)
    with pytest.raises(Forbidden) as caught:
        SqliteStore(path)
    expected = f"{folder}: others can write to the state folder (mode {loose:04o})\n  hint: chmod 700 {folder}"
    assert str(caught.value) == expected
    assert caught.value.exit_code == Exit.PERMISSION
    assert os.listdir(folder) == []


def test_a_folder_that_others_can_read_is_the_users_own_choice(path: str) -> None:
    os.mkdir(os.path.dirname(path), 0o755)
    SqliteStore(path).close()
    assert mode(os.path.dirname(path)) == 0o755


def test_62_a_folder_that_is_a_link_is_refused(path: str, tmp_path: Path) -> None:
    folder = os.path.dirname(path)
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    os.symlink(tmp_path / "elsewhere", folder)
    with pytest.raises(Forbidden) as caught:
        SqliteStore(path)
    expected = "the state folder is a symbolic link\n  hint: name the folder itself in `state:`"
    assert str(caught.value) == f"{folder}: {expected}"


@pytest.mark.parametrize("dangling", [False, True])
def test_62_a_file_that_is_a_link_is_refused(path: str, tmp_path: Path, dangling: bool) -> None:
    elsewhere = str(tmp_path / "elsewhere" / "tetra.db")
    if not dangling:
        written(elsewhere)
    os.mkdir(os.path.dirname(path), 0o700)
    os.symlink(elsewhere, path)
    with pytest.raises(Forbidden) as caught:
        SqliteStore(path)
    expected = "{path}: the state file is a symbolic link\n  hint: name the file itself in `state:`"
    assert told(caught, path) == expected
    assert os.path.exists(elsewhere) is not dangling


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = str(tmp_path / "file" / "state" / "tetra.db")
    with pytest.raises(CannotWrite) as caught:
        SqliteStore(path)
    assert told(caught, path) == (
        "{folder}: the state folder cannot be used: Not a directory"
        "\n  hint: make sure that {folder} can be a folder of yours"
    )
    assert caught.value.exit_code == Exit.CANNOT_WRITE


@pytest.mark.skipif(ROOT, reason="root can write everywhere")
def test_a_folder_that_cannot_be_written_to_is_named(path: str) -> None:
    os.mkdir(os.path.dirname(path), 0o500)
    with pytest.raises(CannotWrite) as caught:
        SqliteStore(path)
    expected = "{path}: the store cannot be made: Permission denied\n  hint: make sure that you can write to {folder}"
    assert told(caught, path) == expected


# -- only reading -------------------------------------------------------------------------------------------------


def test_there_is_nothing_to_read_before_the_first_run(path: str) -> None:
    with pytest.raises(StoreError) as caught:
        SqliteStore(path, readonly=True)
    expected = "{path}: no runs have been recorded yet\n  hint: start one with `tetra run --mode MODE`"
    assert told(caught, path) == expected
    assert (caught.value.code, caught.value.exit_code) == ("no_store", Exit.UNAVAILABLE)
    assert not os.path.exists(os.path.dirname(path))


def test_a_reader_reads_and_does_not_write(diary: Diary, path: str) -> None:
    with closing(SqliteStore(path, readonly=True)) as reader:
        assert [one.run_id for one in reader.runs()] == ["r1"]
        with pytest.raises(CannotWrite) as caught:
            reader.request("r1", "cancel", AT)
    assert told(caught, path) == (
        "{path}: the store cannot be written: attempt to write a readonly database"
        "\n  hint: chmod 600 {path} && chmod 700 {folder}"
    )


# -- damage -------------------------------------------------------------------------------------------------------


def test_53_a_file_that_is_no_database_is_refused_and_kept(path: str) -> None:
    os.mkdir(os.path.dirname(path), 0o700)
    content = b"not a database\n" * 1000
    with open(path, "wb") as file:
        file.write(content)
    with pytest.raises(StoreError) as caught:
        SqliteStore(path)
    start = "{path}: the file is not a database, or its beginning is damaged"
    assert told(caught, path) == start + DAMAGED
    assert (caught.value.code, caught.value.exit_code) == ("store_damaged", Exit.UNAVAILABLE)
    with open(path, "rb") as file:
        assert file.read() == content


def test_53_an_overwritten_header_is_told(path: str) -> None:
    written(path)
    with open(path, "r+b") as file:
        file.write(b"\0" * 100)
    with pytest.raises(StoreError) as caught:
        read_all(path)
    assert caught.value.code == "store_damaged"


@pytest.mark.parametrize("size", [100, 511, 512, 4095, 4096, 4097, 8192, 20_000, 40_960])
def test_52_a_truncated_store_is_told_and_never_made_anew(path: str, size: int) -> None:
    written(path)
    os.truncate(path, size)
    with pytest.raises(StoreError) as caught:
        read_all(path)
    assert caught.value.code == "store_damaged"
    assert told(caught, path).endswith(DAMAGED)
    assert os.path.getsize(path) == size


@pytest.mark.parametrize("size", [0, 1, 15, 16, 99])
def test_52_a_store_without_its_header_is_told_and_never_filled_anew(path: str, size: int) -> None:
    written(path)
    os.truncate(path, size)
    with pytest.raises(StoreError) as caught:
        SqliteStore(path)
    assert told(caught, path) == (
        f"{{path}}: the file is cut short ({size} bytes), so what was recorded in it is gone"
        "\n  hint: restore a backup, or remove the file to begin a new store"
    )
    assert os.path.getsize(path) == size


def test_a_journal_without_its_store_is_told(path: str) -> None:
    os.mkdir(os.path.dirname(path), 0o700)
    with open(f"{path}-wal", "wb") as file:
        file.write(b"journal")
    with pytest.raises(StoreError) as caught:
        SqliteStore(path)
    assert told(caught, path) == (
        "{path}: the store is missing but its journal {path}-wal is there"
        "\n  hint: restore {path}, or move {path}-wal away to begin a new store"
    )


def test_a_store_that_another_process_makes_between_two_looks_is_opened(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists, others = os.path.exists, []

    def look(place: str) -> bool:
        found = exists(place)
        if place == path and not others:
            others.append(None)
            others[0] = SqliteStore(path)
            Diary(others[0]).open("r1", "a")
        return found

    monkeypatch.setattr(os.path, "exists", look)
    with closing(SqliteStore(path)) as store:
        assert exists(f"{path}-wal")
        assert [one.run_id for one in store.runs()] == ["r1"]
    others[0].close()


def test_a_database_of_another_program_is_left_alone(path: str) -> None:
    os.mkdir(os.path.dirname(path), 0o700)
    with closing(apsw.Connection(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError) as caught:
        SqliteStore(path)
    expected = "{path}: this is a database of another program\n  hint: name another file in `state:`"
    assert told(caught, path) == expected


@pytest.mark.parametrize("replacement", [False, True])
def test_56_a_store_deleted_or_replaced_while_in_use_is_noticed(diary: Diary, path: str, replacement: bool) -> None:
    os.rename(path, f"{path}.moved")
    if replacement:
        with open(path, "wb"):
            pass
    with pytest.raises(CannotWrite) as caught:
        diary.store.record([moved("a", _T.PENDING, _T.SUBMITTED, 0, 1)])
    assert told(caught, path) == (
        "{path}: the store was deleted or replaced while it was in use"
        "\n  hint: nothing more was recorded; move the file back, then run `tetra status`"
    )
    os.rename(f"{path}.moved", path)
    diary.store.record([moved("a", _T.PENDING, _T.SUBMITTED, 0, 1)])


def test_45_a_full_disk_is_told_and_the_batch_not_kept(diary: Diary, store: SqliteStore, path: str) -> None:
    store.connection.execute(f"PRAGMA max_page_count = {pragma(store, 'page_count')}").fetchall()
    with pytest.raises(CannotWrite) as caught:
        store.record([moved("a", _T.PENDING, _T.SUBMITTED, 0, 1), OutputsSaved("r1", "a", {"large": "x" * 100_000})])
    assert told(caught, path) == (
        "{path}: the disk is full\n  hint: free some space on the disk of {folder}, then start again"
    )
    assert [one.state for one in store.task_runs("r1")] == ["pending", "pending"]
    store.connection.execute("PRAGMA max_page_count = 1000000").fetchall()
    store.record([moved("a", _T.PENDING, _T.SUBMITTED, 0, 1)])


FILL = """
import resource, sys
from adapters.store.history import Diary
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.changes import OutputsSaved
from tetra_orchestrator.errors import CannotWrite

store = SqliteStore(sys.argv[1])
Diary(store).open("r1", "a")
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    for n in range(1000):
        store.record([OutputsSaved("r1", "a", {"n": n, "large": "x" * 20_000})])
        print(n)
except CannotWrite as error:
    print(error.code)
"""


def test_49_a_limit_on_file_sizes_is_told_and_what_was_kept_stays(path: str) -> None:
    with python(FILL, path) as child:
        *kept, last = (child.stdout or ()).read().split()  # type: ignore[union-attr]
    assert (child.returncode, last) == (0, "cannot_write")
    with closing(SqliteStore(path)) as store:
        assert store.task_runs("r1")[0].outputs == {"n": int(kept[-1]), "large": "x" * 20_000}
        assert pragma(store, "integrity_check") == "ok"


# -- several processes --------------------------------------------------------------------------------------------


def test_two_writers_share_a_file(diary: Diary, path: str) -> None:
    with closing(SqliteStore(path)) as other:
        diary.store.record([moved("a", _T.PENDING, _T.SUBMITTED, 0, 1)])
        other.record([moved("b", _T.PENDING, _T.SUBMITTED, 0, 1), moved("a", _T.SUBMITTED, _T.RUNNING, 1, 1)])
        with pytest.raises(StateConflict):
            diary.store.record([moved("a", _T.SUBMITTED, _T.RUNNING, 1, 1)])
        assert diary.store.task_runs("r1") == other.task_runs("r1")


def test_a_batch_has_the_write_lock_from_its_start(diary: Diary, path: str) -> None:
    verdicts = []

    def changes() -> Iterator[Change]:
        with closing(apsw.Connection(path)) as other, pytest.raises(apsw.BusyError):
            other.execute("BEGIN IMMEDIATE")
        verdicts.append("locked out")
        yield moved("a", _T.PENDING, _T.SUBMITTED, 0, 1)

    diary.store.record(changes())
    assert verdicts == ["locked out"]


def test_54_a_store_locked_by_another_process_is_told(diary: Diary, store: SqliteStore, path: str) -> None:
    store.connection.set_busy_timeout(20)
    with closing(apsw.Connection(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            store.record([moved("a", _T.PENDING, _T.SUBMITTED, 0, 1)])
    assert told(caught, path) == (
        "{path}: another process has kept the store locked for 10 s"
        "\n  hint: see who with `fuser {path}` and let it finish"
    )
    assert (caught.value.code, caught.value.exit_code) == ("store_busy", Exit.UNAVAILABLE)
    store.record([moved("a", _T.PENDING, _T.SUBMITTED, 0, 1)])


OPEN_AND_WRITE = """
import sys
from adapters.store.history import Diary
from tetra_orchestrator.adapters.store.sqlite import SqliteStore

sys.stdin.readline()
store = SqliteStore(sys.argv[1])
for n in range(20):
    Diary(store).open(f"{sys.argv[2]}-{n}", "a", "b")
store.close()
"""


def test_processes_that_open_a_new_store_at_once_all_write_into_the_same(path: str) -> None:
    children = [python(OPEN_AND_WRITE, path, str(number), stdin=subprocess.PIPE) for number in range(6)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        child.communicate(timeout=30)
    assert [child.returncode for child in children] == [0] * 6
    with closing(SqliteStore(path)) as store:
        found = {one.run_id for one in store.runs(limit=1000)}
    assert found == {f"{number}-{n}" for number in range(6) for n in range(20)}
    assert sorted(os.listdir(os.path.dirname(path))) == ["tetra.db", "tetra.db.reserve"]


def test_no_reader_keeps_a_writer_from_emptying_the_journal(diary: Diary, store: SqliteStore, path: str) -> None:
    store.runs()
    store.task_runs("r1")
    with closing(apsw.Connection(path)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0] == 0


# -- what the tables themselves refuse ----------------------------------------------------------------------------

REFUSED = [
    ("UPDATE runs SET state = 'running' WHERE run_id = 'done'", "a terminal run never changes"),
    ("UPDATE task_runs SET state = 'pending' WHERE state = 'succeeded'", "a terminal task never changes"),
    ("UPDATE attempts SET exit_code = 1", "an ended attempt never changes"),
    ("UPDATE events SET seq = 7", "events are only added"),
    ("UPDATE runs SET state = 'paused' WHERE run_id = 'r1'", "CHECK constraint failed: state IN"),
    ("UPDATE task_runs SET state = 'done' WHERE task_id = 'b'", "CHECK constraint failed: state IN"),
    ("UPDATE task_runs SET attempts = 'many' WHERE task_id = 'b'", "cannot store TEXT value in INTEGER column"),
    ("INSERT INTO task_runs SELECT NULL, 99, 'z', 'z', 0, 'pending', 0, NULL, NULL, NULL, NULL, 0", "FOREIGN KEY"),
    ("INSERT INTO slots (schedule, slot, mode, outcome) VALUES ('weekly', 1, 'weekly', 'ran')", "UNIQUE"),
    ("INSERT INTO slots (schedule, slot, mode, outcome) VALUES ('weekly', 2, 'weekly', 'well')", "CHECK"),
]


@pytest.mark.parametrize(("query", "reason"), REFUSED)
def test_the_tables_hold_the_rules_against_anybody(diary: Diary, store: SqliteStore, query: str, reason: str) -> None:
    diary.end("r1", a=_T.SUCCEEDED)
    diary.try_once("r1", "a", 1, Exited(0))
    store.record([EventLogged(event(1))])
    store.open_run(run("done")._replace(state="succeeded"), [], [], "")
    rows(store, "INSERT INTO slots (schedule, slot, mode, outcome) VALUES ('weekly', 1, 'weekly', 'expected')")
    with pytest.raises(apsw.ConstraintError, match=reason):
        rows(store, query)


def test_all_tables_and_views_are_there(store: SqliteStore) -> None:
    named = rows(store, "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'")
    expected = (
        "runs task_runs attempts outputs events slots pauses backfills configs pipelines alerts metrics requests"
        " schedules schema_version pipeline_state pipeline_runs partitions results letters marks"
    )
    assert {name for (name,) in named} == set(expected.split())  # type: ignore[misc]


def test_every_table_is_strict(store: SqliteStore) -> None:
    loose = rows(store, "SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict AND schema = 'main'")
    assert [name for (name,) in loose if not name.startswith("sqlite_")] == []  # type: ignore[misc]


def explained(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How SQLite would find what the store asks for from now on, to which nothing is answered."""
    plans: list[str] = []

    def explain(query: str, *values: object) -> list[object]:
        plans.extend(row[3] for row in rows(store, f"EXPLAIN QUERY PLAN {query}", *values))  # type: ignore[index]
        return []

    monkeypatch.setattr(store._db, "rows", explain)
    return plans


def test_what_the_hot_commands_ask_does_not_grow_with_the_history(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = explained(store, monkeypatch)
    store.runs(active=True)
    store.runs(limit=1)
    store.summaries()
    store.expected_s()
    store.requests("r1")
    scans = {line for line in plans if line.startswith("SCAN")}
    assert scans == {"SCAN runs USING INDEX active_runs", "SCAN runs", "SCAN pipelines", "SCAN found", "SCAN tasks"}


def test_what_is_asked_of_alerts_behind_every_run_grows_with_nothing_but_what_is_open(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[str] = []

    def explain(query: str, *values: object) -> list[object]:
        plans.extend(row[3] for row in rows(store, f"EXPLAIN QUERY PLAN {query}", *values))  # type: ignore[index]
        return found(query, *values)

    failed = Alert(0, "pipeline_failed:a", "pipeline_failed", "high", "a", "a failed", "", "", (), AT)
    store.alerts.file([Filed(failed, (("mail", "raised", AT),))])
    found = store._db.rows
    monkeypatch.setattr(store._db, "rows", explain)
    assert (store.alerts_standing(), len(store.alerts.claim(AT, AT))) == ((0, 1), 1)
    store.alerts.sent_since("mail", AT)
    store.alerts.outdated(AT)
    store.alerts.untold()
    store.alerts.open()
    store.alerts.last("pipeline_failed:a")
    store.alerts.deliveries(7)
    store.alerts.deliveries(unsent=True)
    touched = {line for line in plans if line.startswith(("SCAN", "SEARCH"))}
    assert touched == {
        "SCAN CONSTANT ROW",
        "SCAN alerts USING INDEX open_alerts",
        "SCAN found",
        "SCAN letters USING INDEX unsent_letters",
        "SCAN runs USING INDEX untold_runs",
        "SEARCH alerts USING COVERING INDEX ended_alerts (resolved_at<?)",
        "SEARCH alerts USING INDEX alerts_of_causes (key=?)",
        "SEARCH letters USING COVERING INDEX sent_letters (channel=? AND sent_at>?)",
        "SEARCH letters USING INDEX letters_of_alerts (alert=?)",
        "SEARCH letters USING INDEX unsent_letters (due_at<?)",
        "SEARCH letters USING INTEGER PRIMARY KEY (rowid=?)",
    }


@pytest.mark.parametrize("before", [None, "r1"])
def test_the_latest_runs_of_a_pipeline_are_found_without_its_older_ones(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    plans = explained(store, monkeypatch)
    store.search(RunFilter(pipeline="a", before=before), 20)
    store.runs(limit=1, pipeline="a")
    walked = "SEARCH task_runs USING COVERING INDEX task_runs_of_pipeline (pipeline=? AND run<?)"
    assert {line for line in plans if "task_runs" in line} <= {walked, walked.replace(" AND run<?", "")}
    assert "SEARCH runs USING INTEGER PRIMARY KEY (rowid=?)" in plans
    assert not any("SCAN" in line or "TEMP B-TREE FOR DISTINCT" in line for line in plans)


@pytest.mark.parametrize(
    "wanted",
    [
        RunFilter(),
        RunFilter(pipeline="a", mode="daily", states=("failed", "lost"), tags=("team=risk",)),
        RunFilter(since=AT, until=AT, before="r1", backfill="b1"),
    ],
)
def test_looking_back_reads_the_rows_of_runs_and_none_of_tasks(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, wanted: RunFilter
) -> None:
    plans = explained(store, monkeypatch)
    store.search(wanted, 20)
    store.named("2026", 4)
    touched = {line for line in plans if line.startswith(("SCAN", "SEARCH"))}
    assert "SCAN runs" in touched
    assert {line for line in touched if "runs" not in line.split()} <= {
        "SEARCH task_runs USING COVERING INDEX task_runs_of_pipeline (pipeline=?)",
        "SEARCH task_runs USING COVERING INDEX task_runs_of_pipeline (pipeline=? AND run=?)",
    }


# -- the documented views -----------------------------------------------------------------------------------------


def test_the_views_have_the_documented_columns(store: SqliteStore) -> None:
    columns = {
        view: [name for (name,) in rows(store, f"SELECT name FROM pragma_table_info('{view}')")]  # type: ignore[misc]
        for view in ("pipeline_state", "pipeline_runs")
    }
    assert columns == {
        "pipeline_state": [
            "pipeline_name", "last_run_timestamp", "last_run_status", "last_run_duration_seconds", "next_scheduled_run",
            "current_status", "metadata",
        ],
        "pipeline_runs": [
            "run_id", "pipeline_name", "start_time", "end_time", "status", "records_processed", "error_message",
            "log_file_path", "metadata",
        ],
    }  # fmt: skip


def finished(diary: Diary) -> None:
    """Run r1: `a` succeeded with 5 records in 2 s, `b` failed after 1 s."""
    changes = []
    for name, after, code, lasted in (("a", _T.SUCCEEDED, 0, 2.0), ("b", _T.FAILED, 3, 1.4)):
        why = Reason("ended", f"exited with code {code}")
        changes += [
            moved(name, _T.PENDING, _T.SUBMITTED, 0, 1, AT),
            AttemptOpened(attempt(name, 1)),
            AttemptClosed("r1", name, 1, Exited(code), later(lasted)),
            moved(name, _T.SUBMITTED, after, 1, 1, later(lasted), why),
        ]
    saved = OutputsSaved("r1", "a", {"records_processed": 5, "other": "x"})
    diary.store.record([*changes, saved, RunMoved("r1", _R.RUNNING, _R.FAILED, later(2))])


def test_a_pipelines_run_is_a_row_in_the_documented_words(diary: Diary, store: SqliteStore) -> None:
    finished(diary)
    a, b = records(store, "SELECT * FROM pipeline_runs ORDER BY run_id")
    metadata = json.loads(str(a.pop("metadata")))
    assert metadata == {
        "run_id": "r1", "mode": "daily", "trigger": "manual", "attempts": 1, "config_version": "0" * 64
    }  # fmt: skip
    assert a == {
        "run_id": 1, "pipeline_name": "a", "start_time": "2026-03-01T20:00:00.000Z",
        "end_time": "2026-03-01T20:00:02.000Z", "status": "success", "records_processed": 5, "error_message": None,
        "log_file_path": "/logs/a.1.log",
    }  # fmt: skip
    assert (b["run_id"], b["status"], b["records_processed"]) == (2, "failed", None)
    assert b["error_message"] == "b: exited with code 3"


def test_a_pipelines_state_is_a_row_in_the_documented_words(diary: Diary, store: SqliteStore) -> None:
    finished(diary)
    a, b = records(store, "SELECT * FROM pipeline_state ORDER BY pipeline_name")
    assert a == {
        "pipeline_name": "a", "last_run_timestamp": "2026-03-01T20:00:02.000Z", "last_run_status": "success",
        "last_run_duration_seconds": 2, "next_scheduled_run": None, "current_status": "idle", "metadata": None,
    }  # fmt: skip
    assert (b["last_run_status"], b["last_run_duration_seconds"]) == ("failed", 1)


def test_a_pipelines_runs_are_numbered_upwards(diary: Diary, store: SqliteStore) -> None:
    diary.open("r2", "b", "a")
    found = rows(store, "SELECT run_id, json_extract(metadata, '$.run_id') FROM pipeline_runs ORDER BY run_id")
    assert found == [(1, "r1"), (2, "r1"), (3, "r2"), (4, "r2")]


STATUS = "SELECT last_run_status, current_status FROM pipeline_state WHERE pipeline_name = 'a'"


def test_a_pipeline_is_running_while_its_tasks_are_and_keeps_its_last_status(diary: Diary, store: SqliteStore) -> None:
    assert rows(store, STATUS) == [(None, "running")]
    assert rows(store, "SELECT status, end_time FROM pipeline_runs LIMIT 1") == [("running", None)]
    diary.end("r1", a=_T.PARTIAL)
    assert rows(store, STATUS) == [("partial", "idle")]
    diary.open("r2", "a")
    assert rows(store, STATUS) == [("partial", "running")]


def test_a_pipeline_of_a_queued_run_is_scheduled(store: SqliteStore) -> None:
    Diary(store).open("r1", "a")
    rows(store, "UPDATE runs SET state = 'queued'")
    assert rows(store, STATUS) == [(None, "scheduled")]


@pytest.mark.parametrize(
    ("state", "status"),
    [("succeeded", "success"), ("partial", "partial")]
    + [(state, "failed") for state in ("failed", "timed_out", "cancelled", "lost", "upstream_failed")],
)
def test_every_ending_has_its_documented_word(store: SqliteStore, state: str, status: str) -> None:
    store.open_run(run("r1"), [task("r1", "a", 0)._replace(state=state, finished_at=later(DAY))], [], "")
    assert rows(store, "SELECT status FROM pipeline_runs") == [(status,)]


def test_a_pipeline_that_was_only_skipped_did_not_run(store: SqliteStore) -> None:
    store.open_run(run("r1"), [task("r1", "a", 0)._replace(state="skipped", finished_at=AT)], [], "")
    assert rows(store, "SELECT * FROM pipeline_runs") == []


# -- cost ---------------------------------------------------------------------------------------------------------


READ = """
import sys
from tetra_orchestrator.adapters.store.sqlite import SqliteStore

store = SqliteStore(sys.argv[1])
store.runs(active=True)
store.summaries()
store.close()
print(*sys.modules)
"""


def test_opening_an_existing_store_imports_nothing_heavy(path: str) -> None:
    written(path)
    with python(READ, path) as child:
        loaded = set((child.stdout or ()).read().split())  # type: ignore[union-attr]
    assert "apsw" in loaded
    heavy = {"typing", "dataclasses", "pathlib", "json", "contextlib", "re", "sqlite3", "apsw.ext", "inspect"}
    assert loaded & heavy == set()
    assert "tetra_orchestrator.adapters.store.sqlite_schema" not in loaded
