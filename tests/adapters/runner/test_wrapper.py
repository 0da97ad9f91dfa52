"""Wrapped attempts: they outlive us, end as they should without us, and leave how they ended in a file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contracts.test_runner import SECRET, WrappedBench, eventually, linux, log_of, written
from tetra_orchestrator.adapters.interrupts import SignalInterrupts
from tetra_orchestrator.adapters.runner.process import find, is_alive, pid_of, signal_process
from tetra_orchestrator.adapters.runner.wrapped import wrapping
from tetra_orchestrator.adapters.runner.wrapped.record import read_record, write_record
from tetra_orchestrator.adapters.runner.wrapped.wrapper import read_launch
from tetra_orchestrator.core.facts import Bounds, Facts, Usage
from tetra_orchestrator.core.outcome import (
    Exited,
    LimitExceeded,
    Lost,
    OutOfMemory,
    Signalled,
    SpawnFailed,
    Unkillable,
)
from tetra_orchestrator.ports import Launch


@pytest.fixture
def bench(tmp_path: Path):
    with SignalInterrupts() as interrupts:
        bench = WrappedBench(tmp_path, "", interrupts)
        yield bench
        bench.runner.close()


def recorded(launch: Launch):
    assert launch.record
    return eventually(lambda: read_record(launch.record, launch.token), within_s=8.0)


# The record


OUTCOMES = [
    *(Exited(0), Signalled(9), OutOfMemory(5), OutOfMemory(), LimitExceeded("disk", "too much"), Unkillable("pid 5")),
    *(SpawnFailed("ENOENT", "no"), Lost("gone")),
]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_record_says_what_was_written(tmp_path: Path, outcome) -> None:
    facts = Facts(Usage(1.5, 7, 6, 5, None), (("memory", "enforced"), ("cpu", "watched")), "cgroup", "odd")
    path = str(tmp_path / "record")
    write_record(path, "token", outcome, facts)
    assert read_record(path, "token") == (outcome, facts)
    assert os.listdir(tmp_path) == ["record"]
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_a_record_is_one_json_object_with_a_version_a_token_and_a_time(tmp_path: Path) -> None:
    path = tmp_path / "record"
    write_record(str(path), "token", Exited(3), Facts())
    content = json.loads(path.read_text())
    assert content.pop("ended_at") == pytest.approx(time.time(), abs=60)
    assert content == {
        "version": 1,
        "token": "token",
        "outcome": {"kind": "exited", "code": 3},
        "facts": {"usage": dict.fromkeys(Usage._fields), "limits": [], "gone": None, "note": None},
    }


def test_a_record_that_is_missing_torn_or_of_another_version_or_attempt_is_none(tmp_path: Path) -> None:
    path = tmp_path / "record"
    assert read_record(str(path), "token") is None
    write_record(str(path), "token", Exited(3), Facts())
    whole = path.read_text()
    for size in range(len(whole)):
        path.write_text(whole[:size])
        assert read_record(str(path), "token") is None
    for wrong in (
        whole.replace('"version": 1', '"version": 2'),
        whole.replace("token", "other"),
        whole.replace("exited", "vanished"),
        "[]",
        "é",
    ):
        path.write_text(wrong)
        assert read_record(str(path), "token") is None


def test_the_launch_arrives_as_it_was_sent() -> None:
    launch = Launch(
        *("t", ("a", "ü\udcff"), {"A": "\udcff", "B": '"'}, "/", "/log", 2.5, None, Bounds(cpu=1.5), (b"\xff\0s",)),
        patterns=(rb"\d",),
        record="/r",
        background=True,
    )
    assert read_launch(wrapping.request_of(launch)) == (launch._replace(record=None), "/r")


# The wrapper


def test_an_attempt_leaves_its_record_with_what_is_known_of_it(bench: WrappedBench) -> None:
    launch = bench.launch("sh", "-c", f"echo {SECRET.decode()}; exit 5")
    launch = launch._replace(redact=(SECRET,), bounds=Bounds(log_bytes=10_000))
    handle = bench.start(launch)
    assert bench.ended(handle) == {handle: Exited(5)}
    outcome, facts = recorded(launch)
    assert (outcome, facts) == (Exited(5), bench.facts[handle])
    assert facts.limits == (("log_limit", "enforced"),)
    assert facts.usage.cpu_s is not None
    assert log_of(launch) == "***\n"


def test_an_attempt_that_cannot_start_is_recorded_as_such(bench: WrappedBench) -> None:
    launch = bench.launch("/nowhere/program")
    bench.ended(bench.start(launch))
    assert recorded(launch)[0] == SpawnFailed("ENOENT", "the program /nowhere/program does not exist")


@linux
def test_secrets_are_in_no_argument_and_no_environment_of_the_wrapper(bench: WrappedBench) -> None:
    launch = bench.launch("sleep", "60", OTHER="of the task")._replace(redact=(SECRET,))
    handle = bench.start(launch)
    eventually(lambda: len(find(launch.token)) == 2)
    shown = b"".join(Path(f"/proc/{pid_of(handle)}/{name}").read_bytes() for name in ("cmdline", "environ"))
    assert SECRET not in shown
    assert SECRET.hex().encode() not in shown
    assert b"of the task" not in shown
    bench.runner.kill(handle)
    bench.ended(handle)


@linux
def test_cancel_lets_the_task_finish_within_its_grace(bench: WrappedBench, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    line = f"trap 'echo saved; exit 3' TERM; echo y > {ready}; while :; do sleep 0.02; done"
    handle, launch = bench.shell(line, grace_s=30.0)
    written(ready)
    bench.runner.cancel(handle)
    assert bench.ended(handle) == {handle: Exited(3)}
    assert recorded(launch)[0] == Exited(3)
    assert "saved" in log_of(launch)


def test_a_wrapper_that_is_told_to_end_before_it_is_ready_ends_its_task_all_the_same(bench: WrappedBench) -> None:
    cancelled, killed = (bench.launch("sleep", "60") for _ in range(2))
    handles = bench.start(cancelled), bench.start(killed)
    bench.runner.cancel(handles[0])
    bench.runner.kill(handles[1])
    assert bench.ended(*handles) == dict(zip(handles, map(Signalled, (15, 9)), strict=True))
    assert [recorded(each)[0] for each in (cancelled, killed)] == [Signalled(15), Signalled(9)]
    assert log_of(cancelled) == log_of(killed) == ""


@linux
def test_a_wrapper_that_is_told_to_end_by_anybody_ends_its_task_with_grace(bench: WrappedBench, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    handle, launch = bench.shell(f"setsid sh -c 'trap \"\" TERM; echo $$ > {note}; sleep 60; sleep 60' & wait")
    written(note)
    assert signal_process(bench.runner.lasting(handle), signal.SIGTERM)
    assert bench.ended(handle) == {handle: Signalled(signal.SIGTERM)}
    assert recorded(launch)[0] == Signalled(signal.SIGTERM)
    assert find(launch.token) == []


@linux
def test_a_wrapper_that_is_killed_takes_its_task_with_it_and_the_attempt_is_lost(bench: WrappedBench) -> None:
    handle, launch = bench.shell("exec sleep 60")
    eventually(lambda: len(find(launch.token)) == 2)
    assert signal_process(bench.runner.lasting(handle), signal.SIGKILL)
    outcome = Lost("its wrapper left no record: killed by signal 9 (KILL)")
    assert bench.ended(handle) == {handle: outcome}
    assert find(launch.token) == []


@linux
def test_a_wrapper_that_does_not_end_its_task_in_time_is_ended_with_it(
    bench: WrappedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrapping, "PATIENCE_S", 0.3)
    monkeypatch.setattr(wrapping, "signal_process", lambda handle, signum: True)
    handle, launch = bench.shell("exec sleep 60")
    eventually(lambda: len(find(launch.token)) == 2)
    bench.runner.kill(handle)
    assert bench.ended(handle) == {handle: Signalled(signal.SIGKILL)}
    assert find(launch.token) == []


def test_a_record_that_cannot_be_written_is_said_in_the_log(bench: WrappedBench, tmp_path: Path) -> None:
    launch = bench.launch("true")._replace(record=f"{tmp_path}/no/record")
    handle = bench.start(launch)
    assert bench.ended(handle) == {handle: Lost("its wrapper left no record: exited with code 73")}
    assert log_of(launch) == f"cannot write how the attempt ended to {tmp_path}/no/record: No such file or directory\n"


@pytest.mark.parametrize("told", [b"", b'{"token": "t", "argv'])
def test_a_wrapper_that_was_not_told_everything_starts_nothing_and_says_nothing(told: bytes, tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "tetra_orchestrator.adapters.runner.wrapped.wrapper"]
    environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, input=told, capture_output=True, env=environ, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (70, b"", b"")


# Without us


OWNER = """
import sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from contracts.test_runner import SECRET, SignalInterrupts, WrappedBench
with SignalInterrupts() as interrupts:
    bench = WrappedBench(Path({folder!r}), "", interrupts)
    launch = bench.launch("sh", "-c", {line!r}, grace_s=0.2)._replace(redact=(SECRET,), background={background})
    print(bench.runner.lasting(bench.start(launch)), launch.token, launch.log, launch.record, flush=True)
    time.sleep(60)
