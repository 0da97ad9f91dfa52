"""What a guard does for one attempt where there are no control groups: the portable path of every system."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tetra_orchestrator.adapters.runner.limits import guard as limits
from tetra_orchestrator.adapters.runner.limits import watchdog
from tetra_orchestrator.adapters.runner.limits.guard import Guard, guard
from tetra_orchestrator.adapters.runner.process import TOKEN
from tetra_orchestrator.core.facts import Bounds
from tetra_orchestrator.core.outcome import Exited, LimitExceeded, Signalled, SpawnFailed
from tetra_orchestrator.ports import Launch

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
MB = 1 << 20


@pytest.fixture(autouse=True)
def _no_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_places", [None])


def launch(tmp_path: Path, *argv: str, **bounds: object) -> Launch:
    env = {"PATH": os.environ["PATH"], TOKEN: f"token-{tmp_path}"}
    return Launch(env[TOKEN], argv, env, str(tmp_path), str(tmp_path / "log"), 1.0, bounds=Bounds(**bounds))


def guarded(tmp_path: Path, **bounds: object) -> Guard:
    found = guard(launch(tmp_path, "true", **bounds))
    assert found is not None
    return found


def outcome_of(found: Guard, *argv: str) -> object:
    command, env = found.command(argv, os.environ)
    code = subprocess.run(command, env=env, check=False).returncode
    return found.cause(Exited(code) if code >= 0 else Signalled(-code))


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The main process of an attempt: a shell with three `sleep`."""
    line = "sleep 60 & sleep 60 & sleep 60 & wait"
    env = launch(tmp_path).env
    with subprocess.Popen(["sh", "-c", line], env=env, start_new_session=True) as process:
        yield process
        os.killpg(process.pid, 9)


@pytest.mark.parametrize("bounds", [None, Bounds(), Bounds(log_bytes=5, folder="/tmp")])
def test_an_attempt_without_limits_needs_no_guard(tmp_path: Path, bounds: Bounds | None) -> None:
    assert guard(launch(tmp_path)._replace(bounds=bounds)) is None


def test_without_control_groups_each_limit_says_how_it_is_kept(tmp_path: Path) -> None:
    found = guarded(
        tmp_path, memory_bytes=1, cpu=1.0, processes=1, open_files=9, disk_bytes=1, log_bytes=1, folder=str(tmp_path)
    )
    assert dict(found.limits) == {
        "memory": "watched",
        "cpu": "unsupported",
        "processes": "watched",
        "open_files": "enforced",
        "disk": "watched",
    }
    assert (found.empty(), found.kill(), found.note()) == (None, False, None)


def test_the_disk_of_no_folder_cannot_be_watched(tmp_path: Path) -> None:
    found = guarded(tmp_path, disk_bytes=1)
    assert (found.limits, found.look_at) == ((("disk", "unsupported"),), None)
    assert found.look(os.getpid(), "token", time.monotonic()) is None


def test_a_command_whose_limits_are_watched_starts_as_it_is(tmp_path: Path) -> None:
    env = {"A": "1"}
    assert guarded(tmp_path, memory_bytes=1).command(("true", "x"), env) == (("true", "x"), env)


@linux
@pytest.mark.parametrize(
    "more", [{}, {"LC_CTYPE": "C"}, {"LC_ALL": "C.UTF-8"}, {"LC_CTYPE": "de_DE", "PYTHONHOME": "/nowhere"}]
)
def test_the_command_finds_its_arguments_environment_and_signals_as_if_started_directly(
    tmp_path: Path, more: dict[str, str]
) -> None:
    odd = {"PATH": os.environ["PATH"], "A.B": "1", "PWD": "/wrong", "_": "x", "SHLVL": "7", "EMPTY": "", "B": "\udcff"}
    line = "pwd -P; cd /proc/$$; tr '\\0' '\\n' <environ | sort; cat cmdline; grep 'Sig[BI]' /proc/self/status; ls fd"
    argv = ("sh", "-c", line, "", "$x")
    command, env = guarded(tmp_path, open_files=99).command(argv, odd | more)
    assert command != argv

    def said(line: tuple[str, ...], environment: object) -> list[bytes]:
        done = subprocess.run(line, env=environment, cwd=tmp_path, capture_output=True, check=True)
        return done.stdout.splitlines()

    assert said(command, env) == said(argv, odd | more)


def test_open_files_are_limited_for_good(tmp_path: Path) -> None:
    command, env = guarded(tmp_path, open_files=42).command(("sh", "-c", "ulimit -Sn; ulimit -Hn"), os.environ)
    assert subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout == "42\n42\n"


def test_a_limit_above_the_one_that_holds_already_changes_nothing(tmp_path: Path) -> None:
    command, env = guarded(tmp_path, open_files=999_999_999_999).command(("sh", "-c", "ulimit -Hn"), os.environ)
    own = subprocess.run(["sh", "-c", "ulimit -Hn"], capture_output=True, text=True, check=True).stdout
    assert subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout == own


