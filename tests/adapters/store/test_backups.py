"""Copies of a SQLite store while it is in use, and putting one in its place, whatever has become of the store."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

import apsw
import pytest

from adapters.store.history import AT, Diary, event
from adapters.store.test_migrations import child, copies, dump, frozen, told
from tetra_orchestrator import failpoints
from tetra_orchestrator.adapters.store import sqlite_upkeep
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.adapters.store.sqlite_backup import folder_of
from tetra_orchestrator.adapters.store.sqlite_restore import restore
from tetra_orchestrator.adapters.store.sqlite_upkeep import back_up, plan
from tetra_orchestrator.core.changes import EventLogged
from tetra_orchestrator.errors import CannotWrite, NotNow, StoreError, UsageError

RESTORED = ("restored",)
BEFORE = ("before",)


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "my state" / "tetra.db")


@pytest.fixture
def copy(tmp_path: Path) -> str:
    """A copy of another store, with a run called `restored`."""
    other = str(tmp_path / "other" / "tetra.db")
    filled(other, *RESTORED)
    return back_up(other, str(tmp_path / "copy.db"), replace=False).path


def filled(path: str, *runs: str) -> None:
    with closing(SqliteStore(path)) as store:
        for run_id in runs:
            Diary(store).open(run_id, "a")


def runs(path: str) -> tuple[str, ...]:
    """The runs in the store, which is whole."""
    with closing(SqliteStore(path)) as store:
        assert [one.severity for one in (*store.diagnose(), *store.check())] == ["ok"] * 5
        return tuple(run.run_id for run in store.runs())


def kept(path: str) -> str:
    """The one store that a restore has put aside."""
    [name] = [name for name in copies(path) if name.startswith("tetra-replaced-") and name.endswith(".db")]
    return os.path.join(folder_of(path), name)


#: Makes so many commits, or as many as it can, says of each what it was, waits to be killed, and leaves a journal.
RECORD = """
import signal
import sys
from adapters.store.history import Diary, event
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.core.changes import EventLogged

store = SqliteStore(sys.argv[1])
Diary(store).open("before", "a")
for n in range(1, int((sys.argv[2:] or [1_000_000])[0]) + 1):
    store.record([EventLogged(event(seq)._replace(run_id="before")) for seq in (2 * n - 1, 2 * n)])
    print(n, flush=True)
