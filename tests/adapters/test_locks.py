"""Locks of the kernel."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tetra_orchestrator.adapters.locks.table import Busy, Held, LockTable
from tetra_orchestrator.errors import CannotWrite, Exit, NotNow, StoreError

HOLD = """
import sys
sys.path[:0] = {path!r}
from tetra_orchestrator.adapters.locks.table import LockTable
held = LockTable({folder!r}).acquire({names!r}, "run other")
print(type(held).__name__, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "locks")


@contextmanager
def other_process(folder: str, *names: str):
    script = HOLD.format(path=sys.path, folder=folder, names=names)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script], text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Held\n"
        yield process
        process.kill()


def taken(answer: Held | Busy) -> Held:
    assert isinstance(answer, Held), answer
    return answer


def test_a_lock_is_refused_to_others_with_its_holders_name(folder: str) -> None:
    with other_process(folder, "pipeline-daily") as holder:
        assert LockTable(folder).acquire(["pipeline-daily"]) == Busy("pipeline-daily", f"pid {holder.pid}, run other")
        taken(LockTable(folder).acquire(["pipeline-other"])).release()


def test_locks_are_taken_in_name_order_all_or_none(folder: str) -> None:
    with other_process(folder, "b"):
        answer = LockTable(folder).acquire(["c", "b", "a"])
        assert isinstance(answer, Busy)
        assert answer.name == "b"
        held = taken(LockTable(folder).acquire(["c", "a"]))
        assert held.names == ("a", "c")
        held.release()


def test_who_cannot_have_the_locks_is_told_who_has_them(folder: str) -> None:
    with other_process(folder, "pipeline-daily") as holder:
        with pytest.raises(NotNow) as caught, LockTable(folder).held(["pipeline-daily"], "run mine"):
            pytest.fail("two holders")
        assert caught.value.message == f"the pipeline 'daily' is already being run by pid {holder.pid}, run other"
    with LockTable(folder).held(["pipeline-daily"], "run mine"):
        assert LockTable(folder).acquire(["pipeline-daily"]) == Busy("pipeline-daily", f"pid {os.getpid()}, run mine")
    with LockTable(folder).held(["pipeline-daily"], "run mine"):
        pass


def test_the_same_process_is_refused_too_until_it_releases(folder: str) -> None:
    table = LockTable(folder)
    held = taken(table.acquire(["a", "a"]))
    assert isinstance(table.acquire(["a"]), Busy)
    held.release()
    held.release()
    taken(table.acquire(["a"])).release()


def test_fault_31_kill_9_of_the_holder_frees_its_locks(folder: str) -> None:
    with other_process(folder, "a") as holder:
        assert isinstance(LockTable(folder).acquire(["a"]), Busy)
        holder.send_signal(signal.SIGKILL)
        holder.wait(5)
        taken(LockTable(folder).acquire(["a"])).release()


def test_a_child_does_not_inherit_a_lock(folder: str) -> None:
    held = taken(LockTable(folder).acquire(["a"]))
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        held.release()
        taken(LockTable(folder).acquire(["a"])).release()
        child.kill()


def test_fault_36_a_lock_file_replaced_meanwhile_is_not_the_lock(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(folder, "a.lock")
    real = fcntl.flock
    removed: list[int] = []

    def flock(fd: int, operation: int) -> None:
        if not removed and path.exists():
            removed.append(os.fstat(fd).st_ino)
            path.rename(f"{path}.old")
        real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    with taken(LockTable(folder).acquire(["a"])):
        assert removed
        assert path.stat().st_ino != removed[0]
        assert isinstance(LockTable(folder).acquire(["a"]), Busy)


def test_holders_who_share_a_lock_get_along_and_exclude_all_others(folder: str) -> None:
    table = LockTable(folder)
    with table.held(["a"], "one", shared=True), table.held(["a"], "two", shared=True):
        assert isinstance(table.acquire(["a"]), Busy)
    with table.held(["a"], "alone"), pytest.raises(NotNow), table.held(["a"], "one", shared=True):
        pytest.fail("shared beside one who does not share")
    with table.held(["a"], "one", shared=True):
        pass


def test_whether_a_lock_is_held_can_be_asked_without_taking_or_making_it(folder: str) -> None:
    table = LockTable(folder)
    assert not table.is_held("a")
    assert not os.path.exists(folder)
    with table.held(["a"], "one", shared=True):
        assert table.is_held("a")
    assert not table.is_held("a")
    with other_process(folder, "b") as holder:
        assert table.is_held("b")
        assert table.is_held("b")
        holder.send_signal(signal.SIGKILL)
        holder.wait(5)
        assert not table.is_held("b")
    assert not table.is_held("c")
    assert not os.path.exists(f"{folder}/c.lock")


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_fault_35_a_file_system_without_locks_is_refused_by_name(
    folder: str, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def flock(fd: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StoreError, match=r"the file system /.* has no locks") as caught:
        LockTable(folder).acquire(["a"])
    assert caught.value.exit_code == Exit.UNAVAILABLE


def test_a_gate_that_stays_shut_is_reported_not_waited_for(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tetra_orchestrator.adapters.locks.table._GATE_LIMIT_S", 0.02)
    with other_process(folder, "gate2"):
        gate = os.open(f"{folder}/gate.lock", os.O_RDWR)
        fcntl.flock(gate, fcntl.LOCK_EX)
        answer = LockTable(folder).acquire(["a"])
        with pytest.raises(NotNow) as refused:
            LockTable(folder).gate()
        os.close(gate)
    assert answer == Busy("gate", "")
    assert str(refused.value) == f"the locks in {folder} are being changed by another process\n  hint: try again"


def test_passing_the_gate_writes_nothing_as_whoever_writes_waits_for_the_disk(folder: str) -> None:
    with taken(LockTable(folder).acquire(["a"], "run mine")):
        assert os.path.getsize(f"{folder}/gate.lock") == 0
        assert os.path.getsize(f"{folder}/a.lock") > 0


def test_lock_files_are_private_and_leak_no_descriptor(folder: str) -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(5):
        with taken(LockTable(folder).acquire(["a", "b"])):
            assert isinstance(LockTable(folder).acquire(["b", "c"]), Busy)
    assert len(os.listdir("/dev/fd")) == before
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(f"{folder}/a.lock").st_mode) == 0o600


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "locks").touch()
    with pytest.raises(CannotWrite, match=r"cannot write the lock file .*: Not a directory"):
        LockTable(f"{tmp_path}/locks").acquire(["a"])


def test_of_two_that_make_the_folder_at_once_the_slower_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, mkdir = tmp_path / "state" / "locks", os.mkdir

    def overtaken(path: str, mode: int) -> None:
        mkdir(path, mode)
        mkdir(path, mode)

    monkeypatch.setattr(os, "mkdir", overtaken)
    with taken(LockTable(str(folder)).acquire(["a"])):
        assert sorted(path.name for path in folder.iterdir()) == ["a.lock", "gate.lock"]
