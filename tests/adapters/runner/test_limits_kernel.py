"""Limits that this machine's kernel keeps, in whichever version of control groups it lets us make."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tetra_orchestrator.adapters.runner.limits import cgroup
from tetra_orchestrator.adapters.runner.limits import guard as limits
from tetra_orchestrator.adapters.runner.limits.cgroup import Group, Place, find_place
from tetra_orchestrator.adapters.runner.local import LocalRunner
from tetra_orchestrator.core.facts import Bounds
from tetra_orchestrator.core.outcome import Exited, LimitExceeded, OutOfMemory, SpawnFailed
from tetra_orchestrator.ports import Ended, Launch

MB = 1 << 20
HOG = f"x = bytearray({300 * MB})"
FORKS = "import os, time\nfor _ in range(300):\n    os.fork() or (time.sleep(60), os._exit(0))"
PLACE = find_place() if sys.platform == "linux" and os.geteuid() == 0 else None


def keeps(*controllers: str) -> pytest.MarkDecorator:
    missing = set(controllers) - {name for name, _ in PLACE.folders} if PLACE else set(controllers)
    return pytest.mark.skipif(bool(missing), reason=f"no control group to be had here: {', '.join(sorted(missing))}")


@pytest.fixture
def runner() -> Iterator[LocalRunner]:
    runner = LocalRunner()
    yield runner
    runner.close()
    assert PLACE is None or left(PLACE) == []


def left(place: Place) -> list[Path]:
    return [path for _, folder in place.folders for path in Path(folder).glob(f"tetra-{os.getpid()}.*")]


def launch(tmp_path: Path, *argv: str, **bounds: object) -> Launch:
    limited = Bounds(**bounds)
    return Launch(f"token-{tmp_path.name}", argv, dict(os.environ), "/", str(tmp_path / "log"), 0.5, bounds=limited)


def ended(runner: LocalRunner, given: Launch, within_s: float = 20.0) -> Ended:
    (handle,) = runner.submit([given])
    assert isinstance(handle, str), handle
    limit = time.monotonic() + within_s
    while not (found := runner.poll([handle])):
        assert time.monotonic() < limit
        time.sleep(0.005)
    return found[0]


@keeps("memory")
@pytest.mark.parametrize(
    "argv",
    [(sys.executable, "-c", HOG), ("sh", "-c", '"$0" -c "$1"; exit 3', sys.executable, HOG)],
    ids=["the main process", "a process of it"],
)
def test_fault_4_an_attempt_over_its_memory_limit_is_told_as_out_of_memory(
    runner: LocalRunner, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    found = ended(runner, launch(tmp_path, *argv, memory_bytes=64 * MB))
    assert found.outcome == OutOfMemory(64 * MB)
    assert (found.facts.limits, found.facts.gone) == ((("memory", "enforced"),), "cgroup")


@keeps("memory")
def test_a_kill_that_has_nothing_to_do_with_memory_stays_a_signal(runner: LocalRunner, tmp_path: Path) -> None:
    found = ended(runner, launch(tmp_path, "sh", "-c", "kill -9 $$", memory_bytes=64 * MB))
    assert str(found.outcome) == "Signalled(signal=9)"


@keeps("memory")
def test_an_attempt_that_did_without_its_killed_process_has_succeeded(runner: LocalRunner, tmp_path: Path) -> None:
    line = '"$0" -c "$1" || true'
    found = ended(runner, launch(tmp_path, "sh", "-c", line, sys.executable, HOG, memory_bytes=64 * MB))
    assert found.outcome == Exited(0)


@keeps("pids")
def test_fault_12_a_fork_bomb_is_refused_more_and_leaves_nothing(runner: LocalRunner, tmp_path: Path) -> None:
    found = ended(runner, launch(tmp_path, sys.executable, "-c", FORKS, processes=20))
    assert found.outcome == Exited(1)
    assert (found.facts.limits, found.facts.gone) == ((("processes", "enforced"),), "cgroup")
    assert found.facts.note == "1 times no process could be started: its limit of processes is 20"


@keeps("pids")
def test_a_process_that_shed_session_group_and_environment_is_ended_by_its_group(
    runner: LocalRunner, tmp_path: Path
) -> None:
    found = ended(runner, launch(tmp_path, "sh", "-c", "env -i setsid -f sleep 60", processes=20))
    assert (found.outcome, found.facts.gone) == (Exited(0), "cgroup")


@keeps("cpu")
def test_an_attempt_is_held_back_to_its_share_of_cpu(tmp_path: Path) -> None:
    spin = "import time\nwhile time.process_time() < 0.1:\n    pass"
    given = launch(tmp_path, sys.executable, "-c", spin, cpu=0.05)
    guard = limits.guard(given)
    assert guard is not None
    command, env = guard.command(given.argv, given.env)
    assert os.spawnvpe(os.P_WAIT, command[0], command, env) == 0
    (folder,) = left(PLACE) if PLACE else [tmp_path]
    assert "nr_throttled 0\n" not in (folder / "cpu.stat").read_text()
    guard.close()
    assert not folder.exists()


@keeps("memory", "pids", "cpu")
def test_every_limit_holds_at_the_same_time(runner: LocalRunner, tmp_path: Path) -> None:
    bounds = {"memory_bytes": 256 * MB, "cpu": 1.0, "processes": 20, "open_files": 50, "disk_bytes": 1}
    found = ended(runner, launch(tmp_path, "sh", "-c", "ulimit -n", folder=str(tmp_path), **bounds))
    assert (found.outcome, (tmp_path / "log").read_text()) == (Exited(0), "50\n")
    assert dict(found.facts.limits) == {
        "memory": "enforced",
        "cpu": "enforced",
        "processes": "enforced",
        "open_files": "enforced",
        "disk": "watched",
    }


@keeps("pids")
def test_kill_ends_everything_in_the_group_and_close_removes_it(tmp_path: Path) -> None:
    given = launch(tmp_path, "sh", "-c", "sleep 60 & setsid -f sleep 60; sleep 60", processes=20)
    guard = limits.guard(given)
    assert guard is not None
    command, env = guard.command(given.argv, given.env)
    pid = os.posix_spawnp(command[0], command, env, setsid=True)
    limit = time.monotonic() + 10
    while guard.empty():
        assert time.monotonic() < limit
    assert guard.kill()
    os.waitpid(pid, 0)
    while not guard.empty():
        assert time.monotonic() < limit
        guard.kill()
    assert guard.kill()
    guard.close()
    assert PLACE is not None
    assert left(PLACE) == []


@keeps("pids")
def test_a_command_whose_group_was_taken_away_does_not_start(runner: LocalRunner, tmp_path: Path) -> None:
    given = launch(tmp_path, "touch", str(tmp_path / "ran"), processes=20)
    guard = limits.guard(given)
    assert guard is not None
    command, env = guard.command(given.argv, given.env)
    guard.close()
    assert guard.cause(Exited(os.spawnvpe(os.P_WAIT, command[0], command, env))) == SpawnFailed(
        "ENOENT", "its control group cannot be entered: No such file or directory"
    )
    guard.close()
    assert list(tmp_path.iterdir()) == []


@keeps("pids")
def test_a_later_run_removes_the_empty_group_of_one_that_died(tmp_path: Path) -> None:
    script = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from tetra_orchestrator.adapters.runner.limits import cgroup
from tetra_orchestrator.adapters.runner.limits import guard as limits
from tetra_orchestrator.core.facts import Bounds
from tetra_orchestrator.ports import Launch
guard = limits.guard(Launch("orphan", ("true",), {{}}, "/", {str(tmp_path / "log")!r}, 1.0, bounds=Bounds(processes=5)))
print(*guard._group._folders, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    (folder,) = map(Path, done.stdout.split())
    assert folder.exists()
    assert PLACE is not None
    PLACE.sweep()
    assert not folder.exists()


def test_what_is_watched_ends_the_attempt(runner: LocalRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_places", [None])
    found = ended(runner, launch(tmp_path, "sh", "-c", "sleep 60 & sleep 60 & sleep 60", processes=2))
    assert found.outcome == LimitExceeded("processes", "4 processes are more than its limit of 2")
    assert found.facts.limits == (("processes", "watched"),)


OWN_IN_V2 = dict(cgroup._own_folders("/proc/self")).get("", "") if PLACE else ""


@pytest.mark.skipif(not os.access(OWN_IN_V2, os.W_OK), reason="no group of cgroup v2 to be had here")
def test_a_group_of_v2_is_killed_at_one_stroke(tmp_path: Path) -> None:
    folder = Path(OWN_IN_V2) / f"tetra-{os.getpid()}.0-test"
    folder.mkdir()
    group = Group((str(folder),), frozenset())
    guard = limits.Guard(Bounds(processes=9), str(tmp_path / "report"), group)
    command, env = guard.command(("sh", "-c", "setsid -f sleep 60; sleep 60 & wait"), os.environ)
    pid = os.posix_spawnp(command[0], command, env, setsid=True)
    limit = time.monotonic() + 10
    while len((folder / "cgroup.procs").read_text().split()) < 3:
        assert time.monotonic() < limit
    assert guard.empty() is False
    assert guard.kill()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9
    while not guard.empty():
        assert time.monotonic() < limit
    guard.close()
    assert not folder.exists()