signal.pause()
"""


def killed(path: str, commits: int = 10) -> None:
    """A store whose last commits are only in the journal that a killed process has left beside it."""
    with child(RECORD, path, str(commits)) as process:
        assert process.stdout is not None
        for _ in range(commits):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert os.path.getsize(f"{path}-wal")


# -- copies -------------------------------------------------------------------------------------------------------


def test_fault_60_a_copy_that_is_made_while_others_write_is_a_moment_of_the_store(path: str, tmp_path: Path) -> None:
    seen = []
    with child(RECORD, path) as process:
        assert process.stdout is not None
        for number in range(5):
            told_of = int(process.stdout.readline())
            made = back_up(path, str(tmp_path / f"{number}.db"), replace=False)
            with closing(SqliteStore(made.path)) as store:
                events = [one.seq for one in store.events("before")]
                assert store.connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert events == list(range(1, len(events) + 1))
            assert len(events) % 2 == 0
            assert len(events) >= 2 * told_of
            seen.append(len(events))
        process.kill()
    assert seen == sorted(seen)


def test_a_copy_keeps_nobody_from_writing(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(path, *BEFORE)
    look = sqlite_upkeep._held_by
    with closing(SqliteStore(path)) as store:

        def record_meanwhile(file: str, of: str) -> object:
            store.record([EventLogged(event(1)._replace(run_id="before"))])
            return look(file, of)

        monkeypatch.setattr(sqlite_upkeep, "_held_by", record_meanwhile)
        made = back_up(path, None, replace=False)
        assert len(store.events("before")) == 1
    with closing(SqliteStore(made.path)) as copied:
        assert copied.events("before") == []


def test_a_copy_is_one_private_file_and_says_what_it_holds(path: str) -> None:
    killed(path)
    made = back_up(path, None, replace=False)
    assert (made.runs, made.last_run, made.version) == (1, "before", 6)
    assert made.path == os.path.join(folder_of(path), *copies(path))
    assert made.size_bytes == os.path.getsize(made.path)
    assert [os.stat(each).st_mode & 0o7777 for each in (made.path, folder_of(path))] == [0o600, 0o700]
    assert dump(made.path) == dump(path)


def test_a_copy_of_an_older_store_is_made_without_upgrading_it(path: str) -> None:
    frozen(path, 2)
    before = dump(path)
    assert (back_up(path, None, replace=False).version, dump(path)) == (2, before)


def test_a_copy_is_put_into_a_folder_and_over_a_file_only_when_asked(path: str, tmp_path: Path) -> None:
    filled(path, *BEFORE)
    first = back_up(path, str(tmp_path), replace=False).path
    assert os.path.dirname(first) == str(tmp_path)
    with pytest.raises(UsageError) as caught:
        back_up(path, first, replace=False)
    expected = f"{first} is there already\n  hint: add --force to write over it, or name another file or a folder"
    assert str(caught.value) == expected
    filled(path, "later")
    assert back_up(path, first, replace=True).runs == 2


@pytest.mark.parametrize("end", ["", "-wal"])
def test_a_copy_is_never_put_over_the_store_itself(path: str, tmp_path: Path, end: str) -> None:
    filled(path, *BEFORE)
    os.symlink(os.path.dirname(path), tmp_path / "link")
    with pytest.raises(UsageError, match=r"tetra.db\S* belongs to the store itself\n  hint: name another file"):
        back_up(path, str(tmp_path / "link" / f"tetra.db{end}"), replace=True)
    assert runs(path) == BEFORE


def test_a_folder_that_is_not_there_is_not_made(path: str, tmp_path: Path) -> None:
    filled(path, *BEFORE)
    with pytest.raises(UsageError) as caught:
        back_up(path, str(tmp_path / "usb" / "copy.db"), replace=False)
    assert str(caught.value) == f"there is no folder {tmp_path / 'usb'}\n  hint: make it, or mount its disk"


def spoil(path: str) -> None:
    """Overwrite a page of the file in its middle."""
    with open(path, "r+b") as file:
        file.seek(8192 + 8)
        file.write(b"\xff" * 32)


def test_of_a_damaged_store_no_copy_is_made(path: str, tmp_path: Path) -> None:
    filled(path, *(f"r{n}" for n in range(20)))
    spoil(path)
    with pytest.raises(StoreError) as caught:
        back_up(path, str(tmp_path / "copy.db"), replace=False)
    assert caught.value.code == "store_damaged"
    assert sorted(os.listdir(tmp_path)) == ["my state"]


def test_a_copy_for_which_there_is_no_room_leaves_nothing(path: str) -> None:
    filled(path, *BEFORE)
    os.mkdir(folder_of(path), 0o700)
    code = """
import resource, sys
from tetra_orchestrator.adapters.store.sqlite_upkeep import back_up
from tetra_orchestrator.errors import CannotWrite

resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    back_up(sys.argv[1], None, replace=False)
except CannotWrite as error:
    print(error.message)
