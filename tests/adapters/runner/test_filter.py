"""Attempts whose output passes through us, as real processes with each waiter."""

from __future__ import annotations

import os
import resource
import shlex
import stat
import sys
import time
from pathlib import Path

import pytest

from contracts.test_runner import (
    SECRET,
    WAITERS,
    Bench,
    CallBench,
    FilteredBench,
    FilteredCallBench,
    eventually,
    linux,
    log_of,
    written,
)
from tetra_orchestrator.adapters.interrupts import SignalInterrupts
from tetra_orchestrator.adapters.runner import local
from tetra_orchestrator.adapters.runner.spawn import SPARE
from tetra_orchestrator.core.facts import Bounds
from tetra_orchestrator.core.outcome import Exited, Signalled, SpawnFailed

PYTHON = f"exec {shlex.quote(sys.executable)} -S -c"


@pytest.fixture(params=WAITERS)
def bench(request: pytest.FixtureRequest, tmp_path: Path):
    with SignalInterrupts() as interrupts:
        bench = FilteredBench(tmp_path, request.param, interrupts)
        yield bench
        bench.runner.close()


def capped(launch, limit: int):
    return launch._replace(bounds=Bounds(log_bytes=limit))


def test_fault_96_a_secret_that_is_written_byte_by_byte_never_reaches_the_log(bench: Bench) -> None:
    script = "import os,time; [(os.write(1, b'%c' % b), time.sleep(0.002)) for b in b'<' + os.environb[b'S'] + b'>']"
    handle, launch = bench.shell(f'{PYTHON} "{script}"', S=SECRET.decode())
    seen = b""
    while not bench.runner.poll([handle]):
        bench.wait(1.0)
        seen += Path(launch.log).read_bytes()
    assert log_of(launch) == "<***>"
    assert not any(SECRET[:length] in seen for length in range(4, len(SECRET)))


def test_output_and_errors_keep_their_order_and_the_log_is_private(bench: Bench) -> None:
    before = os.umask(0)
    try:
        handle, launch = bench.shell(f"echo {SECRET.decode()} one; echo two >&2; echo three")
    finally:
        os.umask(before)
    bench.ended(handle)
    assert log_of(launch) == "*** one\ntwo\nthree\n"
    assert stat.S_IMODE(os.stat(launch.log).st_mode) == 0o600


def test_what_is_written_is_in_the_log_while_the_attempt_still_runs(bench: Bench) -> None:
    handle, launch = bench.shell("echo begun; exec sleep 60")

    def begun() -> bool:
        bench.runner.poll([])
        return log_of(launch) == "begun\n"

    eventually(begun)
    bench.runner.kill(handle)
    bench.ended(handle)


def test_patterns_mask_too(bench: Bench) -> None:
    launch = bench.launch("echo", "card 4111 of many")._replace(redact=(), patterns=(rb"card \d+",))
    bench.ended(bench.start(launch))
    assert log_of(launch) == "*** of many\n"


def test_a_pattern_that_takes_long_holds_up_neither_a_cancellation_nor_the_run_for_long(bench: Bench) -> None:
    endless = f"{PYTHON} \"import os\nwhile True: os.write(1, b'x' * 65536)\""
    launch = bench.launch("/bin/sh", "-c", endless)._replace(redact=(), patterns=(rb".*password=.*",))
    (handle,) = bench.runner.submit([launch])
    eventually(lambda: (bench.runner.poll([]), os.path.getsize(launch.log) > 0)[1])
    began = time.process_time()
    bench.runner.poll([])
    assert time.process_time() - began < 5.0  # a turn takes 1 MB at most; matching that at once takes a minute
    bench.runner.cancel(handle)
    assert bench.ended(handle) == {handle: Signalled(15)}


def test_a_cap_keeps_both_ends_and_says_so(bench: Bench) -> None:
    launch = capped(bench.launch("seq", "100000"), 10_000)
    handle = bench.start(launch)
    bench.ended(handle)
    log = log_of(launch)
    assert log.startswith("1\n2\n")
    assert log.endswith("\n100000\n")
    assert len(log) <= 10_000
    assert bench.facts[handle].limits == (("log_limit", "enforced"),)
    assert bench.facts[handle].note == f"{588_895 - len(kept(log))} bytes of output were left out of the log"


def kept(log: str) -> str:
    """The log without the line that counts what is missing, and the line's end before it."""
    head, _, rest = log.partition("\n... ")
    return head + rest.partition("...\n")[2]


@linux
def test_fault_46_a_full_disk_under_the_log_does_not_touch_the_attempt(bench: Bench) -> None:
    launch = bench.launch("sh", "-c", "seq 100; exit 3")
    handle = bench.start(launch._replace(log="/dev/full"))
    assert bench.ended(handle) == {handle: Exited(3)}
    assert bench.facts[handle].note == "292 bytes of output could not be written to the log: No space left on device"


def test_a_log_that_cannot_be_made_leaves_no_descriptor_open(bench: Bench, tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    failed = bench.failure(bench.launch("true")._replace(log=f"{tmp_path}/no/log"))
    assert failed == SpawnFailed("ENOENT", f"cannot write the log {tmp_path}/no/log: No such file or directory")
    assert isinstance(bench.failure(bench.launch("no-such-program")), SpawnFailed)
    assert len(os.listdir("/dev/fd")) == before


def test_the_last_descriptors_are_kept_for_looking_at_processes(bench: Bench) -> None:
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1 + SPARE, before[1]))
    try:
        answers = bench.runner.submit([bench.launch("true")])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert answers == [SpawnFailed("EMFILE", "no pipe can be had for its output: Too many open files")]


