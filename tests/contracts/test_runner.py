"""What every Runner must do, held against the local runner (bare, with its filter, by a wrapper), that of sessions
(with and without a filter), and a remote one over an engine of the tests, with each waiter; then what only processes
can do. Numbers are those of the fault catalogue in docs: one sentence, one fault."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.fake_engine import FakeEngine
from support.waiting import until
from tetra_orchestrator.adapters.clock import SystemClock
from tetra_orchestrator.adapters.interrupts import SignalInterrupts
from tetra_orchestrator.adapters.runner.dispatch import Dispatch
from tetra_orchestrator.adapters.runner.local import LocalRunner
from tetra_orchestrator.adapters.runner.process import (
    ProcessTable,
    become_subreaper,
    identity,
    is_alive,
    signal_process,
)
from tetra_orchestrator.adapters.runner.remote.processes import Everywhere
from tetra_orchestrator.adapters.runner.remote.runner import RemoteRunner
from tetra_orchestrator.adapters.runner.waiters import choose_waiter
from tetra_orchestrator.core.outcome import Exited, Signalled, SpawnFailed
from tetra_orchestrator.ports import Call, Launch
from tetra_orchestrator.worker import START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tetra_orchestrator.core.facts import Facts
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.ports import Runner

LINUX = sys.platform == "linux"
linux = pytest.mark.skipif(not LINUX, reason="needs /proc or a sub-reaper")
WAITERS = ["pidfd", "portable"] if LINUX else ["portable"]
BASE = {"PATH": os.environ["PATH"]}


class Bench:
    """Drives a runner as the loop does: submit, wait on the clock, poll."""

    interrupted: Outcome = Signalled(signal.SIGTERM)

    def __init__(self, folder: Path, waiter: str, interrupts: SignalInterrupts) -> None:
        self.folder = folder
        self.waiter = waiter
        self.runner: Runner = LocalRunner(choose_waiter(waiter))
        self.clock = SystemClock()
        self.interrupts = interrupts
        self.facts: dict[str, Facts] = {}
        self.count = 0

    def launch(self, *argv: str, grace_s: float = 0.2, cwd: str | None = None, **env: str) -> Launch:
        self.count += 1
        token = f"token-{os.getpid()}-{id(self)}-{self.count}"
        whole = {**BASE, **env, "TETRA_ATTEMPT_TOKEN": token}
        log = str(self.folder / f"{self.count}.log")
        return self.equip(Launch(token, argv, whole, cwd or os.getcwd(), log, grace_s))

    def equip(self, launch: Launch) -> Launch:
        """Have the launch take the path that this bench is about."""
        return launch

    def job(self, line: str, **options: object) -> Launch:
        """One that does what the shell line says, whatever it is that the runner runs."""
        return self.launch("sh", "-c", f"exec {line}" if line.startswith("sleep") else line, **options)  # type: ignore[arg-type]

    def start(self, launch: Launch) -> str:
        (handle,) = self.runner.submit([launch])
        assert isinstance(handle, str), handle
        return handle

    def shell(self, line: str, **options: object) -> tuple[str, Launch]:
        launch = self.launch("sh", "-c", line, **options)  # type: ignore[arg-type]
        return self.start(launch), launch

    def ended(self, *handles: str, within_s: float = 5.0) -> dict[str, Outcome]:
        outcomes: dict[str, Outcome] = {}
        limit = time.monotonic() + within_s
        while len(outcomes) < len(handles):
            assert time.monotonic() < limit, f"still running: {set(handles) - set(outcomes)}"
            self.wait(limit - time.monotonic())
            for each in self.runner.poll(handles):
                outcomes[each.handle] = each.outcome
                self.facts[each.handle] = each.facts
        return outcomes

    def wait(self, longest_s: float) -> None:
        wakeup = self.runner.wakeup()
        fds = [self.interrupts.fileno()] + ([] if wakeup.fd is None else [wakeup.fd])
        self.clock.wait(fds, longest_s if wakeup.within_s is None else min(longest_s, wakeup.within_s))
        self.interrupts.take()

    def begin(self, launch: Launch) -> str:
        """Start it, and wait until it has begun."""
        handle = self.start(launch)
        until(lambda: self.runner.poll(()) == [] and self.runner.begun([handle]))
        return handle

    def lives(self, lasting: str) -> bool:
        """Whether others find what this lasting handle names."""
        return is_alive(lasting.partition("#")[0])

    def outcome(self, line: str) -> Outcome:
        handle, _ = self.shell(line)
        return self.ended(handle)[handle]

    def failure(self, launch: Launch) -> SpawnFailed:
        (answer,) = self.runner.submit([launch])
        return self.failed(answer)

    def failed(self, answer: str | SpawnFailed) -> SpawnFailed:
        """Why what was submitted did not start."""
        assert isinstance(answer, SpawnFailed), answer
        return answer


class FilteredBench(Bench):
    """The same with output that passes through the filter."""

    def equip(self, launch: Launch) -> Launch:
        return launch._replace(redact=(SECRET,))


class WrappedBench(Bench):
    """The same by a wrapper, which tells of a task that could not start only when it ends itself."""

    def equip(self, launch: Launch) -> Launch:
        return launch._replace(record=f"{launch.log}.record")

    def failed(self, answer: str | SpawnFailed) -> SpawnFailed:
        failed = self.ended(answer)[answer] if isinstance(answer, str) else answer
        assert isinstance(failed, SpawnFailed), failed
        return failed


class RemoteBench(WrappedBench):
    """The same as jobs of an engine, each in the care of a worker that this starts."""

    poll_s = 0.05
    lease_s = 6.0

    def __init__(self, folder: Path, waiter: str, interrupts: SignalInterrupts) -> None:
        super().__init__(folder, waiter, interrupts)
        self.jobs = folder / "jobs"
        self.engine = self.new_engine()
        self.runner: RemoteRunner = self.new_runner()

    def new_engine(self) -> Any:
        """What starts its workers."""
        return FakeEngine(self.folder / "engine")

    def new_runner(self) -> RemoteRunner:
        """A runner as every process that looks after these jobs has one."""
        folder = str(self.jobs / "far")
        return RemoteRunner("far", self.engine, folder, poll_s=self.poll_s, lease_s=self.lease_s)

    def processes(self) -> Everywhere:
        """What tells other commands of these jobs."""
        return Everywhere(ProcessTable(), str(self.jobs), lambda settings: self.engine)

    def lives(self, lasting: str) -> bool:
        token = lasting.partition(":")[2]
        return self.processes().survived({token: lasting}) == {token}


PROCESSES = [Bench, FilteredBench, WrappedBench]
ALL = ["bare", "filtered", "wrapped", "call", "filtered-call", "remote"]
SECRET = b"not-for-any-log"


class CallBench(Bench):
    """The same of calls in a session. They do what a line says by themselves, as a shell could not be interrupted."""

    interrupted = Exited(130)

    def __init__(self, folder: Path, waiter: str, interrupts: SignalInterrupts) -> None:
        super().__init__(folder, waiter, interrupts)
        self.runner = Dispatch(LocalRunner(choose_waiter(waiter)))
        (folder / "jobs.py").write_text(JOBS)

    def job(self, line: str, **options: object) -> Launch:
        launch = self.launch(sys.executable, START, "session", **options)  # type: ignore[arg-type]
        env = {"LINE": line, "TETRA_ATTEMPT_TOKEN": launch.token}
        whole = {**BASE, "PYTHONPATH": str(self.folder), "PYTHONUNBUFFERED": "1"}
        return launch._replace(env=whole, cwd=os.getcwd(), call=Call("s", 1, "jobs.main", env, launch.cwd))


class FilteredCallBench(CallBench, FilteredBench):
    """The same with output that passes through the filter."""


JOBS = """
import os, sys, time