"""
    process = child(code, path)
    assert process.communicate(timeout=30)[0] != ""
    assert (process.returncode, copies(path)) == (0, [])


def test_what_an_upgrade_would_do_is_told_without_doing_it(path: str) -> None:
    frozen(path, 3)
    before = dump(path)
    found = plan(path)
    assert (found.found, found.newest, found.program) == (3, 6, "0.1.0")
    assert [(step.version, step.text) for step in found.steps] == [
        (4, "the slots of schedules, and when each pipeline is due next"),
        (5, "backfills with their partitions, results that are kept, and the tags of runs"),
        (6, "alerts with their letters, what was last seen of data, and the memory and disk traffic of attempts"),
    ]
    assert found.size_bytes == os.path.getsize(path)
    assert str(found.backup).startswith(os.path.join(folder_of(path), "tetra-v3-"))
    assert (found.free_bytes or 0) > 0
    assert (dump(path), copies(path)) == (before, [])


def test_what_a_killed_copy_has_left_is_removed_by_the_next_one(path: str) -> None:
    filled(path, *BEFORE)
    os.mkdir(folder_of(path), 0o700)
    nobody, others = 999_999_999, [f"tetra-1.db.{os.getpid()}.new", "tetra-1.db", "notes.new"]
    for name in (f"tetra-1.db.{nobody}.new", f"tetra-v1-2.db.{nobody}.new", *others):
        Path(folder_of(path), name).touch()
    made = back_up(path, None, replace=False)
    assert copies(path) == sorted([*others, os.path.basename(made.path)])


# -- restoring ----------------------------------------------------------------------------------------------------


def test_a_copy_takes_the_place_of_the_store_which_is_kept(path: str, copy: str) -> None:
    filled(path, *BEFORE)
    before = dump(path)
    done = restore(path, copy, force=False)
    assert (done.store, done.source.path, done.source.runs, done.kept) == (path, copy, 1, kept(path))
    assert runs(path) == RESTORED
    assert dump(kept(path)) == before
    assert runs(kept(path)) == BEFORE
    assert os.stat(path).st_mode & 0o7777 == 0o600


def test_on_an_older_sqlite_with_its_other_journal_copies_upgrades_and_restores_are_the_same(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.40.1")
    frozen(path, 4)
    with closing(SqliteStore(path)) as store:
        assert store.connection.execute("PRAGMA journal_mode").fetchall() == [("truncate",)]
        Diary(store).open("later", "a")
        made = back_up(path, str(tmp_path / "copy.db"), replace=False)
        assert made.last_run == "later"
    assert [name[:9] for name in copies(path)] == ["tetra-v4-"]
    restore(path, os.path.join(folder_of(path), copies(path)[0]), force=False)
    assert len(runs(path)) == 2
    restore(path, made.path, force=False)
    assert runs(path)[0] == "later"


def test_what_was_only_in_the_journal_of_a_crash_is_kept_and_harms_nothing(path: str, copy: str) -> None:
    killed(path)
    restore(path, copy, force=False)
    assert not os.path.exists(f"{path}-wal")
    assert runs(path) == RESTORED
    with closing(SqliteStore(kept(path))) as store:
        assert len(store.events("before")) >= 20


def test_a_copy_takes_the_place_of_a_store_that_is_gone(path: str, copy: str) -> None:
    done = restore(path, copy, force=False)
    assert done.kept is None
    assert runs(path) == RESTORED


def test_a_journal_whose_store_is_gone_is_put_aside(path: str, copy: str) -> None:
    killed(path)
    os.unlink(path)
    done = restore(path, copy, force=False)
    assert str(done.kept).endswith(".db-wal")
    assert os.path.getsize(str(done.kept))
    assert runs(path) == RESTORED


@pytest.mark.parametrize("harm", ["no database", "cut short", "a foreign journal"])
def test_a_copy_takes_the_place_of_a_damaged_store_which_is_kept_byte_by_byte(
    path: str, copy: str, tmp_path: Path, harm: str
) -> None:
    if harm == "a foreign journal":
        larger = str(tmp_path / "larger" / "tetra.db")
        filled(larger, *(f"r{n}" for n in range(300)))
        killed(path)
        shutil.copyfile(larger, path)
    else:
        filled(path, *BEFORE)
        os.truncate(path, 20_000)
        if harm == "no database":
            Path(path).write_bytes(b"x" * 20_000)
    with pytest.raises(StoreError):
        runs(path)
    before = Path(path).read_bytes()
    restore(path, copy, force=False)
    assert Path(kept(path)).read_bytes() == before
    assert os.path.exists(f"{kept(path)}-wal") == (harm == "a foreign journal")
    assert runs(path) == RESTORED


def test_a_store_that_somebody_has_open_is_not_replaced_unless_forced(path: str, copy: str) -> None:
    with closing(SqliteStore(path)) as store:
        Diary(store).open("before", "a")
        with pytest.raises(NotNow) as caught:
            restore(path, copy, force=False)
        assert str(caught.value) == (
            f"{path}: another process has the store open\n  hint: wait until it ends (`fuser` tells which one), or add"
            " --force: it then stops at its next commit"
        )
        assert [run.run_id for run in store.runs()] == ["before"]
        store.request("before", "cancel", AT)

        restore(path, copy, force=True)
        with pytest.raises(CannotWrite, match="the store was deleted or replaced while it was in use"):
            store.request("before", "stop", AT)
    assert runs(path) == RESTORED
    with closing(SqliteStore(kept(path))) as old:
        assert old.requests("before") == ["cancel"]


def test_an_older_copy_is_upgraded_when_the_store_is_opened_next(path: str, tmp_path: Path) -> None:
    filled(path, *BEFORE)
    old = str(tmp_path / "old" / "tetra.db")
    frozen(old, 1)
    assert restore(path, old, force=False).source.version == 1
    assert runs(path) == ("20261121T113744Z-a4ui76",)
    assert [name[:9] for name in copies(path)] == ["tetra-rep", "tetra-v1-"]


def test_a_copy_with_a_journal_beside_it_is_restored_with_what_that_holds(path: str, tmp_path: Path) -> None:
    other = str(tmp_path / "other" / "tetra.db")
    killed(other, commits=5)
    restore(path, other, force=False)
    with closing(SqliteStore(path)) as store:
        assert len(store.events("before")) >= 10


def useless(tmp_path: Path, copy: str) -> dict[str, tuple[str, str]]:
    """Files that must not become the store, with what is said of each."""
    folder = tmp_path / "my state" / "backups"
    choose = f"\n  hint: choose another one; copies are in {folder}"
    found = {}
    for name, why in {
        "short": "it is cut short",
        "cut": "database disk image is malformed",
        "text": "file is not a database",
        "incomplete": "it lacks the column runs.tags",
    }.items():
        file = tmp_path / name
        shutil.copyfile(copy, file)
        found[name] = str(file), f"{file}: this is no copy of a store: {why}{choose}"
    os.truncate(tmp_path / "short", 99)
    os.truncate(tmp_path / "cut", 50_000)
    (tmp_path / "text").write_text("text\n" * 100)
    with closing(apsw.Connection(found["incomplete"][0])) as db:
        db.execute("ALTER TABLE runs DROP COLUMN tags")
    return found


@pytest.mark.parametrize("name", ["short", "cut", "text", "incomplete"])
def test_a_file_that_is_no_whole_copy_is_refused_and_the_store_stays(
    path: str, copy: str, tmp_path: Path, name: str
) -> None:
    filled(path, *BEFORE)
    file, message = useless(tmp_path, copy)[name]
    with pytest.raises(StoreError) as caught:
        restore(path, file, force=True)
    assert str(caught.value) == message
    assert caught.value.code == "backup_damaged"
    assert (runs(path), copies(path)) == (BEFORE, [])


def test_a_copy_of_a_newer_program_and_of_another_one_are_refused(path: str, copy: str, tmp_path: Path) -> None:
    filled(path, *BEFORE)
    with closing(apsw.Connection(copy)) as db:
        db.execute("INSERT INTO schema_version VALUES (99, '9.1.0')")
    with pytest.raises(StoreError) as caught:
        restore(path, copy, force=True)
    assert told(caught, copy).startswith("{path}: the store was written by a newer version, 9.1.0\n")
    foreign = str(tmp_path / "foreign.db")
    with closing(apsw.Connection(foreign)) as db:
        db.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreError, match="this is a database of another program"):
        restore(path, foreign, force=True)
    assert runs(path) == BEFORE


def test_a_file_that_is_not_there_and_the_store_itself_are_refused(path: str, tmp_path: Path) -> None:
    filled(path, *BEFORE)
    with pytest.raises(UsageError) as caught:
        restore(path, str(tmp_path / "nowhere.db"), force=False)
    assert str(caught.value) == (
        f"there is no file {tmp_path}/nowhere.db\n  hint: choose another one; copies are in {folder_of(path)}"
    )
    with pytest.raises(UsageError, match=r"tetra.db is the store itself\n  hint: name a copy of it"):
        restore(path, path, force=False)


RESTORE = """
import sys
from tetra_orchestrator.adapters.store.sqlite_restore import restore

