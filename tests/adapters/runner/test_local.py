"""What the local runner does where the machine gives it less than usual."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tetra_orchestrator.adapters.runner import local, processtable, spawn
from tetra_orchestrator.adapters.runner.local import LocalRunner
from tetra_orchestrator.adapters.runner.waiters import PortableWaiter
from tetra_orchestrator.core.outcome import Exited, Signalled, SpawnFailed
from tetra_orchestrator.ports import Launch

linux = pytest.mark.skipif(sys.platform != "linux", reason="patches the Linux part")


@pytest.fixture
def runner():
    runner = LocalRunner(PortableWaiter())
    yield runner
    runner.close()


def launch(tmp_path: Path, *argv: str, grace_s: float = 0.1) -> Launch:
    return Launch(f"token-{tmp_path}", argv, dict(os.environ), os.getcwd(), str(tmp_path / "log"), grace_s)


def wait_for(runner: LocalRunner, handle: str):
    limit = time.monotonic() + 3
    while not (ended := runner.poll([handle])):
        assert time.monotonic() < limit
        time.sleep(0.005)
    return ended[0].outcome


@linux
def test_fault_120_without_proc_a_job_still_ends_by_its_group(
    runner: LocalRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processtable, "_fields", lambda pid: [])
    monkeypatch.setattr(processtable, "_pids", lambda: iter(()))
    (obedient,) = runner.submit([launch(tmp_path, "sleep", "60")])
    assert isinstance(obedient, str)
    runner.cancel(obedient)
    assert wait_for(runner, obedient) == Signalled(signal.SIGTERM)
    (stubborn,) = runner.submit([launch(tmp_path, "sh", "-c", "trap '' TERM; echo; sleep 60; sleep 60")])
    assert isinstance(stubborn, str)
    while not os.path.getsize(tmp_path / "log"):
        time.sleep(0.005)
    runner.cancel(stubborn)
    assert wait_for(runner, stubborn) == Signalled(signal.SIGKILL)


def test_fault_120_where_open_descriptors_are_not_listed_children_still_do_not_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hidden(path: str) -> list[str]:
        raise FileNotFoundError(2, "No such file or directory")

    leaked = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(leaked, True)
    monkeypatch.setattr(os, "listdir", hidden)
    local.keep_from_children()
    assert not os.get_inheritable(leaked)
    os.close(leaked)


@pytest.mark.parametrize(("times", "expected"), [(2, Exited(0)), (9, "EAGAIN")])
def test_fault_13_a_machine_out_of_processes_is_asked_again_a_few_times(
    runner: LocalRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int, expected: object
) -> None:
    left = [BlockingIOError(11, "Resource temporarily unavailable")] * times
    real = os.posix_spawn

    def posix_spawn(*args, **options) -> int:
        if left:
            raise left.pop()
        return real(*args, **options)

    monkeypatch.setattr(os, "posix_spawn", posix_spawn)
    monkeypatch.setattr(spawn, "_RETRY_S", (0.001, 0.001))
    (answer,) = runner.submit([launch(tmp_path, "true")])
    if isinstance(answer, SpawnFailed):
        assert answer.error == expected
    else:
        assert wait_for(runner, answer) == expected


@pytest.mark.parametrize("argv", [("no\0pe",), ("./no\0pe",), ("echo", "no\0pe")])
def test_a_command_with_a_nul_does_not_start_and_ends_nothing_else(
    runner: LocalRunner, tmp_path: Path, argv: tuple[str, ...]
) -> None:
    (failed,) = runner.submit([launch(tmp_path, *argv)])
    assert isinstance(failed, SpawnFailed)
    assert failed.error == "EINVAL"


def test_a_remembered_program_that_is_gone_is_looked_for_again(runner: LocalRunner, tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    for folder, code in ((first, 1), (second, 2)):
        folder.mkdir()
        (folder / "tool").write_text(f"#!/bin/sh\nexit {code}\n")
        (folder / "tool").chmod(0o755)
    wanted = launch(tmp_path, "tool")._replace(env={"PATH": f"{first}:{second}:{os.environ['PATH']}"})
    for expected in (1, 2):
        (handle,) = runner.submit([wanted])
        assert isinstance(handle, str)
        assert wait_for(runner, handle) == Exited(expected)
        (first / "tool").unlink(missing_ok=True)


@linux
def test_a_process_we_may_not_signal_does_not_hold_up_the_end(
    runner: LocalRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "pid"
    (handle,) = runner.submit([launch(tmp_path, "sh", "-c", f"sleep 60 & echo $! > {note}")])
    assert isinstance(handle, str)
    monkeypatch.setattr("tetra_orchestrator.adapters.runner.process.signal_process", lambda identity, signum: False)
    assert wait_for(runner, handle) == Exited(0)
    os.kill(int(note.read_text()), signal.SIGKILL)