def main():
    line = os.environ["LINE"]
    if line.startswith("exit"):
        sys.exit(int(line.split()[1]))
    if line.startswith("echo"):
        print("one")
        print("two", file=sys.stderr)
        print("three")
    if line.startswith("trap"):
        open(line.split()[4].rstrip(";"), "w").write("y")
    while "sleep" in line:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            if not line.startswith("trap"):
                raise
"""


@pytest.fixture(params=WAITERS)
def waiter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TETRA_WAITER", request.param)  # for wrappers and workers
    return str(request.param)


@pytest.fixture(
    params=[*PROCESSES, pytest.param(RemoteBench, marks=pytest.mark.long)],
    ids=["bare", "filtered", "wrapped", "remote"],
)
def kind(request: pytest.FixtureRequest) -> type[Bench]:
    kind: type[Bench] = request.param
    return kind


@pytest.fixture
def bench(kind: type[Bench], tmp_path: Path, waiter: str):
    with SignalInterrupts() as interrupts:
        bench = kind(tmp_path, waiter, interrupts)
        yield bench
        bench.runner.close()


#: Every runner with every waiter. A worker is a wrapper in another place: with one of them, by `make test`.
WAYS = [
    pytest.param((kind, waiter), id=f"{name}-{waiter}", marks=[pytest.mark.long] * (name == "remote" and bool(number)))
    for name, kind in zip(ALL, [*PROCESSES, CallBench, FilteredCallBench, RemoteBench], strict=True)
    for number, waiter in enumerate(WAITERS)
]


@pytest.fixture(params=WAYS)
def any_bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    kind, waiter = request.param
    monkeypatch.setenv("TETRA_WAITER", waiter)
    with SignalInterrupts() as interrupts:
        bench: Bench = kind(tmp_path, waiter, interrupts)
        yield bench
        bench.runner.close()


@pytest.fixture(scope="module")
def subreaper() -> None:
    if not become_subreaper():
        pytest.skip("no sub-reaper here")


def log_of(launch: Launch) -> str:
    return Path(launch.log).read_text()


def eventually(condition, within_s: float = 3.0):
    limit = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < limit, "it did not come true"
        time.sleep(0.005)
    return value


def written(path: Path) -> str:
    return eventually(lambda: path.exists() and path.read_text().strip())


# What every runner does


@pytest.mark.parametrize("code", [0, 7, 255])
def test_an_attempt_that_ends_by_itself_has_exited_with_its_code(any_bench: Bench, code: int) -> None:
    handle = any_bench.start(any_bench.job(f"exit {code}"))
    assert any_bench.ended(handle) == {handle: Exited(code)}


def test_every_attempt_is_reported_once_and_only_to_who_asks_for_it(any_bench: Bench) -> None:
    one, two = any_bench.runner.submit([any_bench.job("exit 1"), any_bench.job("exit 2")])
    assert any_bench.ended(two) == {two: Exited(2)}
    assert any_bench.ended(one) == {one: Exited(1)}
    assert any_bench.runner.poll([one, two]) == []


def test_attempts_that_are_submitted_together_each_get_their_own_outcome(any_bench: Bench) -> None:
    handles = any_bench.runner.submit([any_bench.job(f"exit {code}") for code in range(20)])
    assert any_bench.ended(*handles) == {handle: Exited(code) for code, handle in enumerate(handles)}


def test_every_attempt_has_a_private_log_with_its_output_and_errors_in_order(any_bench: Bench) -> None:
    launches = [any_bench.job("echo one; echo two >&2; echo three") for _ in range(2)]
    any_bench.ended(*any_bench.runner.submit(launches))
    assert [log_of(launch) for launch in launches] == ["one\ntwo\nthree\n"] * 2
    assert [stat.S_IMODE(os.stat(launch.log).st_mode) for launch in launches] == [0o600] * 2


def test_cancel_ends_an_obedient_attempt_before_its_grace_is_over(any_bench: Bench) -> None:
    handle = any_bench.begin(any_bench.job("sleep 60", grace_s=30.0))
    any_bench.runner.cancel(handle)
    assert any_bench.ended(handle) == {handle: any_bench.interrupted}


def test_cancel_kills_a_stubborn_attempt_after_its_grace(any_bench: Bench, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    handle = any_bench.start(any_bench.job(f"trap '' TERM; echo {ready}; echo y > {ready}; sleep 60; sleep 60"))
    written(ready)
    began = time.monotonic()
    any_bench.runner.cancel(handle)
    any_bench.runner.cancel(handle)
    assert time.monotonic() - began < 5, "cancel does not wait"
    assert any_bench.ended(handle) == {handle: Signalled(signal.SIGKILL)}
    assert 0.2 <= time.monotonic() - began < 10


def test_kill_ends_a_stubborn_attempt_at_once_although_its_grace_has_begun(any_bench: Bench, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    line = f"trap '' TERM; echo {ready}; echo y > {ready}; sleep 60; sleep 60"
    handle = any_bench.start(any_bench.job(line, grace_s=60.0))
    written(ready)
    any_bench.runner.cancel(handle)
    any_bench.runner.kill(handle)
    assert any_bench.ended(handle) == {handle: Signalled(signal.SIGKILL)}


def test_unknown_handles_are_left_alone(any_bench: Bench) -> None:
    for handle in ("1:0:-", "1:0:-#1", "what"):
        any_bench.runner.cancel(handle)
        any_bench.runner.kill(handle)
    assert any_bench.runner.poll(["1:0:-", "1:0:-#1", "what"]) == []


@linux
def test_an_attempt_is_found_by_its_token_while_it_lasts(any_bench: Bench) -> None:
    launch = any_bench.job("sleep 60")
    handle = any_bench.start(launch)
    assert eventually(lambda: any_bench.runner.find(launch.token)) == [handle]
    assert any_bench.runner.find(launch.token + "0") == []


@linux
def test_the_lasting_handle_names_the_process_to_others_and_no_stranger_later(any_bench: Bench) -> None:
    handle = any_bench.begin(any_bench.job("sleep 60"))
    named = any_bench.runner.lasting(handle)
    assert any_bench.lives(named)
    any_bench.runner.kill(handle)
    any_bench.ended(handle)
    assert not any_bench.lives(named)
    assert any_bench.runner.lasting(handle) == handle


def test_an_attempt_whose_folder_or_log_is_missing_does_not_start(any_bench: Bench, tmp_path: Path) -> None:
    failed = any_bench.failure(any_bench.job("exit 0", cwd=str(tmp_path / "gone")))
    assert failed == SpawnFailed("ENOENT", f"the working folder {tmp_path}/gone does not exist")
    failed = any_bench.failure(any_bench.job("exit 0")._replace(log=f"{tmp_path}/no/log"))
    assert failed == SpawnFailed("ENOENT", f"cannot write the log {tmp_path}/no/log: No such file or directory")


@linux
def test_close_leaves_nothing_of_what_was_running_or_waiting(any_bench: Bench, tmp_path: Path) -> None:
    with SignalInterrupts() as interrupts:
        bench = type(any_bench)(tmp_path, any_bench.waiter, interrupts)
        launches = [bench.job("sleep 60", grace_s=30.0) for _ in range(3)]
        bench.runner.submit(launches)
        eventually(lambda: bench.runner.find(launches[0].token))
        bench.runner.close()
    assert [any_bench.runner.find(launch.token) for launch in launches] == [[], [], []]


# How processes end


def test_fault_01_a_child_that_exits_7_is_exited_7(bench: Bench) -> None:
    assert bench.outcome("exit 7") == Exited(7)


def test_fault_02_a_child_that_dies_by_a_signal_is_signalled(bench: Bench) -> None:
    assert bench.outcome("kill -SEGV $$") == Signalled(signal.SIGSEGV)


@pytest.mark.parametrize("code", [137, 143])
def test_fault_03_a_child_that_exits_like_a_shell_after_a_signal_has_exited(bench: Bench, code: int) -> None:
    assert bench.outcome(f"exit {code}") == Exited(code)


def test_an_ended_attempt_is_reported_once_and_only_to_who_asks_for_it(bench: Bench) -> None:
    one, _ = bench.shell("exit 1")
    two, _ = bench.shell("exit 2")
    assert bench.ended(one) == {one: Exited(1)}
    assert bench.ended(two) == {two: Exited(2)}
    assert bench.runner.poll([one, two]) == []


def test_many_attempts_at_once_each_get_their_own_outcome(bench: Bench) -> None:
    launches = [bench.launch("sh", "-c", f"exit {code}") for code in range(30)]
    handles = bench.runner.submit(launches)
    assert bench.ended(*handles) == {handle: Exited(code) for code, handle in enumerate(handles)}


def test_output_and_errors_go_to_the_log_in_order_and_the_log_is_private(bench: Bench) -> None:
    before = os.umask(0)
    try:
        handle, launch = bench.shell("echo one; echo two >&2; echo three")
    finally:
        os.umask(before)
    bench.ended(handle)
    assert log_of(launch) == "one\ntwo\nthree\n"
    assert stat.S_IMODE(os.stat(launch.log).st_mode) == 0o600


def test_the_child_has_exactly_the_environment_it_was_given(bench: Bench) -> None:
    launch = bench.launch("env", GREETING="hello world", PATH=BASE["PATH"])
    bench.ended(bench.start(launch))
    lines = log_of(launch).splitlines()
    assert sorted(lines) == sorted(f"{name}={value}" for name, value in launch.env.items())


def test_arguments_arrive_as_written_without_a_shell(bench: Bench) -> None:
    launch = bench.launch("printf", "%s|", "a b", "$HOME", "*", "", "ü")
    bench.ended(bench.start(launch))
    assert log_of(launch) == "a b|$HOME|*||ü|"


# Cancelling


def test_cancel_ends_an_obedient_child_by_term_before_the_grace_is_over(bench: Bench) -> None:
    handle = bench.begin(bench.job("sleep 60", grace_s=30.0))
    bench.runner.cancel(handle)
    assert bench.ended(handle) == {handle: Signalled(signal.SIGTERM)}


def test_cancel_lets_a_child_finish_within_its_grace(bench: Bench, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    handle, launch = bench.shell(
        f"trap 'echo saved; exit 3' TERM; echo y > {ready}; while :; do sleep 0.02; done", grace_s=30.0
    )
    written(ready)
    bench.runner.cancel(handle)
    assert bench.ended(handle) == {handle: Exited(3)}
    assert "saved" in log_of(launch)


def test_fault_05_a_child_that_ignores_term_is_killed_after_its_grace(bench: Bench, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    handle, _ = bench.shell(f"trap '' TERM; echo y > {ready}; sleep 60; sleep 60", grace_s=0.2)
    written(ready)
    began = time.monotonic()
    bench.runner.cancel(handle)
    bench.runner.cancel(handle)
    assert time.monotonic() - began < 5, "cancel does not wait"
    assert bench.ended(handle) == {handle: Signalled(signal.SIGKILL)}
    assert 0.2 <= time.monotonic() - began < 10


def test_kill_ends_at_once_a_child_whose_long_grace_has_begun(bench: Bench, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    handle, _ = bench.shell(f"trap '' TERM; echo y > {ready}; sleep 60; sleep 60", grace_s=60.0)
    written(ready)
    bench.runner.cancel(handle)
    bench.runner.kill(handle)
    assert bench.ended(handle) == {handle: Signalled(signal.SIGKILL)}


def test_fault_06_a_stopped_child_is_continued_so_that_its_handler_can_end_it(bench: Bench, tmp_path: Path) -> None:
    ready, tidied = tmp_path / "ready", tmp_path / "tidied"
    line = f"trap 'echo tidy > {tidied}; exit 3' TERM; echo $$ > {ready}; while :; do sleep 0.1; done"
    handle, _ = bench.shell(line, grace_s=30.0)
    os.kill(int(written(ready)), signal.SIGSTOP)
    bench.runner.cancel(handle)
    assert bench.ended(handle) == {handle: Exited(3)}
    assert tidied.read_text() == "tidy\n"


@linux
def test_fault_07_cancel_reaches_a_grandchild_in_another_session(bench: Bench, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    handle, _ = bench.shell(f"setsid sh -c 'trap \"\" TERM; echo $$ > {note}; sleep 60; sleep 60' & wait")
    grandchild = identity(int(written(note)))
    bench.runner.cancel(handle)
    bench.ended(handle)
    assert grandchild is not None
    assert not is_alive(grandchild)


@linux
def test_fault_07_cancel_reaches_a_descendant_that_shed_session_and_environment(bench: Bench, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    handle, _ = bench.shell(f"env -i {shlex.quote(sys.executable)} -S -c '{ESCAPE}' {note} & wait")
    grandchild = identity(int(written(note)))
    bench.runner.cancel(handle)
    bench.ended(handle)
    assert grandchild is not None
    assert not is_alive(grandchild)


ESCAPE = 'import os,sys,time; os.setsid(); open(sys.argv[1],"w").write(str(os.getpid())); time.sleep(60)'


def test_cancel_of_an_unknown_handle_does_nothing(bench: Bench) -> None:
    bench.runner.cancel("1:0:-")
    bench.runner.cancel("what")


# What is left behind


def test_fault_08_a_grandchild_that_holds_the_output_does_not_hold_up_the_end(bench: Bench, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    handle, _ = bench.shell(f"sleep 60 & echo $! > {note}; exit 0")
    assert bench.ended(handle) == {handle: Exited(0)}
    assert identity(int(written(note))) is None or not is_alive(str(identity(int(written(note)))))


@linux
@pytest.mark.usefixtures("subreaper")
def test_fault_07_a_grandchild_in_another_session_is_gone_at_the_end(bench: Bench, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    line = (
        f"setsid sh -c 'trap \"\" TERM; echo $$ > {note}; sleep 60; sleep 60' & until [ -s {note} ]; do :; done; exit 5"
    )
    handle, _ = bench.shell(line, grace_s=0.1)
    assert bench.ended(handle) == {handle: Exited(5)}
    assert identity(int(written(note))) is None, "gone, and no zombie of ours"


@linux
@pytest.mark.usefixtures("subreaper")
def test_fault_09_a_double_forked_daemon_is_ended_with_its_own_attempt_only(bench: Bench, tmp_path: Path) -> None:
    note, go = tmp_path / "pid", tmp_path / "go"
    line = f"(setsid sh -c 'echo $$ > {note}; exec sleep 60' &) ; until [ -e {go} ]; do sleep 0.01; done"
    handle, _ = bench.shell(line)
    daemon = identity(int(written(note)))
    assert daemon is not None
    assert bench.outcome("exit 0") == Exited(0)
    assert is_alive(daemon)
    go.touch()
    bench.ended(handle)
    assert not is_alive(daemon)


@linux
@pytest.mark.usefixtures("subreaper")
def test_fault_18_no_zombie_is_left_of_what_a_child_never_waited_for(bench: Bench, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    line = f"setsid sh -c 'echo $$ > {note}' & until [ -s {note} ]; do :; done; exec sleep 0.1"
    handle, _ = bench.shell(line)
    pid = int(written(note))
    bench.ended(handle)
    eventually(lambda: bench.runner.poll([]) == [] and bench.outcome(":") and identity(pid) is None)


@linux
@pytest.mark.usefixtures("subreaper")
def test_children_of_other_code_in_our_process_keep_their_exit_status(bench: Bench) -> None:
    with subprocess.Popen(["sh", "-c", "exit 9"]) as other:
        time.sleep(0.05)
        assert bench.outcome("exit 0") == Exited(0)
        assert other.wait() == 9


def test_fault_10_a_child_that_closes_its_output_is_still_waited_for(bench: Bench) -> None:
    began = time.monotonic()
    assert bench.outcome("exec >&- 2>&-; sleep 0.2; exit 4") == Exited(4)
    assert time.monotonic() - began >= 0.2


def test_fault_11_a_child_that_reads_its_input_finds_nothing(bench: Bench) -> None:
    assert bench.outcome("cat") == Exited(0)


def test_close_ends_every_held_job_and_its_tree(kind: type[Bench], tmp_path: Path, waiter: str) -> None:
    with SignalInterrupts() as interrupts:
        bench = kind(tmp_path, waiter, interrupts)
        note = tmp_path / "pid"
        bench.shell(f"trap '' TERM; sleep 60 & echo $! > {note}; wait", grace_s=60.0)
        held, _ = bench.shell("exec sleep 60", grace_s=60.0)
        pid = int(written(note))
        began = time.monotonic()
        bench.runner.close()
    assert time.monotonic() - began < 2
    assert not is_alive(held)
    assert identity(pid) is None or not is_alive(str(identity(pid)))


# What cannot start


def test_fault_14_a_missing_program_is_named_with_where_it_was_looked_for(bench: Bench) -> None:
    failed = bench.failure(bench.launch("no-such-program", PATH="/nowhere"))
    assert failed == SpawnFailed("ENOENT", "no program called no-such-program in PATH=/nowhere")
    failed = bench.failure(bench.launch("/nowhere/program"))
    assert failed == SpawnFailed("ENOENT", "the program /nowhere/program does not exist")


def test_fault_14_a_file_without_the_execute_bit_is_eacces(bench: Bench, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o644)
    assert bench.failure(bench.launch(str(script))) == SpawnFailed("EACCES", f"{script} is not executable")
    assert bench.failure(bench.launch("script", PATH=str(tmp_path))).error == "EACCES"
    assert bench.failure(bench.launch(str(tmp_path))) == SpawnFailed("EACCES", f"{tmp_path} is a folder")


def test_fault_14_a_script_without_a_first_line_is_enoexec_and_never_given_to_a_shell(
    bench: Bench, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text("touch ran\n")
    script.chmod(0o755)
    failed = bench.failure(bench.launch(str(script), cwd=str(tmp_path)))
    assert failed.error == "ENOEXEC"
    assert str(script) in failed.text
    assert not (tmp_path / "ran").exists()


def test_fault_14_a_missing_interpreter_is_told_apart_from_a_missing_script(bench: Bench, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/nowhere/python\n")
    script.chmod(0o755)
    failed = bench.failure(bench.launch(str(script)))
    assert failed.error == "ENOENT"
    assert "interpreter" in failed.text


def test_fault_15_arguments_that_are_too_long_are_e2big_with_their_size(bench: Bench) -> None:
    failed = bench.failure(bench.launch("true", "x" * 3_000_000))
    assert failed.error == "E2BIG"
    assert "argument list too long: 3000" in failed.text


def test_fault_16_a_missing_working_folder_is_not_taken_for_a_missing_program(bench: Bench, tmp_path: Path) -> None:
    failed = bench.failure(bench.launch("true", cwd=str(tmp_path / "gone")))
    assert failed == SpawnFailed("ENOENT", f"the working folder {tmp_path}/gone does not exist")
    (tmp_path / "file").touch()
    assert bench.failure(bench.launch("true", cwd=str(tmp_path / "file"))).error == "ENOTDIR"


def test_a_log_that_cannot_be_made_is_not_taken_for_a_missing_program(bench: Bench, tmp_path: Path) -> None:
    launch = bench.launch("true")._replace(log=str(tmp_path / "no" / "folder.log"))
    assert "cannot write the log" in bench.failure(launch).text


def test_arguments_no_process_can_have_are_einval(bench: Bench) -> None:
    assert bench.failure(bench.launch("true", "a\0b")).error == "EINVAL"
    assert bench.failure(bench.launch()).error == "EINVAL"
    assert bench.failure(bench.launch("true", **{"A=B": "c"})).error == "EINVAL"


def test_one_launch_that_fails_does_not_keep_the_others_from_starting(bench: Bench) -> None:
    first, second, third = bench.runner.submit(
        [bench.launch("true"), bench.launch("no-such-program"), bench.launch("false")]
    )
    assert bench.failed(second).error == "ENOENT"
    assert bench.ended(first, third) == {first: Exited(0), third: Exited(1)}


# Where and with what a child starts


def test_a_child_starts_in_its_folder_and_we_stay_in_ours(bench: Bench, tmp_path: Path) -> None:
    here = os.getcwd()
    launch = bench.launch("pwd", cwd=str(tmp_path))
    bench.ended(bench.start(launch))
    assert Path(log_of(launch).strip()) == tmp_path.resolve()
    assert os.getcwd() == here


def test_a_relative_program_is_looked_for_in_the_childs_folder(bench: Bench, tmp_path: Path) -> None:
    script = tmp_path / "hello"
    script.write_text("#!/bin/sh\nexit 6\n")
    script.chmod(0o755)
    handle = bench.start(bench.launch("./hello", cwd=str(tmp_path)))
    assert bench.ended(handle) == {handle: Exited(6)}
    failed = bench.failure(bench.launch("./hullo", cwd=str(tmp_path)))
    assert failed.text == f"the program ./hullo does not exist in {tmp_path}"


def test_a_program_is_looked_for_on_the_childs_path_and_not_on_ours(bench: Bench, tmp_path: Path) -> None:
    script = tmp_path / "only-here"
    script.write_text("#!/bin/sh\nexit 8\n")
    script.chmod(0o755)
    handle = bench.start(bench.launch("only-here", PATH=f"/nowhere:{tmp_path}"))
    assert bench.ended(handle) == {handle: Exited(8)}


def test_fault_17_a_child_leads_a_session_of_its_own_without_a_terminal(bench: Bench) -> None:
    handle, launch = bench.shell(
        f"exec {shlex.quote(sys.executable)} -S -c 'import os; print(os.getsid(0) == os.getpid())'"
    )
    bench.ended(handle)
    assert log_of(launch) == "True\n"


@linux
def test_fault_23_a_child_inherits_its_three_descriptors_and_no_other(
    kind: type[Bench], tmp_path: Path, waiter: str
) -> None:
    leaked = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(leaked, True)
    with SignalInterrupts() as interrupts:
        bench = kind(tmp_path, waiter, interrupts)
        launch = bench.launch("ls", "-l", "/proc/self/fd")
        bench.ended(bench.start(launch))
        bench.runner.close()
    os.close(leaked)
    targets = [line.split(" -> ")[1] for line in log_of(launch).splitlines() if " -> " in line]
    assert targets[:2] == ["/dev/null", targets[2]]
    assert targets[2].startswith("pipe:") if kind is FilteredBench else targets[2] == launch.log
    assert len(targets) == 4, "ls itself has the folder open"
    assert "/proc/" in targets[3]


@linux
def test_a_child_starts_with_no_signal_ignored_or_blocked(bench: Bench) -> None:
    ignored = signal.SIGUSR1
    before = signal.signal(ignored, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    try:
        launch = bench.launch("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
        bench.ended(bench.start(launch))
    finally:
        signal.signal(ignored, before)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
    standard = (1 << 31) - 1  # the two after these are the C library's own
    assert [int(line.split()[1], 16) & standard for line in log_of(launch).splitlines()] == [0, 0]


def run_under(preamble: str, tmp_path: Path, waiter: str) -> str:
    """Run one attempt in a program that a careless parent has started."""
    script = f"""