restore(sys.argv[1], sys.argv[2], force=False)
"""
PLACES = ["restore.write:1", "backup.write:1", "backup.write.commit:1"]


@pytest.mark.parametrize("place", [*PLACES, "restore.write.commit:1"])
@pytest.mark.parametrize("crashed", [False, True])
def test_a_restore_killed_anywhere_leaves_the_one_store_or_the_other(
    path: str, copy: str, place: str, crashed: bool
) -> None:
    if crashed:
        killed(path)
    else:
        filled(path, *BEFORE)
    process = child(RESTORE, path, copy, TETRA_FAILPOINT=f"{place}=kill")
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert runs(path) == (RESTORED if place.startswith("restore.write.commit") else BEFORE)
    restore(path, copy, force=False)
    assert runs(path) == RESTORED
    left = [*os.listdir(os.path.dirname(path)), *copies(path)]
    assert [name for name in left if name.endswith(".new")] == []


def test_a_restore_that_finds_the_disk_full_changes_nothing(path: str, copy: str) -> None:
    filled(path, *BEFORE)
    for place in PLACES:
        failpoints.arm(f"{place}=enospc")
        with pytest.raises(CannotWrite):
            restore(path, copy, force=False)
    failpoints.arm("")
    assert runs(path) == BEFORE


OPEN_ALL_THE_TIME = """
import sys
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.errors import TetraError

