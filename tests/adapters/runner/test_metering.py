"""What attempts took, of real processes: short ones by the kernel's account, long ones by looks at them besides.

The kernel counts processor time exactly, and memory to some hundred KiB; what is asked for here is within 10%.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contracts.test_runner import Bench, CallBench, WrappedBench, eventually, linux, written
from tetra_orchestrator.adapters.interrupts import SignalInterrupts
from tetra_orchestrator.adapters.runner import local
from tetra_orchestrator.adapters.runner.metering import census, meter
from tetra_orchestrator.adapters.runner.metering.meter import Meter, Tree
from tetra_orchestrator.adapters.runner.process import TOKEN, ProcessTable, become_subreaper, identity
from tetra_orchestrator.core.facts import UNKNOWN, Bounds, Usage
from tetra_orchestrator.core.outcome import Exited, LimitExceeded, OutOfMemory

pytestmark = linux

MB = 1_000_000
PYTHON = (sys.executable, "-S", "-c")
BURN = "import time\nwhile time.process_time() < {}: pass"
CHILDREN = f"""
import os, time
code = {BURN.format(0.2)!r}
pids = []
for n in range(20):
    pid = os.fork()
    pids.append(pid)
    if not pid:
        os.execv({sys.executable!r}, [{sys.executable!r}, "-S", "-c", code])
    WAIT