def test_fault_14_a_program_that_is_not_there_is_told_as_not_started(tmp_path: Path) -> None:
    found = guarded(tmp_path, open_files=99)
    text = "no-such-program cannot be started: No such file or directory"
    assert outcome_of(found, "no-such-program") == SpawnFailed("ENOENT", text)
    found.close()
    assert list(tmp_path.iterdir()) == []


def test_fault_14_text_without_a_first_line_is_not_run_by_a_shell(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f"touch {tmp_path / 'ran'}\n")
    script.chmod(0o755)
    answer = outcome_of(guarded(tmp_path, open_files=99), str(script))
    assert answer == SpawnFailed("ENOEXEC", f"{script} cannot be started: Exec format error")
    assert not (tmp_path / "ran").exists()


def test_a_command_that_exits_127_itself_has_started(tmp_path: Path) -> None:
    assert outcome_of(guarded(tmp_path, open_files=99), "sh", "-c", "exit 127") == Exited(127)


def test_what_stands_in_the_report_counts_only_for_a_preamble_that_failed(tmp_path: Path) -> None:
    found = guarded(tmp_path, open_files=99)
    (tmp_path / "log.start").write_text("EIO written by somebody else")
    assert found.cause(Exited(1)) == Exited(1)
    assert found.cause(Exited(127)) == SpawnFailed("EIO", "written by somebody else")


def look_until_passed(found: Guard, pid: int, token: str) -> LimitExceeded:
    limit = time.monotonic() + 20
    while (passed := found.look(pid, token, time.monotonic())) is None:
        assert time.monotonic() < limit
        time.sleep(0.01)
    return passed


@pytest.mark.parametrize("portably", [False, True])
def test_a_tree_that_uses_too_much_memory_is_found(
    tmp_path: Path, child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, portably: bool
) -> None:
    if portably:
        monkeypatch.setattr(watchdog, "resident", watchdog.resident_portably)
        monkeypatch.setattr(watchdog, "proportional", watchdog.resident_portably)
    token = f"token-{tmp_path}"
    roomy = guarded(tmp_path, memory_bytes=1024 * MB)
    assert roomy.look(child.pid, token, time.monotonic()) is None
    passed = look_until_passed(guarded(tmp_path, memory_bytes=65536), child.pid, token)
    used = int(passed.text.split()[0])
    assert 65536 < used < 64 * MB
    assert passed == LimitExceeded("memory", f"{used} bytes in use are more than its limit of 65536")


@linux
def test_memory_that_processes_share_counts_once(tmp_path: Path) -> None:
    line = (
        "import mmap, os, time\nshared = mmap.mmap(-1, 64 << 20)\nshared.write(b'x' * (64 << 20))\n"
        "for _ in range(3):\n    os.fork() or (shared.find(b'y', 0), print(flush=True), time.sleep(60))\ntime.sleep(60)"
    )
    env = launch(tmp_path).env
    command = [sys.executable, "-c", line]
    with subprocess.Popen(command, env=env, start_new_session=True, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            for _ in range(3):
                process.stdout.readline()
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            pids = [process.pid, *map(int, children)]
            assert watchdog.resident(pids) > 150 * MB > watchdog.proportional(pids)
            assert guarded(tmp_path, memory_bytes=150 * MB).look(process.pid, f"token-{tmp_path}", 0.0) is None
        finally:
            os.killpg(process.pid, 9)


def test_a_tree_of_too_many_processes_is_found(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    token = f"token-{tmp_path}"
    assert guarded(tmp_path, processes=9).look(child.pid, token, time.monotonic()) is None
    passed = look_until_passed(guarded(tmp_path, processes=3), child.pid, token)
    assert passed == LimitExceeded("processes", "4 processes are more than its limit of 3")


def test_a_folder_that_grows_too_big_is_found(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    folder = tmp_path / "work"
    (folder / "deep").mkdir(parents=True)
    found = guarded(tmp_path, disk_bytes=MB, folder=str(folder))
    for _ in range(5):
        assert found.look(child.pid, "token", time.monotonic()) is None
    (folder / "deep" / "data").write_bytes(b"x" * 2 * MB)
    passed = look_until_passed(found, child.pid, "token")
    used = int(passed.text.split()[0])
    assert used > MB
    assert passed == LimitExceeded("disk", f"{used} bytes in {folder} are more than its limit of {MB}")


def test_looks_grow_rarer_up_to_two_seconds(tmp_path: Path) -> None:
    found = guarded(tmp_path, disk_bytes=MB, folder=str(tmp_path))
    pauses = []
    for _ in range(20):
        assert found.look(os.getpid(), "token", 100.0) is None
        assert found.look_at is not None
        pauses.append(found.look_at - 100.0)
    assert pauses[0] >= 0.25
    assert pauses[-1] >= 2.0


def test_looking_takes_two_percent_of_a_cpu_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "tree", lambda roots, token: time.sleep(0.05) or {})
    found = guarded(tmp_path, processes=5)
    assert found.look(os.getpid(), "token", 100.0) is None
    assert found.look_at is not None
    assert found.look_at - 100.0 >= 50 * 0.05