while True:
    try:
        store = SqliteStore(sys.argv[1])
        print(*(run.run_id for run in store.runs()), flush=True)
        store.close()
    except TetraError as error:
        print(error.code, flush=True)
"""


def test_who_opens_the_store_meanwhile_finds_the_one_or_the_other_and_never_none(path: str, copy: str) -> None:
    filled(path, *BEFORE)
    with child(OPEN_ALL_THE_TIME, path) as looking:
        assert looking.stdout is not None
        seen = set()
        for number in range(6):
            seen.update(words_up_to("before" if number % 2 == 0 else "restored", looking.stdout))
            source = copy if number % 2 == 0 else kept_of(BEFORE, path)
            until_restored(path, source)
        looking.send_signal(signal.SIGKILL)
        seen.update(line.strip() for line in looking.stdout)
    assert seen <= {"before", "restored", "store_busy", "cannot_write", ""}


def words_up_to(wanted: str, lines: IO[str]) -> Iterator[str]:
    for line in lines:
        yield line.strip()
        if line.strip() == wanted:
            return
    pytest.fail(f"the store was never seen {wanted}")


def kept_of(wanted: tuple[str, ...], path: str) -> str:
    """A store that was put aside with these runs in it."""
    found = [os.path.join(folder_of(path), name) for name in copies(path) if name.endswith(".db")]
    return next(each for each in found if runs(each) == wanted)


def until_restored(path: str, source: str) -> None:
    while True:
        try:
            restore(path, source, force=False)
            return
        except NotNow:
            continue