"""
#: Until all of them have died, of whom none is waited for.
STAY = "pass\nwhile any(open(f'/proc/{n}/stat').read().split(') ')[1][0] != 'Z' for n in pids): time.sleep(0.1)"


@pytest.fixture(autouse=True)
def subreaper() -> None:
    assert become_subreaper()


@pytest.fixture(params=[Bench, WrappedBench], ids=["bare", "wrapped"])
def bench(request: pytest.FixtureRequest, tmp_path: Path):
    with SignalInterrupts(children=True) as interrupts:
        bench = request.param(tmp_path, "pidfd", interrupts)
        yield bench
        bench.runner.close()


@pytest.fixture
def bare(tmp_path: Path):
    with SignalInterrupts(children=True) as interrupts:
        bench = Bench(tmp_path, "pidfd", interrupts)
        yield bench
        bench.runner.close()


def used(bench: Bench, *argv: str, **fields: object) -> Usage:
    """What an attempt took that has succeeded."""
    handle = bench.start(bench.launch(*argv)._replace(**fields))
    assert bench.ended(handle, within_s=60.0) == {handle: Exited(0)}
    return bench.facts[handle].usage


def holding(megabytes: int, seconds: float) -> str:
    return f"import time; x = bytearray({megabytes * MB}); time.sleep({seconds})"


# Short attempts


def test_a_burst_is_counted_to_the_millisecond_without_a_look_at_the_process_table(
    bare: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local.LocalRunner, "_look", lambda self, now: pytest.fail("an attempt under a second"))
    bare.runner._look_after_s = 60.0  # a second may pass before a loaded machine has burned its share
    usage = used(bare, *PYTHON, BURN.format(0.3))
    assert usage.cpu_s == pytest.approx(0.3, rel=0.1)
    assert usage.peak_pss_bytes is None


@pytest.mark.parametrize("kind", ["read", "write"])
def test_what_goes_to_and_from_disks_is_counted_of_short_attempts_too(bench: Bench, kind: str, disk_path: Path) -> None:
    if _is_memory(disk_path):
        pytest.skip("this folder is in memory: nothing goes to a disk")
    write = "f = os.open('x', os.O_RDWR | os.O_CREAT); [os.write(f, bytes(1000000)) for n in range(100)]; os.fsync(f)"
    read = "os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED); os.lseek(f, 0, 0)\nwhile os.read(f, 1 << 20): pass"
    usage = used(bench, *PYTHON, f"import os\n{write}\n{read}", cwd=str(disk_path))
    assert getattr(usage, f"{kind}_bytes") == pytest.approx(100 * MB, rel=0.1)


def _is_memory(path: Path) -> bool:
    done = subprocess.run(["stat", "-fc", "%T", path], capture_output=True, text=True, check=True)
    return done.stdout.strip() in ("tmpfs", "ramfs")


# Processes that come and go


@pytest.mark.parametrize("wait", ["os.waitpid(pid, 0)", STAY], ids=["waits", "does_not_wait"])
def test_the_time_of_children_that_die_quickly_counts_whether_or_not_their_parent_waits(
    bench: Bench, wait: str
) -> None:
    usage = used(bench, *PYTHON, CHILDREN.replace("WAIT", wait))
    assert usage.cpu_s == pytest.approx(20 * 0.2, rel=0.15)  # and what their interpreters took to begin


def test_of_children_that_their_parent_disowns_counts_what_was_seen_and_never_more_than_there_was(bare: Bench) -> None:
    disown = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
    usage = used(bare, *PYTHON, f"{disown}import os\nos.fork()\n{BURN.format(1.4)}")
    assert usage.cpu_s is not None
    assert 1.4 <= usage.cpu_s <= 2 * 1.4 * 1.1


def test_an_orphan_in_a_session_of_its_own_counts_once_it_was_seen(bare: Bench, tmp_path: Path) -> None:
    burned = tmp_path / "burned"
    burn = shlex.join([*PYTHON, f"import time; time.sleep(1.5)\n{BURN.format(0.7)}\nopen({str(burned)!r}, 'x')"])
    usage = used(bare, "sh", "-c", f"(setsid {burn} &) ; until test -e {burned}; do sleep 0.1; done; sleep 0.5")
    assert usage.cpu_s == pytest.approx(0.7, rel=0.1)


# Long attempts


def test_memory_counts_of_a_grandchild_that_has_a_session_of_its_own(bench: Bench) -> None:
    usage = used(bench, "sh", "-c", f"setsid {shlex.join([*PYTHON, holding(200, 2.5)])} & sleep 3")
    assert usage.peak_rss_bytes == pytest.approx(200 * MB, rel=0.1)
    assert usage.peak_pss_bytes == pytest.approx(200 * MB, rel=0.1)


def test_memory_of_several_processes_at_a_time_adds_up(bench: Bench) -> None:
    one = shlex.join([*PYTHON, holding(60, 1.8)])
    usage = used(bench, "sh", "-c", f"{one} & {one} & {one} & wait")
    assert usage.peak_rss_bytes == pytest.approx(3 * 68 * MB, rel=0.1)  # an interpreter takes 8 MB


def test_memory_that_processes_share_counts_once_in_their_parts(bare: Bench) -> None:
    code = "import os, time; x = bytearray(100_000_000); pids = [os.fork() for n in range(2)]; time.sleep(1.8)"
    usage = used(bare, *PYTHON, code)
    assert usage.peak_rss_bytes is not None
    assert usage.peak_rss_bytes > 380 * MB  # four processes
    assert usage.peak_pss_bytes == pytest.approx(100 * MB, rel=0.15)


def test_a_limited_attempt_is_measured_too(bare: Bench) -> None:
    usage = used(bare, *PYTHON, holding(60, 1.4), bounds=Bounds(memory_bytes=1 << 30, open_files=64))
    assert usage.peak_rss_bytes == pytest.approx(68 * MB, rel=0.1)


def test_an_attempt_that_has_run_out_of_memory_shows_how_far_it_came(bare: Bench) -> None:
    # more than what this process has itself, below which a peak is nobody's
    handle = bare.start(bare.launch(*PYTHON, holding(900, 5))._replace(bounds=Bounds(memory_bytes=400 * MB)))
    (outcome,) = bare.ended(handle, within_s=20.0).values()
    assert isinstance(outcome, OutOfMemory | LimitExceeded)
    peak = bare.facts[handle].usage.peak_rss_bytes
    assert peak is not None
    assert peak == pytest.approx(400 * MB, rel=0.1) if isinstance(outcome, OutOfMemory) else peak > 400 * MB


def test_what_a_wrapper_takes_itself_does_not_count(tmp_path: Path) -> None:
    with SignalInterrupts(children=True) as interrupts:
        bench = WrappedBench(tmp_path, "pidfd", interrupts)
        usage = used(bench, "sleep", "1.6")
        bench.runner.close()
    assert usage.peak_rss_bytes is not None
    assert usage.peak_rss_bytes < 4 * MB
    assert usage.cpu_s is not None
    assert usage.cpu_s < 0.02


def test_what_is_ended_for_its_time_has_its_use_all_the_same(bench: Bench) -> None:
    handle = bench.start(bench.launch(*PYTHON, f"x = bytearray({100 * MB})\nwhile True: pass"))
    limit = time.monotonic() + 1.5
    while time.monotonic() < limit:
        bench.wait(limit - time.monotonic())
        assert not bench.runner.poll([])
    bench.runner.cancel(handle)
    bench.ended(handle)
    usage = bench.facts[handle].usage
    assert usage.cpu_s is not None
    assert 0.2 < usage.cpu_s < 1.8  # others may have wanted the processors, too
    assert usage.peak_rss_bytes == pytest.approx(108 * MB, rel=0.1)


# Calls


def test_a_call_knows_what_it_took_and_not_what_the_calls_before_it_did(tmp_path: Path) -> None:
    module = "import time\ndef main():\n    BODY\n"
    big = "end = time.process_time() + 0.3; x = bytearray(100_000_000)\n    while time.process_time() < end: pass"
    (tmp_path / "big.py").write_text(module.replace("BODY", big))
    (tmp_path / "small.py").write_text(module.replace("BODY", "pass"))
    with SignalInterrupts(children=True) as interrupts:
        bench = CallBench(tmp_path, "pidfd", interrupts)
        usages = []
        for name in ("big", "small"):
            launch = bench.job("true", PYTHONPATH=str(tmp_path))
            assert launch.call
            call = launch.call._replace(function=f"{name}.main", cwd=str(tmp_path))
            handle = bench.start(launch._replace(call=call))
            assert bench.ended(handle) == {handle: Exited(0)}
            usages.append(bench.facts[handle].usage)
        bench.runner.close()
    big_one, small = usages
    assert big_one.cpu_s == pytest.approx(0.3, rel=0.15)
    assert big_one.peak_rss_bytes is not None
    assert small.peak_rss_bytes is not None
    assert big_one.peak_rss_bytes > 100 * MB > 50 * MB > small.peak_rss_bytes
    assert small.cpu_s is not None
    assert small.cpu_s < 0.05
    assert (small.read_bytes, small.peak_pss_bytes) == (0, None)


# What may go wrong while processes are looked at


def test_fault_105_a_process_that_vanishes_while_it_is_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(census.everyone())
    child = subprocess.Popen(["sleep", "60"])
    own = [one for one in census.everyone() if one[0] == child.pid]
    child.kill()
    child.wait()
    monkeypatch.setattr(meter, "everyone", lambda: iter([*found, *own]))
    looked = Meter(adopts=False)
    looked.look([Tree("key", "token", child.pid)])
    assert looked.usage("key").peak_rss_bytes is not None
    assert census.transferred(child.pid) == (0, 0)
    assert census.proportional(child.pid, 5) == 5
    monkeypatch.undo()
    looked.look([Tree("key", "token", child.pid)])
    assert looked.usage("key").peak_rss_bytes is not None


def test_fault_105_a_zombie_has_its_time_and_no_memory() -> None:
    child = subprocess.Popen([*PYTHON, BURN.format(0.2)])
    eventually(lambda: Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
    looked = Meter(adopts=False)
    looked.look([Tree("key", "token", child.pid)])
    child.wait()
    assert looked.usage("key").cpu_s == pytest.approx(0.2, rel=0.2)
    assert looked.usage("key").peak_rss_bytes == 0


def test_fault_105_what_may_not_be_read_counts_as_far_as_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path, *rest, **named):
        if str(path).endswith(("/smaps_rollup", "/io", "/environ")):
            raise PermissionError(13, "Permission denied")
        return real(path, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    looked = Meter(adopts=False)
    looked.look([Tree("key", "token", os.getpid())])
    usage = looked.usage("key")
    assert usage.peak_pss_bytes == usage.peak_rss_bytes  # all of its memory is the most that may be its part
    assert (usage.read_bytes, usage.write_bytes) == (0, 0)


def test_fault_120_without_proc_the_kernels_account_is_all_there_is(
    bare: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter, "everyone", lambda: iter(()))
    usage = used(bare, *PYTHON, f"{BURN.format(0.2)}\ntime.sleep(1.2)")
    assert usage.cpu_s == pytest.approx(0.2, rel=0.15)
    assert usage.peak_pss_bytes is None


def test_a_name_with_brackets_and_spaces_does_not_shift_the_figures(bare: Bench, tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 (b"
    program.symlink_to("/bin/sleep")
    usage = used(bare, str(program), "1.3")
    assert usage.peak_rss_bytes is not None
    assert 100_000 < usage.peak_rss_bytes < 10 * MB


# What looking costs


def test_looks_take_less_than_one_percent_of_a_cpu_however_long_one_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = iter(range(1000))
    monkeypatch.setattr(time, "thread_time", lambda: next(spent) * 0.5)  # each look takes half a second
    looked = Meter(adopts=False)
    before = time.monotonic()
    looked.look([Tree("key", "token", os.getpid())])
    assert looked.due - before > 0.5 / 0.01
    assert looked.soonest == looked.due


def test_looks_grow_rarer_up_to_five_seconds_and_begin_anew_with_a_new_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = Meter(adopts=False)
    trees = [Tree("key", "token", os.getpid())]

    def pause() -> float:
        before = time.monotonic()
        looked.look(trees)
        return looked.due - before

    monkeypatch.setattr(time, "thread_time", lambda: 0.0)  # a look costs nothing
    pauses = [pause() for _ in range(10)]
    assert pauses[0] == pytest.approx(1.0, abs=0.3)
    assert pauses[-1] == pytest.approx(5.0, abs=0.3)
    trees.append(Tree("new", "other", None))
    assert pause() == pytest.approx(1.0, abs=0.3)


def test_who_is_known_to_be_a_stranger_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = Meter(adopts=False)
    looked.look([Tree("key", "token", os.getpid())])
    asked = []
    monkeypatch.setattr(meter, "token_of", asked.append)
    monkeypatch.setattr(meter, "row", lambda pid, figures: asked.append(pid) or census.row(pid, figures))
    looked.look([Tree("key", "token", os.getpid())])
    assert len(asked) < 10, "only ourselves, our children, and who has begun in the meantime"


def test_shared_memory_is_not_looked_at_where_that_would_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tetra_orchestrator.adapters.runner.metering.tally._BYTE_S", 1.0)
    looked = Meter(adopts=False)
    looked.look([Tree("key", "token", os.getpid())])
    assert looked.usage("key").peak_rss_bytes
    assert looked.usage("key").peak_pss_bytes is None


# Attempts of others, as they are now


def test_T_259_what_running_attempts_take_is_known_by_token_and_handle(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    line = f"echo $$ > {shlex.quote(str(note))}; {shlex.join([*PYTHON, holding(100, 60)])} & wait"
    main = subprocess.Popen(["sh", "-c", line], start_new_session=True, env={TOKEN: "t-1", "PATH": os.environ["PATH"]})
    try:
        handle = identity(int(written(note)))
        table = ProcessTable()
        asked = {"t-1": handle, "t-2": None, "t-3": "1:2:3", "t-4": f"{handle}#7"}
        eventually(lambda: (table.usage(asked)["t-1"].peak_rss_bytes or 0) > 100 * MB)
        found = table.usage(asked)
        assert found.keys() == {"t-1", "t-4"}
        assert found["t-4"].peak_rss_bytes == pytest.approx(108 * MB, rel=0.1)
        assert table.usage({"t-1": None})["t-1"].peak_rss_bytes == pytest.approx(108 * MB, rel=0.1)
    finally:
        os.killpg(main.pid, signal.SIGKILL)
        main.wait()


def test_nothing_is_known_of_attempts_that_do_not_run() -> None:
    assert ProcessTable().usage({"no-such-token": None}) == {}
    assert Meter(adopts=False).usage("unknown") == Meter(adopts=False).forget("unknown") == UNKNOWN