import os, signal, sys
{preamble}
sys.path[:0] = {sys.path!r}
from pathlib import Path
from contracts.test_runner import Bench, SignalInterrupts
with SignalInterrupts() as interrupts:
    bench = Bench(Path({str(tmp_path)!r}), {waiter!r}, interrupts)
    print(bench.outcome("exit 7"))
    bench.runner.close()
"""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()


def test_fault_113_a_parent_that_ignored_chld_does_not_cost_us_the_exit_status(tmp_path: Path, waiter: str) -> None:
    preamble = "signal.signal(signal.SIGCHLD, signal.SIG_IGN)"
    assert run_under(preamble, tmp_path, waiter) == "Exited(code=7)"


def test_fault_114_signals_that_a_parent_blocked_are_unblocked(tmp_path: Path, waiter: str) -> None:
    preamble = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD, signal.SIGTERM])"
    assert run_under(preamble, tmp_path, waiter) == "Exited(code=7)"


# Being found again


@linux
def test_a_job_is_found_by_its_token_and_by_no_other(bench: Bench) -> None:
    handle, launch = bench.shell("exec sleep 60")
    # Linux shows no environment in the moment in which a process is being executed.
    assert eventually(lambda: bench.runner.find(launch.token)) == [handle]
    assert bench.runner.find(launch.token + "0") == []
    bench.runner.cancel(handle)
    bench.ended(handle)
    assert bench.runner.find(launch.token) == []


def test_the_token_reaches_the_child_even_if_the_environment_lacks_it(bench: Bench) -> None:
    launch = bench.launch("sh", "-c", "echo $TETRA_ATTEMPT_TOKEN")._replace(env=BASE)
    bench.ended(bench.start(launch))
    assert log_of(launch).strip() == launch.token


def test_fault_33_a_process_that_got_the_pid_later_is_never_signalled(bench: Bench) -> None:
    with subprocess.Popen(["sleep", "60"]) as decoy:
        named = identity(decoy.pid)
        assert named is not None
        pid, start, boot = named.split(":")
        for wrong in (f"{pid}:{start}0:{boot}", f"{pid}:{start}:ffffffff", f"{pid}:0:-"):
            assert not is_alive(wrong)
            assert not signal_process(wrong, signal.SIGKILL)
            bench.runner.cancel(wrong)
        assert decoy.poll() is None
        assert signal_process(named, signal.SIGKILL)
        assert decoy.wait(5) == -signal.SIGKILL
