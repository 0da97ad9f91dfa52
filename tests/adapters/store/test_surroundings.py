"""What surrounds the store's file: the mounts of the machine, who has it locked, a journal that nobody has open."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from adapters.store.history import Diary
from tetra_orchestrator.adapters.store import holders, mounts, sqlite_faults
from tetra_orchestrator.adapters.store.leftover import check_pair
from tetra_orchestrator.adapters.store.sqlite import SqliteStore
from tetra_orchestrator.errors import StoreError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def mountinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a table of mounts of (mount point, type), all of the device that `tmp_path` is on."""

    def write(*found: tuple[str, str]) -> None:
        device = os.stat(tmp_path).st_dev
        number = f"{os.major(device)}:{os.minor(device)}"
        lines = [f"27 1 {number} / {point} rw shared:1 master:2 - {kind} source rw" for point, kind in found]
        (tmp_path / "mountinfo").write_text("\n".join([f"20 1 1:1 / {tmp_path} rw - nfs elsewhere rw", *lines, ""]))

    monkeypatch.setattr(mounts, "_MOUNTS", str(tmp_path / "mountinfo"))
    return write


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "ceph", "fuse.sshfs", "fuse.rclone"])
def test_a_network_file_system_is_told_with_its_mount_point(tmp_path: Path, mountinfo, kind: str) -> None:
    mountinfo(("/", "ext4"), (str(tmp_path), kind))
    assert mounts.network_mount(str(tmp_path)) == (str(tmp_path), kind)


@pytest.mark.parametrize("kind", ["ext4", "tmpfs", "overlay", "btrfs", "fuse.gocryptfs", "fuse"])
def test_a_file_system_of_this_machine_is_none(tmp_path: Path, mountinfo, kind: str) -> None:
    mountinfo(("/", "nfs"), (str(tmp_path), kind))
    assert mounts.network_mount(str(tmp_path)) is None


def test_a_mount_point_may_have_spaces_and_neighbours_with_longer_names(tmp_path: Path, mountinfo) -> None:
    folder = tmp_path / "far away"
    folder.mkdir()
    mountinfo(("/", "ext4"), (f"{tmp_path}/far\\040away", "nfs"), (f"{tmp_path}/far\\040away\\134x", "ext4"))
    assert mounts.network_mount(str(folder)) == (str(folder), "nfs")


def test_without_a_table_of_mounts_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "_MOUNTS", str(tmp_path / "none"))
    assert mounts.network_mount(str(tmp_path)) is None


LOCKER = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
getattr(fcntl, sys.argv[2])(file, getattr(fcntl, sys.argv[3]) | fcntl.LOCK_NB)
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(path: str | Path, call: str, kind: str) -> Iterator[str]:
    """While another process has the file locked: how that process is to be described."""
    command = [sys.executable, "-c", LOCKER, str(path), call, kind]
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as locker:
        assert locker.stdout is not None
        assert locker.stdout.readline() == "locked\n"
        start = f"{sys.executable} -c {LOCKER}".replace("\n", " ")[:100]
        yield f"pid {locker.pid} ({start}...)"
        locker.communicate()


@pytest.mark.parametrize(("kind", "shown"), [("LOCK_EX", True), ("LOCK_SH", False)])
def test_who_has_a_file_locked_for_writing_is_told_with_pid_and_command(tmp_path: Path, kind: str, shown: bool) -> None:
    file = tmp_path / "file"
    file.touch()
    with locked(file, "lockf", kind) as who:
        found = holders.writers(str(tmp_path / "none"), str(file))
    assert found == ([who] if shown else [])


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "state" / "tetra.db")


def test_a_journal_is_not_looked_into_while_its_store_is_open(path: str) -> None:
    with closing(SqliteStore(path)) as store:
        Diary(store).open("r1", "a")
        with open(path, "r+b") as file:
            file.seek(4096)
            file.write(bytes(8192))
        check_pair(path)


def test_a_journal_is_looked_into_by_one_process_after_the_other(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_faults, "BUSY_S", 0)
    with closing(SqliteStore(path)) as store:
        Diary(store).open("r1", "a")
        with locked(f"{path}-wal", "flock", "LOCK_EX") as who, pytest.raises(StoreError) as caught:
            check_pair(path)
    assert str(caught.value) == (
        f"{path}: another process has kept the store locked for 0 s: {who}\n  hint: let it finish, or end it"
    )


def test_a_journal_that_is_put_away_meanwhile_needs_no_look(path: str) -> None:
    SqliteStore(path).close()
    assert not os.path.exists(f"{path}-wal")
    check_pair(path)


def test_a_store_that_is_damaged_with_and_without_its_journal_is_told_so_and_kept(path: str, tmp_path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        Diary(store).open("r1", "a")
        shutil.copytree(os.path.dirname(path), tmp_path / "crashed")
    crashed = str(tmp_path / "crashed" / "tetra.db")
    with open(crashed, "r+b") as file:
        file.truncate(40_960)
    files = {name: Path(f"{crashed}{name}").read_bytes() for name in ("", "-wal")}
    with pytest.raises(StoreError) as caught:
        SqliteStore(crashed)
    assert str(caught.value) == (
        f"{crashed}: the store is damaged\n"
        "  hint: nothing is repaired or replaced by itself: keep the file, then restore a backup or save what can"
        f" be read with `sqlite3 {crashed} .recover`"
    )
    assert {name: Path(f"{crashed}{name}").read_bytes() for name in files} == files