def test_no_descriptor_is_left_open_after_the_end(bench: Bench) -> None:
    before = len(os.listdir("/dev/fd"))
    handles = bench.runner.submit([bench.launch("true") for _ in range(10)])
    bench.ended(*handles)
    assert len(os.listdir("/dev/fd")) == before


# The end of the process is the end of the attempt, and not that of its output


@linux
def test_fault_08_output_that_a_stranger_holds_open_is_read_for_a_short_time_and_noted(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "DRAIN_S", 0.2)
    monkeypatch.setattr(local, "orphans", lambda known, buried: [])  # as where there is no sub-reaper
    note = tmp_path / "pid"
    line = (
        f"setsid env -u TETRA_ATTEMPT_TOKEN sh -c 'echo $$ > {note}; exec sleep 60' & until [ -s {note} ]; do :; done"
    )
    handle, launch = bench.shell(f"{line}; echo last words")
    stranger = int(written(note))
    try:
        assert bench.ended(handle) == {handle: Exited(0)}
    finally:
        os.kill(stranger, 9)
    assert log_of(launch) == "last words\n"
    assert bench.facts[handle].note == "its output was still open, and is no longer read"


def test_fault_10_the_end_of_the_output_is_not_the_end_of_the_attempt(bench: Bench) -> None:
    began = time.monotonic()
    handle, launch = bench.shell("echo said; exec >&- 2>&-; sleep 0.3; exit 4")
    assert bench.ended(handle) == {handle: Exited(4)}
    assert time.monotonic() - began >= 0.3
    assert log_of(launch) == "said\n"


def test_after_the_end_of_its_output_a_running_attempt_does_not_keep_us_awake(bench: Bench) -> None:
    handle, launch = bench.shell("echo said; exec >&- 2>&-; exec sleep 60")
    eventually(lambda: bench.runner.poll([]) == [] and Path(launch.log).stat().st_size)
    time.sleep(0.1)
    bench.runner.poll([])
    wakes, limit = 0, time.monotonic() + 0.4
    while (left := limit - time.monotonic()) > 0:
        bench.wait(left)
        bench.runner.poll([])
        wakes += 1
    assert wakes < 30
    bench.runner.kill(handle)
    bench.ended(handle)


def test_everything_written_before_the_exit_is_in_the_log(bench: Bench) -> None:
    handle, launch = bench.shell("seq 200000")
    bench.ended(handle)
    assert Path(launch.log).read_bytes() == b"".join(b"%d\n" % n for n in range(1, 200_001))


# Much output


@pytest.mark.parametrize("limit", [0, 2_000_000])
def test_fault_93_much_output_takes_no_memory_and_holds_up_nobody(bench: Bench, limit: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    handle = bench.start(capped(bench.launch("head", "-c", "200000000", "/dev/zero"), limit))
    assert bench.ended(handle, within_s=60) == {handle: Exited(0)}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB
    size = os.path.getsize(f"{bench.folder}/1.log")
    assert size == 200_000_000 if not limit else 1_900_000 < size <= limit
    os.unlink(f"{bench.folder}/1.log")


# Calls in a session


@pytest.fixture(params=WAITERS)
def calls(request: pytest.FixtureRequest, tmp_path: Path):
    with SignalInterrupts() as interrupts:
        bench = FilteredCallBench(tmp_path, request.param, interrupts)
        (tmp_path / "jobs.py").write_text(CALLS)
        yield bench
        bench.runner.close()


CALLS = """
import os, threading, time

def main():
    line = os.environ["LINE"]
    if line == "thread":
        threading.Thread(target=lambda: (time.sleep(0.3), os.write(1, b"later not-for-any-log\\n"))).start()
    elif line.isdigit():
        print("x" * 99 + "\\n", end="", flush=True)
        os.write(1, b"y" * int(line))
    else:
        print(line)
"""


def test_what_a_call_prints_is_masked(calls: CallBench) -> None:
    launches = [calls.job(f"one {SECRET.decode()} two"), calls.job("plain")._replace(redact=()), calls.job("three")]
    handles = calls.runner.submit(launches)
    assert set(calls.ended(*handles).values()) == {Exited(0)}
    assert [log_of(launch) for launch in launches] == ["one *** two\n", "plain\n", "three\n"]
    assert sorted(os.listdir(calls.folder)) == sorted(
        ["jobs.py", "__pycache__", *(Path(launch.log).name for launch in launches)]
    )


def test_the_log_of_a_call_is_capped_and_its_other_limits_are_not_kept(calls: CallBench) -> None:
    launch = calls.job("300000")._replace(bounds=Bounds(log_bytes=1000, memory_bytes=10**9, cpu=1.0))
    handle = calls.start(launch)
    assert calls.ended(handle) == {handle: Exited(0)}
    assert len(log_of(launch)) <= 1000
    facts = calls.facts[handle]
    assert set(facts.limits) == {("memory", "unsupported"), ("cpu", "unsupported"), ("log_limit", "enforced")}
    assert facts.note is not None
    assert facts.note.endswith("bytes of output were left out of the log")


def test_what_a_thread_of_the_worker_prints_between_calls_is_masked_too(calls: CallBench) -> None:
    first = calls.job("thread")
    handle = calls.start(first)
    calls.ended(handle)
    eventually(lambda: calls.runner.poll([]) == [] and log_of(first) == "later ***\n")
