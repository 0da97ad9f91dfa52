"""Identities, signals to exactly one process, and ending trees that are not our children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tetra_orchestrator.adapters.runner import processtable
from tetra_orchestrator.adapters.runner.process import (
    TOKEN,
    ProcessTable,
    end_tree,
    find,
    identity,
    is_alive,
    pid_of,
    settled_token_of,
    signal_process,
    token_of,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def own() -> str:
    return str(identity(os.getpid()))


def test_an_identity_stays_the_same_and_starts_with_the_pid() -> None:
    assert own() == own()
    assert pid_of(own()) == os.getpid()
    assert is_alive(own())


@pytest.mark.parametrize("text", ["", "x", "1", "-1:2:3", "1:0:-", "0:0:-", "99999999:1:-"])
def test_what_names_nobody_is_not_alive_and_not_signalled(text: str) -> None:
    assert not is_alive(text)
    assert not signal_process(text, 0)


def test_a_zombie_is_not_alive() -> None:
    with subprocess.Popen(["true"]) as child:
        named = str(identity(child.pid))
        limit = time.monotonic() + 3
        while is_alive(named):
            assert time.monotonic() < limit
            time.sleep(0.005)
        assert child.poll() == 0
    assert identity(child.pid) is None


@linux
def test_a_name_with_spaces_and_brackets_does_not_confuse_us(tmp_path: Path) -> None:
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as child:
        named = str(identity(child.pid))
        assert named.split(":")[1].isdigit()
        assert is_alive(named)
        child.kill()


@linux
def test_a_token_is_read_from_however_large_an_environment() -> None:
    padding = {f"PAD{n}": "x" * 100_000 for n in range(3)}
    with subprocess.Popen(["sleep", "60"], env={**os.environ, **padding, TOKEN: "deep"}) as child:
        limit = time.monotonic() + 3
        while token_of(child.pid) != "deep":
            assert time.monotonic() < limit
        assert find("deep") == [identity(child.pid)]
        child.kill()


@linux
def test_the_token_of_a_process_that_is_between_two_programs_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([b"", b"", f"A=1\0{TOKEN}=mine\0".encode()])
    monkeypatch.setattr(processtable, "_read", lambda path: next(readings))
    assert settled_token_of(4711) == "mine"


@linux
def test_a_process_that_has_no_environment_at_all_has_no_token() -> None:
    with subprocess.Popen(["sleep", "60"], env={}) as child:
        assert settled_token_of(child.pid) is None
        child.kill()


@linux
@pytest.mark.parametrize("trap", ["", "trap '' TERM;"])
def test_end_tree_ends_survivors_in_every_session(tmp_path: Path, trap: str) -> None:
    note = tmp_path / "pid"
    line = (
        f"{trap} setsid sh -c '{trap.replace(chr(39), chr(34))} echo $$ > {note}; sleep 60; sleep 60' & wait; sleep 60"
    )
    env = {**os.environ, TOKEN: f"survivor-{tmp_path}"}
    with subprocess.Popen(["sh", "-c", line], start_new_session=True, env=env) as child:
        limit = time.monotonic() + 3
        while not (note.exists() and note.read_text().strip()):
            assert time.monotonic() < limit
            time.sleep(0.005)
        survivors = find(env[TOKEN])
        assert len(survivors) >= 2
        assert ProcessTable().survived({env[TOKEN]: None, "never": None}) == {env[TOKEN]}
        assert end_tree(survivors, 0.1)
        assert find(env[TOKEN]) == []
        assert child.wait(3) in (-signal.SIGTERM, -signal.SIGKILL)


@linux
def test_a_survivor_s_shell_does_not_go_on_with_its_next_line(tmp_path: Path) -> None:
    # In any other order than from parent to child, one of twenty would.
    token = f"next-{tmp_path}"
    line = "".join(f"(sleep 60; touch {tmp_path}/next.{n}) & " for n in range(20))
    with subprocess.Popen(["sh", "-c", line + "wait"], start_new_session=True, env={**os.environ, TOKEN: token}):
        limit = time.monotonic() + 10
        while len(find(token)) < 41:
            assert time.monotonic() < limit
            time.sleep(0.005)
        ProcessTable().end_trees({token: None}, 2.0)
        assert find(token) == []
        assert os.listdir(tmp_path) == []


@linux
def test_survivors_of_one_token_are_asked_to_end_once(tmp_path: Path) -> None:
    # A second TERM means "at once" to many programs, this one included.
    log = tmp_path / "log"
    line = f"trap 'echo term >> {log}; sleep 0.1; exit' TERM; sleep 60 & echo ready > {log}; while :; do wait; done"
    token = f"once-{tmp_path}"
    with subprocess.Popen(["sh", "-c", line], start_new_session=True, env={**os.environ, TOKEN: token}):
        limit = time.monotonic() + 3
        while not log.exists():
            assert time.monotonic() < limit
            time.sleep(0.005)
        ProcessTable().end_trees({token: None}, 2.0)
        assert log.read_text() == "ready\nterm\n"
        assert find(token) == []


@linux
def test_a_survivor_that_dropped_its_environment_is_ended_by_its_handle(tmp_path: Path) -> None:
    env = {**os.environ, TOKEN: f"bare-{tmp_path}"}
    with subprocess.Popen(["env", "-i", "sleep", "60"], start_new_session=True, env=env) as child:
        handle = str(identity(child.pid))
        pid, start, boot = handle.split(":")
        limit = time.monotonic() + 3
        while Path(f"/proc/{child.pid}/comm").read_text() != "sleep\n":
            assert time.monotonic() < limit
            time.sleep(0.005)
        assert find(env[TOKEN]) == []
        gone = f"{pid}:{int(start) - 5}:{boot}"
        handles = {env[TOKEN]: gone, "named": handle, "call": f"{handle}#7", "never": None}
        assert ProcessTable().survived(handles) == {"named", "call"}
        ProcessTable().end_trees({env[TOKEN]: gone}, 0.0)
        assert is_alive(handle)
        ProcessTable().end_trees({env[TOKEN]: handle}, 2.0)
        assert not is_alive(handle)
        assert child.wait(3) == -signal.SIGTERM


def test_the_process_table_knows_us_and_signals_only_who_is_meant() -> None:
    processes = ProcessTable()
    assert processes.own() == identity(os.getpid())
    assert processes.is_alive(processes.own())
    assert processes.signal(processes.own(), 0)
    assert not processes.signal(f"{os.getpid()}:0:-", 0)


@linux
def test_end_tree_of_a_reused_pid_ends_nobody() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as decoy:
        pid, start, boot = str(identity(decoy.pid)).split(":")
        assert end_tree([f"{pid}:{int(start) - 5}:{boot}", f"{pid}:{start}:00000000"], 0.0)
        time.sleep(0.02)
        assert decoy.poll() is None
        decoy.kill()


def test_the_adapters_of_a_timers_path_import_nothing_heavy() -> None:
    script = f"""
import sys
sys.path[:0] = {sys.path!r}
import tetra_orchestrator.adapters.runner.local
import tetra_orchestrator.adapters.clock, tetra_orchestrator.adapters.interrupts
import tetra_orchestrator.adapters.workspace, tetra_orchestrator.adapters.locks.table
heavy = "typing dataclasses subprocess psutil pathlib logging asyncio json re ctypes contextlib selectors threading"
print(*(set(heavy.split()) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
