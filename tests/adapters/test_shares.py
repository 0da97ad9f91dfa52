"""What the live runs of a project take of what they share."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tetra_orchestrator.adapters.locks import shares as shares_module
from tetra_orchestrator.adapters.locks.shares import RunShares
from tetra_orchestrator.adapters.locks.table import Busy, LockTable
from tetra_orchestrator.errors import CannotWrite

TAKE = """
import sys
sys.path[:0] = {path!r}
from tetra_orchestrator.adapters.locks.table import LockTable
with LockTable({folder!r}).shares({run_id!r}, {parent!r}) as shares:
    for line in sys.stdin:
        with shares.turn() as others:
            shares.take(eval(line))
        print(sorted(others.items()), flush=True)
"""

SCRAMBLE = """
import sys
sys.path[:0] = {path!r}
from tetra_orchestrator.adapters.locks.table import LockTable
mine = got = 0
with LockTable({folder!r}).shares({run_id!r}) as shares:
    for turn in range(500):
        with shares.turn() as others:
            if others is None:
                continue
            assert others.get("db", 0) + mine <= 2, (others, mine)
            mine = 0 if mine or others.get("db", 0) >= 2 else 1
            got += mine
            shares.take({{"db": mine}})
print(got)
"""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "locks")


@pytest.fixture
def table(folder: str) -> LockTable:
    return LockTable(folder)


class Elsewhere:
    """A run in a process of its own, which takes what it is told to and answers what others take."""

    def __init__(self, process: subprocess.Popen[str]):
        self.process = process

    def take(self, **amounts: int) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{amounts}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def end(self) -> None:
        """Let it end by itself."""
        self.process.communicate(timeout=30)


@contextmanager
def another(folder: str, run_id: str = "other", parent: str | None = None):
    script = TAKE.format(path=sys.path, folder=folder, run_id=run_id, parent=parent)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script], text=True, **pipes) as process:
        yield Elsewhere(process)
        process.kill()


def others_of(shares: RunShares) -> dict[str, int] | None:
    with shares.turn() as others:
        return others if others is None else dict(others)


def take(shares: RunShares, **amounts: int) -> None:
    with shares.turn():
        shares.take(amounts)


def test_a_run_alone_sees_nothing_and_leaves_nothing(table: LockTable, folder: str) -> None:
    with table.shares("mine") as mine:
        take(mine, db=1)
        assert others_of(mine) == {}
        assert table.is_held("run-mine")
    assert not table.is_held("run-mine")
    assert os.listdir(folder) == ["gate.lock"]


def test_two_processes_see_what_each_other_takes_at_the_moment(table: LockTable, folder: str) -> None:
    with table.shares("mine") as mine, another(folder) as other:
        take(mine, db=1, api=3)
        assert other.take(db=2) == "[('api', 3), ('db', 1)]\n"
        assert others_of(mine) == {"db": 2}
        take(mine)
        assert other.take() == "[]\n"
        assert others_of(mine) == {}


def test_runs_that_scramble_for_the_same_never_have_more_than_there_is(folder: str) -> None:
    scripts = [SCRAMBLE.format(path=sys.path, folder=folder, run_id=name) for name in "abc"]
    running = [subprocess.Popen([sys.executable, "-c", one], stdout=subprocess.PIPE, text=True) for one in scripts]
    got = [int(process.communicate(timeout=60)[0] or 0) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert any(got)
    assert os.listdir(folder) == ["gate.lock"]


def test_amounts_of_several_runs_add_up(table: LockTable) -> None:
    with table.shares("mine") as mine, table.shares("one") as one, table.shares("two") as two:
        take(one, db=1)
        take(two, db=2, api=1)
        assert others_of(mine) == {"db": 3, "api": 1}
        assert others_of(one) == {"db": 2, "api": 1}


def test_a_run_that_begins_sees_what_is_taken_already(table: LockTable, folder: str) -> None:
    with table.shares("mine") as mine:
        take(mine, db=1)
        with another(folder) as other:
            assert other.take() == "[('db', 1)]\n"


def test_what_a_run_takes_is_free_when_it_has_ended(table: LockTable, folder: str) -> None:
    with table.shares("mine") as mine, another(folder) as other:
        other.take(db=2)
        assert others_of(mine) == {"db": 2}
        other.end()
        assert others_of(mine) == {}
        assert sorted(os.listdir(folder)) == ["gate.lock", "run-mine.lock"]


def test_fault_31_what_a_killed_run_took_is_free_and_its_file_goes(table: LockTable, folder: str) -> None:
    with table.shares("mine") as mine, another(folder) as other:
        other.take(db=2)
        assert others_of(mine) == {"db": 2}
        other.process.send_signal(signal.SIGKILL)
        other.process.wait(5)
        assert os.path.exists(f"{folder}/run-other.lock")
        assert others_of(mine) == {}
        assert not os.path.exists(f"{folder}/run-other.lock")


def test_a_run_that_begins_removes_the_file_that_a_dead_one_left(table: LockTable, folder: str) -> None:
    with another(folder) as other:
        other.take(db=2)
        other.process.send_signal(signal.SIGKILL)
        other.process.wait(5)
    with table.shares("mine") as mine:
        assert sorted(os.listdir(folder)) == ["gate.lock", "run-mine.lock"]
        assert others_of(mine) == {}


def test_while_one_has_its_turn_no_other_looks_or_takes(table: LockTable) -> None:
    with table.shares("mine") as mine, table.shares("other") as other:
        with mine.turn() as seen:
            assert seen == {}
            with other.turn() as unknown:
                assert unknown is None
                other.take({"db": 1})
            mine.take({"db": 2})
        assert others_of(mine) == {}, "what is taken outside of a turn does not count"
        assert others_of(other) == {"db": 2}


def test_locks_wait_for_the_end_of_a_turn(table: LockTable, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setattr("tetra_orchestrator.adapters.locks.table._GATE_LIMIT_S", 0.02)
    with table.shares("mine") as mine:
        with mine.turn():
            assert table.acquire(["a"]) == Busy("gate", "")
        with table.held(["a"], "run mine"):
            pass


def test_a_run_does_not_count_what_its_ancestors_take(table: LockTable, folder: str) -> None:
    with table.shares("top") as top, table.shares("middle", "top") as middle:
        take(top, db=1)
        take(middle, db=2)
        assert others_of(middle) == {}
        assert others_of(top) == {"db": 2}
        with another(folder, "bottom", parent="middle") as bottom, table.shares("stranger") as stranger:
            take(stranger, db=8)
            assert bottom.take(db=4) == "[('db', 8)]\n"
            assert others_of(top) == {"db": 2 + 4 + 8}
            assert others_of(stranger) == {"db": 1 + 2 + 4}


def test_a_parent_of_another_project_is_nothing_to_leave_out(table: LockTable) -> None:
    with table.shares("one") as one, table.shares("mine", "foreign") as mine:
        take(one, db=1)
        assert others_of(mine) == {"db": 1}


def test_the_file_says_whose_it_is_and_what_that_takes(table: LockTable, folder: str) -> None:
    with table.shares("mine", "above") as mine:
        with mine.turn():
            mine.take({"host.places": 2, "tenant acme": 1})
        path = Path(folder, "run-mine.lock")
        assert path.read_text() == f"pid {os.getpid()}, run mine\nparent=above\nhost.places=2\ntenant acme=1\n"
        take(mine)
        assert path.read_text() == f"pid {os.getpid()}, run mine\nparent=above\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_pool_may_be_called_like_one_of_our_own_words(table: LockTable) -> None:
    with table.shares("mine", "above") as mine, table.shares("other", "mine") as other:
        take(other, parent=1, beside=2)
        assert others_of(mine) == {"parent": 1, "beside": 2}
        with table.shares("third", "other") as third:
            assert others_of(third) == {}


@pytest.mark.parametrize("rest", [b"", b"\xff\xfe=7\n", b"db=\n=\ndb=-1\ndb=1e3\nno sign\n", b"db"])
def test_a_line_that_says_nothing_is_passed_over(table: LockTable, folder: str, rest: bytes) -> None:
    with table.shares("mine") as mine, table.shares("other") as other:
        take(other, api=1)
        with open(f"{folder}/run-other.lock", "ab") as file:
            file.write(rest)
        assert (others_of(mine) or {}).get("api") == 1
        assert not (others_of(mine) or {}).get("db")


def test_nothing_is_written_while_nothing_changes(table: LockTable, folder: str) -> None:
    with table.shares("mine") as mine:
        take(mine, db=1)
        before = os.stat(f"{folder}/run-mine.lock").st_mtime_ns
        os.utime(f"{folder}/run-mine.lock", ns=(1, 1))
        take(mine, db=1)
        assert os.stat(f"{folder}/run-mine.lock").st_mtime_ns == 1
        take(mine, db=2)
        assert os.stat(f"{folder}/run-mine.lock").st_mtime_ns >= before


def test_many_that_begin_between_two_turns_are_all_seen(table: LockTable) -> None:
    names = [f"{'x' * 90}{n}" for n in range(60)]
    with table.shares("mine") as mine:
        held = [table.shares(name) for name in names]
        for one in held:
            take(one.__enter__(), db=1)
        assert others_of(mine) == {"db": 60}
        for one in held:
            one.__exit__()
        assert others_of(mine) == {}


def test_fault_36_files_removed_by_hand_part_the_runs_and_harm_none(table: LockTable, folder: str) -> None:
    with table.shares("mine") as mine, table.shares("other") as other:
        take(other, db=1)
        assert others_of(mine) == {"db": 1}
        for name in os.listdir(folder):
            os.unlink(f"{folder}/{name}")
        assert others_of(mine) == {"db": 1}
        with table.shares("later") as later:
            take(later, db=1)
            assert others_of(later) == {}
            assert others_of(mine) == {"db": 1}


def test_a_start_that_fails_leaves_the_gate_open_and_no_descriptor(
    table: LockTable, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> int:
        raise OSError(28, "No space left on device")

    with table.shares("one"):
        before = len(os.listdir("/dev/fd"))
        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", full)
            with pytest.raises(CannotWrite) as caught:
                table.shares("mine").__enter__()
        assert caught.value.message == f"cannot write {folder}/run-mine.lock: No space left on device"
        assert len(os.listdir("/dev/fd")) == before
        os.close(table.gate())
        assert sorted(os.listdir(folder)) == ["gate.lock", "run-one.lock"]


def test_a_stopped_run_holds_up_others_only_for_a_moment(
    table: LockTable, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares_module, "_GATE_LIMIT_S", 0.0)
    with table.shares("mine") as mine:
        gate = os.open(f"{folder}/gate.lock", os.O_RDWR)
        fcntl.flock(gate, fcntl.LOCK_EX)
        assert others_of(mine) is None
        os.close(gate)
        assert others_of(mine) == {}


def test_a_run_that_cannot_be_looked_at_for_the_moment_is_looked_at_later(
    table: LockTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(path: str, *args: object) -> int:
        raise OSError(24, "Too many open files")

    with table.shares("mine") as mine, table.shares("other") as other:
        take(other, db=1)
        with monkeypatch.context() as patched:
            patched.setattr(os, "open", exhausted)
            with mine.turn() as unknown:
                mine.take({"db": 1})
        assert unknown is None
        assert others_of(mine) == {"db": 1}
        assert others_of(other) == {}


def test_a_run_of_another_user_is_not_counted(table: LockTable, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: str, *args: object) -> int:
        raise PermissionError(13, "Permission denied")

    with table.shares("mine") as mine, table.shares("other") as other:
        take(other, db=1)
        with monkeypatch.context() as patched:
            patched.setattr(os, "open", denied)
            assert others_of(mine) == {}
