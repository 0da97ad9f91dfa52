"""How attempts end in odd ways: what cannot be killed, what may be left, what passes its limit, and what proves it."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path

import pytest

from contracts.test_runner import Bench, eventually, linux, written
from tetra_orchestrator.adapters.interrupts import SignalInterrupts
from tetra_orchestrator.adapters.runner import local, process, processtable
from tetra_orchestrator.adapters.runner.limits import guard as limits
from tetra_orchestrator.adapters.runner.process import become_subreaper, find, identity, is_alive, signal_process
from tetra_orchestrator.core.facts import Bounds, Usage
from tetra_orchestrator.core.outcome import Exited, LimitExceeded, OutOfMemory, Signalled, SpawnFailed, Unkillable

FREEZER = Path("/sys/fs/cgroup/freezer")


@pytest.fixture
def bench(tmp_path: Path):
    with SignalInterrupts() as interrupts:
        bench = Bench(tmp_path, "", interrupts)
        yield bench
        bench.runner.close()


@pytest.fixture
def subreaper():
    if not become_subreaper():
        pytest.skip("no sub-reaper here")


# What the kernel does not let go of


@pytest.fixture
def frozen(tmp_path: Path):
    """Puts a process where no signal reaches it, not even KILL, until the test is over."""
    group = FREEZER / f"tetra-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"a freezer of cgroup v1 is needed for a process in state D: {error}")

    def freeze(pid: int) -> None:
        (group / "cgroup.procs").write_text(str(pid))
        (group / "freezer.state").write_text("FROZEN")
        eventually(lambda: (group / "freezer.state").read_text() == "FROZEN\n")

    yield freeze
    (group / "freezer.state").write_text("THAWED")
    eventually(lambda: not (group / "cgroup.procs").read_text())
    group.rmdir()


@linux
def test_fault_19_a_process_that_kill_does_not_end_is_given_up_and_named(
    bench: Bench, frozen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "KILL_LIMIT_S", 0.3)
    handle = bench.start(bench.launch("sleep", "60"))
    pid, lasting = int(handle.split(":")[0]), bench.runner.lasting(handle)
    frozen(pid)
    bench.runner.cancel(handle)
    assert bench.ended(handle) == {
        handle: Unkillable(f"process {pid} (state D) is still there 0.3 s after KILL"),
    }
    assert bench.facts[handle].gone is None
    assert is_alive(lasting)
    other = bench.start(bench.launch("false"))
    assert bench.ended(other) == {other: Exited(1)}, "the runner goes on"
    began = time.monotonic()
    bench.runner.close()
    assert time.monotonic() - began < 3.0, "and its close does not wait"


@linux
def test_fault_19_a_grandchild_that_kill_does_not_end_is_given_up_and_named(
    bench: Bench, frozen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "KILL_LIMIT_S", 0.3)
    note = tmp_path / "pid"
    handle, _ = bench.shell(f"sleep 60 & echo $! > {note}; wait")
    pid = int(written(note))
    frozen(pid)
    bench.runner.kill(handle)
    expected = Unkillable(f"process {pid} (state D) is still there 0.3 s after KILL")
    assert bench.ended(handle) == {handle: expected}


def test_a_main_process_that_is_given_up_and_ends_after_all_changes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "KILL_LIMIT_S", 0.1)
    monkeypatch.setattr(process, "signal_group", lambda group, signum: True)
    monkeypatch.setattr(process, "signal_process", lambda handle, signum: True)
    handle = bench.start(bench.launch("sleep", "2"))
    bench.runner.kill(handle)
    assert isinstance(bench.ended(handle)[handle], Unkillable)
    limit = time.monotonic() + 10
    while identity(int(handle.split(":")[0])):
        assert time.monotonic() < limit, "it is reaped all the same"
        assert bench.runner.poll([handle]) == []
        time.sleep(0.01)


# What may be left


DAEMON = "setsid sh -c 'echo $$ > {note}; exec sleep 60' >/dev/null 2>&1 & until [ -s {note} ]; do :; done; "


@pytest.fixture
def note(tmp_path: Path):
    note = tmp_path / "daemon"
    yield note
    if note.exists():
        signal_process(identity(int(note.read_text())) or "", signal.SIGKILL)


@linux
@pytest.mark.usefixtures("subreaper")
def test_fault_09_what_a_background_attempt_leaves_lives_on_beyond_our_close(bench: Bench, note: Path) -> None:
    launch = bench.launch("sh", "-c", DAEMON.format(note=note) + "exit 0")._replace(background=True)
    handle = bench.start(launch)
    assert bench.ended(handle) == {handle: Exited(0)}
    assert bench.facts[handle].note == "it left 1 process in the background"
    assert bench.facts[handle].gone is None
    bench.runner.close()
    assert find(launch.token) == [identity(int(written(note)))]


@linux
@pytest.mark.usefixtures("subreaper")
def test_a_daemon_that_has_shed_its_environment_too_is_noted_and_lives_on(bench: Bench, note: Path) -> None:
    daemon = f"env -i setsid sh -c 'echo $$ > {note}; exec sleep 60' >/dev/null 2>&1 & sleep 0.3"
    handle = bench.start(bench.launch("sh", "-c", daemon)._replace(background=True))
    assert bench.ended(handle) == {handle: Exited(0)}
    assert bench.facts[handle].note == "it left 1 process in the background"
    bench.runner.close()
    alive = identity(int(written(note)))
    assert alive is not None
    assert is_alive(alive)


@linux
@pytest.mark.usefixtures("subreaper")
def test_what_a_background_attempt_leaves_is_ended_when_it_fails_so_that_it_can_be_tried_again(
    bench: Bench, note: Path
) -> None:
    launch = bench.launch("sh", "-c", DAEMON.format(note=note) + "exit 4")._replace(background=True)
    handle = bench.start(launch)
    assert bench.ended(handle) == {handle: Exited(4)}
    assert find(launch.token) == []


@linux
def test_cancel_ends_what_a_background_attempt_has_started_too(bench: Bench, note: Path) -> None:
    launch = bench.launch("sh", "-c", DAEMON.format(note=note) + "exec sleep 60")._replace(background=True)
    handle = bench.start(launch)
    written(note)
    bench.runner.cancel(handle)
    assert bench.ended(handle) == {handle: Signalled(signal.SIGTERM)}
    assert find(launch.token) == []


def test_a_background_attempt_that_leaves_nothing_has_nothing_to_note(bench: Bench) -> None:
    handle = bench.start(bench.launch("true")._replace(background=True))
    bench.ended(handle)
    assert bench.facts[handle].note is None


# What an attempt took, and what showed that it was gone


def own_peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def test_an_attempt_knows_the_cpu_time_and_the_memory_that_it_took(bench: Bench) -> None:
    size = own_peak() + 50_000_000  # only what exceeds our own peak is known to be the attempt's
    script = f"x = bytearray({size})\nfor n in range(3_000_000): pass"
    handle = bench.start(bench.launch(sys.executable, "-S", "-c", script))
    bench.ended(handle)
    usage = bench.facts[handle].usage
    assert usage.cpu_s is not None
    assert 0.01 < usage.cpu_s < 30
    assert usage.peak_rss_bytes is not None
    assert size < usage.peak_rss_bytes < size + 100_000_000


@linux
def test_a_peak_below_our_own_is_not_taken_for_the_attempts(bench: Bench) -> None:
    handle = bench.start(bench.launch("true"))
    bench.ended(handle)
    assert bench.facts[handle].usage.peak_rss_bytes is None, "a child begins in its parent's memory"


@linux
@pytest.mark.usefixtures("subreaper")
def test_in_a_subreaper_the_list_of_children_proves_that_a_tree_is_gone(bench: Bench) -> None:
    handle, _ = bench.shell("sleep 60 & exit 0")
    bench.ended(handle)
    assert bench.facts[handle].gone == "children"


@linux
def test_elsewhere_the_process_table_does_or_the_group(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processtable, "_children_fd", -1)
    quiet, _ = bench.shell("exit 0")
    cancelled, _ = bench.shell("exec sleep 60")
    bench.runner.cancel(cancelled)
    bench.ended(quiet, cancelled)
    assert (bench.facts[quiet].gone, bench.facts[cancelled].gone) == ("group", "table")


# Limits, whoever keeps them


class FakeGuard:
    """Keeps a limit as the test says."""

    limits = (("memory", "watched"),)

    def __init__(self) -> None:
        self.look_at: float | None = None
        self.found: LimitExceeded | None = None
        self.population = [False]
        self.calls: list[str] = []

    def command(self, argv, env):
        return ("/usr/bin/env", *argv), env

    def look(self, pid: int, token: str, now: float) -> LimitExceeded | None:
        self.calls.append("look")
        self.look_at = now + 0.05
        return self.found

    def cause(self, outcome):
        return OutOfMemory(5) if outcome == Signalled(signal.SIGKILL) else outcome

    def empty(self) -> bool | None:
        return not (self.population.pop(0) if len(self.population) > 1 else self.population[0])

    def usage(self) -> Usage:
        return Usage(cpu_s=777.0)

    def kill(self) -> bool:
        self.calls.append("kill")
        return True

    def note(self) -> str | None:
        return "seen"

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> FakeGuard:
    fake = FakeGuard()
    monkeypatch.setattr(limits, "guard", lambda launch: fake)
    return fake


def limited(bench: Bench, line: str):
    return bench.launch("sh", "-c", line)._replace(bounds=Bounds(memory_bytes=1))


def test_an_attempt_with_a_guard_says_how_its_limits_were_kept(bench: Bench, guard: FakeGuard) -> None:
    handle = bench.start(limited(bench, "exit 3"))
    assert bench.ended(handle) == {handle: Exited(3)}
    facts = bench.facts[handle]
    assert (facts.limits, facts.gone, facts.note) == ((("memory", "watched"),), "cgroup", "seen")
    assert guard.calls == ["close"]


def test_what_the_kernel_counted_for_a_control_group_holds_where_it_is_more(bench: Bench, guard: FakeGuard) -> None:
    handle = bench.start(limited(bench, "exit 0"))
    bench.ended(handle)
    assert bench.facts[handle].usage.cpu_s == 777.0


def test_an_attempt_that_passes_its_limit_is_ended_for_it(bench: Bench, guard: FakeGuard) -> None:
    guard.look_at = time.monotonic()
    handle = bench.start(limited(bench, "exec sleep 60"))
    eventually(lambda: bench.runner.poll([]) == [] and len(guard.calls) > 2)
    guard.found = LimitExceeded("memory", "9 bytes in use are more than its limit of 1")
    assert bench.ended(handle) == {handle: guard.found}
    assert guard.calls[-1] == "close"
    assert guard.calls.count("look") == len(guard.calls) - 1


def test_a_kill_by_the_kernel_is_told_by_the_guard(bench: Bench, guard: FakeGuard) -> None:
    handle = bench.start(limited(bench, "kill -9 $$"))
    assert bench.ended(handle) == {handle: OutOfMemory(5)}


def test_an_attempt_has_not_ended_while_its_control_group_holds_a_process(bench: Bench, guard: FakeGuard) -> None:
    guard.population = [True, True, True, False]
    handle = bench.start(limited(bench, "exit 0")._replace(kill_grace_s=0.01))
    assert bench.ended(handle) == {handle: Exited(0)}
    assert "kill" in guard.calls
    assert guard.population == [False]


def test_a_guard_that_cannot_be_prepared_is_why_the_attempt_does_not_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(launch):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(limits, "guard", refuse)
    failed = bench.failure(limited(bench, "exit 0")._replace(redact=(b"a-secret",)))
    assert failed == SpawnFailed("EACCES", "its limits cannot be set: Permission denied")


def test_a_program_that_is_missing_is_named_although_another_is_started_for_it(bench: Bench, guard: FakeGuard) -> None:
    failed = bench.failure(bench.launch("no-such", PATH="/nowhere")._replace(bounds=Bounds(memory_bytes=1)))
    assert failed == SpawnFailed("ENOENT", "no program called no-such in PATH=/nowhere")
    assert guard.calls == ["close"]