"""


def left_by_a_killed_owner(tmp_path: Path, line: str, ready: Path, *, background: bool = False) -> list[str]:
    """Start a wrapped attempt in a process that is then killed: its lasting handle, token, log and record."""
    script = OWNER.format(path=sys.path, folder=str(tmp_path), line=line, background=background)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        words = owner.stdout.readline().split()
        written(ready)
        owner.kill()
    return words


@linux
def test_an_attempt_whose_owner_is_killed_goes_on_to_its_end(tmp_path: Path) -> None:
    ready, go = tmp_path / "ready", tmp_path / "go"
    line = (
        f"echo y > {ready}; until [ -e {go} ]; do sleep 0.02; done; (setsid sleep 60 &); echo {SECRET.decode()}; exit 6"
    )
    handle, token, log, record = left_by_a_killed_owner(tmp_path, line, ready)
    assert is_alive(handle)
    assert read_record(record, token) is None
    go.touch()
    outcome, facts = eventually(lambda: read_record(record, token), within_s=8.0)
    assert outcome == Exited(6)
    assert facts.gone == "children"
    assert Path(log).read_text() == "***\n"
    eventually(lambda: not is_alive(handle))
    assert find(token) == [], "what the task left behind was ended without us"


@linux
def test_an_attempt_whose_owner_is_killed_can_still_be_cancelled(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    line = f"trap '' TERM; echo y > {ready}; sleep 60; sleep 60"
    handle, token, _, record = left_by_a_killed_owner(tmp_path, line, ready)
    assert signal_process(handle, signal.SIGTERM)
    assert eventually(lambda: read_record(record, token), within_s=8.0)[0] == Signalled(signal.SIGKILL)
    eventually(lambda: not is_alive(handle))
    assert find(token) == []


@linux
def test_what_a_wrapped_attempt_leaves_in_the_background_lives_on(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    line = f"setsid sleep 60 >/dev/null 2>&1 & echo y > {ready}; sleep 0.3"
    handle, token, _, record = left_by_a_killed_owner(tmp_path, line, ready, background=True)
    outcome, facts = eventually(lambda: read_record(record, token), within_s=8.0)
    eventually(lambda: not is_alive(handle))
    (left,) = find(token)
    signal_process(left, signal.SIGKILL)
    assert (outcome, facts.note) == (Exited(0), "it left 1 process in the background")
