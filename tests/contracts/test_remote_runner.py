"""What only a remote runner must do: its engine may lose a job, start it twice or late, and be silent; its worker, the
worker's guardian and we may die or stand still at any time. No task runs twice, or beside its next attempt."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.test_runner import RemoteBench, eventually, log_of, written
from support.waiting import is_gone, until
from tetra_orchestrator.adapters.interrupts import SignalInterrupts
from tetra_orchestrator.adapters.runner.process import find, pid_of, signal_process
from tetra_orchestrator.adapters.runner.remote import held, verdict
from tetra_orchestrator.adapters.runner.remote.folder import JobFolder
from tetra_orchestrator.adapters.runner.remote.verdict import LeaseWatch
from tetra_orchestrator.adapters.runner.wrapped.wrapping import ROOT
from tetra_orchestrator.core.outcome import Cancelled, Exited, Lost, Signalled, SpawnFailed, Unkillable
from tetra_orchestrator.ports import Ended, Launch, Wants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
HOST = os.uname().nodename
LATE = f"its worker on {HOST} gave no sign of life for half its lease, or could not"
#: Says that it is there, again and again, until it is ended.
TICKS = 'while :; do echo "$1" >>"$0"; sleep 0.05; done'


class ShortBench(RemoteBench):
    """With a lease so short that one can wait for its end."""

    lease_s = 3.0


class ShorterBench(RemoteBench):
    """With one that nobody has to keep."""

    lease_s = 1.5


def _bench(kind: type[RemoteBench], folder: Path):
    with SignalInterrupts() as interrupts:
        bench = kind(folder, "", interrupts)
        yield bench
        bench.engine.mood("away", False)
        bench.runner.close()
        bench.engine.end()


@pytest.fixture
def far(tmp_path: Path):
    yield from _bench(RemoteBench, tmp_path)


@pytest.fixture
def short(tmp_path: Path):
    yield from _bench(ShortBench, tmp_path)


def one(bench: RemoteBench, handle: str, within_s: float = 30.0):
    """How the one attempt ended."""
    return bench.ended(handle, within_s=within_s)[handle]


def ticking(bench: RemoteBench, name: str = "a") -> Launch:
    return bench.launch("sh", "-c", TICKS, str(bench.folder / "journal"), name, grace_s=0.2)


def journal(bench: RemoteBench) -> list[str]:
    path = bench.folder / "journal"
    return path.read_text().split() if path.exists() else []


def guardian_and_worker(bench: RemoteBench, launch: Launch) -> tuple[int, int]:
    (guardian,) = map(pid_of, bench.engine.workers(launch.token))
    children = Path(f"/proc/{guardian}/task/{guardian}/children")
    (worker,) = eventually(lambda: children.read_text().split())
    return guardian, int(worker)


def leftovers(bench: RemoteBench) -> list[str]:
    return [path.name for path in (bench.jobs / "far").iterdir() if path.name != "clock"]


# Claims


def test_how_long_it_took_does_not_count_how_long_it_waited_or_was_looked_for(far):
    began = time.monotonic()
    launch = far.launch("sleep", "0.3")
    handle = far.start(launch)
    until((far.jobs / "far" / f"{launch.token}.ended").exists)
    lasted_s = time.monotonic() - began
    time.sleep(0.5)
    ended: list[Ended] = []
    until(lambda: ended.extend(far.runner.poll([handle])) or ended)
    assert 0.3 <= ended[0].lasted_s < lasted_s + 0.2


def test_an_engine_that_starts_a_job_twice_has_it_done_once(far: RemoteBench) -> None:
    far.engine.mood("twice")
    handle, _ = far.shell(f"echo done >>{far.folder}/journal; sleep 0.3")
    assert one(far, handle) == Exited(0)
    assert journal(far) == ["done"]


@pytest.mark.parametrize("over", [False, True], ids=["while it runs", "after its end"])
def test_a_job_that_is_delivered_again_is_not_done_again(far: RemoteBench, over: bool) -> None:
    handle, launch = far.shell(f"echo done >>{far.folder}/journal; until [ -e {far.folder}/go ]; do sleep 0.05; done")
    until(lambda: journal(far) == ["done"])
    if over:
        (far.folder / "go").touch()
        assert one(far, handle) == Exited(0)
    again = far.engine.start_again(launch.token)
    until(lambda: not Path(f"/proc/{again}").exists() or "Z" in Path(f"/proc/{again}/stat").read_text())
    (far.folder / "go").touch()
    assert over or one(far, handle) == Exited(0)
    assert journal(far) == ["done"]


def test_a_claim_is_made_once_and_never_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    folder = JobFolder(str(tmp_path), "a" * 32)
    assert not folder.claim("too early")
    folder.make({}, b"")
    assert folder.claimed_by() is None
    assert [folder.claim("first"), folder.claim("second"), folder.claimed_by()] == [True, False, "first"]
    folder.remove()
    assert not folder.claim("too late")
    assert list(tmp_path.iterdir()) == []


def test_what_is_to_be_done_is_for_our_eyes_only_and_gone_once_it_is_claimed(far: RemoteBench) -> None:
    far.engine.mood("holds")
    handle, launch = far.shell("exit 0", SECRET="in the environment")
    folder = far.jobs / "far" / launch.token
    request = folder / "request.json"
    assert b"in the environment" in request.read_bytes()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, request)] == [0o700, 0o600]
    far.engine.mood("holds", False)
    far.engine.known([])
    until(lambda: not request.exists())
    assert one(far, handle) == Exited(0)


def test_nothing_is_left_of_a_job_that_has_ended(far: RemoteBench) -> None:
    far.ended(*(far.shell(line)[0] for line in ("exit 0", "exit 3")), within_s=30)
    far.runner.poll(())
    assert leftovers(far) == []


def test_an_attempt_has_nothing_of_the_environment_of_its_engine_or_of_ours(far: RemoteBench) -> None:
    launch = far.launch("env", GREETING="hello")
    far.ended(far.start(launch), within_s=30)
    assert sorted(log_of(launch).splitlines()) == sorted(f"{name}={value}" for name, value in launch.env.items())


def test_a_worker_does_the_last_of_the_other_jobs_too_as_long_as_that_goes_quickly(far: RemoteBench) -> None:
    far.engine.mood("holds")
    (one_, first), (two, second), (three, third) = [far.shell(f"echo {n} >>{far.folder}/journal") for n in range(3)]
    far.engine.start_again(first.token, second.token, third.token)
    assert far.ended(one_, two, three, within_s=30) == {handle: Exited(0) for handle in (one_, two, three)}
    assert journal(far) == ["0", "2", "1"]
    far.engine.mood("holds", False)
    far.engine.known([])
    until(lambda: not any(far.engine.processes(launch.token) for launch in (first, second, third)))
    assert journal(far) == ["0", "2", "1"], "its engine has not forgotten them, and starts them in vain"


def test_a_job_that_another_one_s_worker_does_is_where_that_one_is(far: RemoteBench) -> None:
    far.engine.mood("holds")
    handle, first = far.shell("exit 0")
    _, second = far.shell("exec sleep 60")
    folders = [far.jobs / "far" / launch.token for launch in (first, second)]
    for number, folder in enumerate(folders):
        (folder / "place").write_text(f"array {number}\n")
    far.engine.start_again(first.token, second.token)
    assert one(far, handle) == Exited(0)
    until(lambda: find(second.token))
    assert (folders[1] / "place").read_text() == "array 1\narray 0\n"


# Waiting for its turn


def test_an_attempt_that_waits_has_not_begun_and_lives(far: RemoteBench) -> None:
    far.engine.mood("holds")
    handle, launch = far.shell("exit 0")
    far.wait(0.3)
    assert far.runner.poll([handle]) == []
    assert far.runner.begun([handle, "unknown"]) == {"unknown"}
    assert far.processes().survived({launch.token: None}) == {launch.token}
    far.engine.mood("holds", False)
    assert one(far, handle) == Exited(0)


@pytest.mark.parametrize("end", ["cancel", "kill"])
def test_what_is_ended_before_it_has_begun_never_begins_and_leaves_the_queue(far: RemoteBench, end: str) -> None:
    far.engine.mood("holds")
    handle, launch = far.shell(f"touch {far.folder}/ran")
    getattr(far.runner, end)(handle)
    assert one(far, handle) == Cancelled()
    assert far.engine.known([launch.token]) == set()
    far.engine.start_again(launch.token)
    until(lambda: far.engine.processes(launch.token) == [])
    assert not (far.folder / "ran").exists()
    assert leftovers(far) == []


def test_what_has_begun_unseen_is_ended_and_not_merely_called_off(far: RemoteBench) -> None:
    handle, launch = far.shell("exec sleep 60", grace_s=20.0)
    until(lambda: find(launch.token))
    far.runner.cancel(handle)
    assert one(far, handle) == Signalled(signal.SIGTERM)


def test_what_an_attempt_wants_is_what_its_engine_is_asked_for(far: RemoteBench) -> None:
    jobs = []
    far.engine.submit = lambda given: jobs.extend(given) or ["7"] * len(given)
    launch = far.launch("true")._replace(wants=Wants(2.5, 1 << 30, 1, 90.0, "etl.load"))
    far.start(launch)
    far.start(far.launch("true"))
    wanted = [(job.cpu, job.memory_bytes, job.gpu, job.time_limit_s, job.title) for job in jobs]
    assert wanted == [(2.5, 1 << 30, 1, 90.0, "etl.load"), (None, None, None, None, jobs[1].token)]
    assert jobs[0].folder == str(far.jobs / "far" / launch.token)


# Engines


def test_a_job_that_its_engine_refuses_does_not_start(far: RemoteBench) -> None:
    far.engine.mood("refuses")
    assert far.failure(far.launch("true")) == SpawnFailed("EINVAL", "invalid partition specified: nowhere")
    assert leftovers(far) == []


def test_a_job_that_its_engine_could_not_be_given_is_handed_in_as_soon_as_it_can_be(far, monkeypatch) -> None:
    monkeypatch.setattr(held, "_AGAIN_S", 0.2)
    far.engine.mood("away")
    handle, _ = far.shell(f"echo done >>{far.folder}/journal")
    far.wait(0.3)
    assert far.runner.poll([handle]) == []
    far.engine.mood("away", False)
    assert one(far, handle) == Exited(0)
    assert journal(far) == ["done"]


@pytest.mark.long
def test_a_job_that_is_refused_only_when_its_engine_can_be_asked_has_not_started(far: RemoteBench) -> None:
    far.engine.mood("away")
    handle, _ = far.shell("true")
    far.engine.mood("refuses")
    far.engine.mood("away", False)
    assert one(far, handle) == SpawnFailed("EINVAL", "invalid partition specified: nowhere")


def test_a_job_that_was_taken_without_an_answer_is_not_handed_in_twice(far: RemoteBench, monkeypatch) -> None:
    monkeypatch.setattr(held, "_AGAIN_S", 0.2)
    far.engine.mood("mute")
    far.engine.mood("holds")
    handle, _ = far.shell("exit 4")
    until(lambda: far.runner.poll([handle]) == [] and "known" in far.engine.asked)
    far.engine.mood("holds", False)
    assert one(far, handle) == Exited(4)
    assert far.engine.asked.count("submit") == 1


def test_a_job_that_its_engine_forgets_before_it_begins_is_lost_with_what_the_engine_said_last(
    far: RemoteBench,
) -> None:
    far.engine.mood("loses")
    handle, launch = far.shell(f"touch {far.folder}/ran")
    log = far.jobs / "far" / launch.token / "engine.log"
    log.write_text("starting\nno python at \x1b[31mall\n\n")
    why = "the engine of far no longer has it, and it never began: no python at \\x1b[31mall"
    assert one(far, handle) == Lost(why)
    assert not (far.folder / "ran").exists()


def test_a_job_that_begins_while_its_engine_forgets_it_goes_on_to_its_own_end(far: RemoteBench) -> None:
    handle = far.begin(far.job(f"until [ -e {far.folder}/go ]; do sleep 0.05; done; exit 6"))
    far.engine.mood("denies")
    far.wait(0.5)
    assert far.runner.poll([handle]) == []
    (far.folder / "go").touch()
    assert one(far, handle) == Exited(6)


def test_an_engine_is_asked_once_for_many_jobs_that_wait_and_never_for_those_that_run(far: RemoteBench) -> None:
    far.engine.mood("holds")
    handles = far.runner.submit([far.job("sleep 60") for _ in range(5)])
    far.engine.asked.clear()
    until(lambda: far.runner.poll(()) == [] and "known" in far.engine.asked)
    assert far.engine.asked == ["known"]
    far.engine.mood("holds", False)
    until(lambda: far.runner.poll(()) == [] and len(far.runner.begun(handles)) == 5)
    far.engine.asked.clear()
    for _ in range(4 * 5):
        time.sleep(far.poll_s)
        far.runner.poll(())
    assert far.engine.asked == []


def test_an_engine_that_takes_long_to_say_nothing_leaves_as_long_for_all_else(far: RemoteBench, monkeypatch) -> None:
    far.engine.mood("away")
    handle, _ = far.shell("exit 0")
    known = far.engine.known
    monkeypatch.setattr(far.engine, "known", lambda tokens: (time.sleep(0.5), known(tokens))[1])
    until(lambda: far.runner.poll([handle]) == [] and "known" in far.engine.asked)
    assert far.runner.wakeup().within_s > 0.3
    far.runner.cancel(handle)
    assert one(far, handle) == Cancelled()


def test_what_its_engine_ends_is_lost_and_says_so(far: RemoteBench) -> None:
    launch = far.job("sleep 60")
    handle = far.begin(launch)
    until(lambda: find(launch.token))
    far.engine.cancel([launch.token])
    why = "it was cancelled or preempted there, its time was over, or the machine is to stop"
    assert one(far, handle) == Lost(f"the engine ended its job on {HOST}: {why}")


def test_what_its_engine_ends_is_lost_although_it_then_succeeds(far: RemoteBench) -> None:
    ready = far.folder / "ready"
    line = f"trap 'exit 0' TERM; echo y >{ready}; while :; do sleep 0.05; done"
    launch = far.launch("sh", "-c", line, grace_s=20.0)
    handle = far.begin(launch)
    written(ready)
    far.engine.cancel([launch.token])
    assert isinstance(one(far, handle), Lost)


#: A worker that is told to end between the end of its task and its next look at what it is told.
TOLD_LATE = """
import os, signal, sys
from tetra_orchestrator.adapters.runner.remote import worker
run = worker.run
worker.run = lambda *args: (run(*args), os.kill(os.getpid(), signal.SIGTERM))[0]
sys.exit(worker.main())
"""


def test_what_its_engine_ends_is_lost_although_it_has_ended_before_its_worker_looks(far: RemoteBench) -> None:
    far.engine.mood("holds")
    handle, launch = far.shell("exit 0")
    subprocess.Popen([sys.executable, "-c", TOLD_LATE, far.jobs / "far" / launch.token])
    why = "it was cancelled or preempted there, its time was over, or the machine is to stop"
    assert one(far, handle) == Lost(f"the engine ended its job on {HOST}: {why}")


@pytest.mark.long
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(moods=st.lists(st.sampled_from(["away", "mute", "twice", "holds", "calm", "calm"]), min_size=1, max_size=4))
def test_whatever_mood_its_engine_is_in_every_job_is_done_once(tmp_path_factory, moods: list[str]) -> None:
    for far in _bench(RemoteBench, tmp_path_factory.mktemp("moods")):
        handles = []
        for number, mood in enumerate(moods):
            far.engine.mood(mood)
            handles.append(far.shell(f"echo {number} >>{far.folder}/journal; exit {number}")[0])
            far.wait(0.1)
            far.runner.poll(())
            far.engine.mood(mood, False)
        assert far.ended(*handles, within_s=60) == {handle: Exited(code) for code, handle in enumerate(handles)}
        assert sorted(journal(far)) == [str(number) for number in range(len(moods))]


# Workers


def test_a_worker_that_is_killed_has_its_task_ended_by_its_guardian(far: RemoteBench) -> None:
    launch = ticking(far)
    handle = far.begin(launch)
    until(lambda: journal(far))
    os.kill(guardian_and_worker(far, launch)[1], signal.SIGKILL)
    assert one(far, handle) == Lost(f"its worker on {HOST} died: killed by signal 9 (KILL)")
    assert find(launch.token) == []


def test_a_guardian_that_is_killed_has_its_task_ended_by_the_worker(far: RemoteBench) -> None:
    launch = ticking(far)
    handle = far.begin(launch)
    until(lambda: journal(far))
    os.kill(guardian_and_worker(far, launch)[0], signal.SIGKILL)
    assert one(far, handle) == Lost(f"the guardian of its worker on {HOST} died")
    assert find(launch.token) == []


def test_what_shed_its_environment_and_its_session_is_ended_with_its_worker(far: RemoteBench) -> None:
    note = far.folder / "pid"
    line = f"env -i /bin/sh -c 'setsid sh -c \"echo \\$\\$ >{note}; exec sleep 60\" &'; sleep 60"
    launch = far.launch("sh", "-c", line)
    handle = far.begin(launch)
    pid = int(written(note))
    os.kill(guardian_and_worker(far, launch)[1], signal.SIGKILL)
    assert isinstance(one(far, handle), Lost)
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())


def test_a_task_whose_worker_cannot_renew_its_lease_is_ended_before_the_lease_is_over(short: RemoteBench) -> None:
    launch = ticking(short)
    handle = short.begin(launch)
    until(lambda: journal(short))
    lease = short.jobs / "far" / launch.token / "lease"
    lease.unlink()
    lease.mkdir()
    began = time.monotonic()
    until(lambda: not find(launch.token))
    assert time.monotonic() - began < short.lease_s + 2
    assert one(short, handle) == Lost(LATE)


def test_a_worker_that_stands_still_has_its_task_ended_by_its_guardian(short: RemoteBench) -> None:
    launch = ticking(short)
    handle = short.begin(launch)
    until(lambda: journal(short))
    os.kill(guardian_and_worker(short, launch)[1], signal.SIGSTOP)
    assert one(short, handle) == Lost(LATE)
    assert find(launch.token) == []


@pytest.mark.long
def test_a_worker_that_stood_still_for_half_its_lease_does_not_renew_it(short: RemoteBench) -> None:
    launch = ticking(short)
    handle = short.begin(launch)
    until(lambda: journal(short))
    guardian, worker = guardian_and_worker(short, launch)
    for pid in (guardian, worker):
        os.kill(pid, signal.SIGSTOP)
    lease = short.jobs / "far" / launch.token / "lease"
    renewed_at = lease.stat().st_mtime
    time.sleep(short.lease_s * 0.6)
    os.kill(worker, signal.SIGCONT)
    until(lambda: is_gone(worker))
    assert lease.stat().st_mtime == renewed_at
    os.kill(guardian, signal.SIGCONT)
    assert one(short, handle) == Lost(LATE)


@pytest.mark.long
def test_a_guardian_that_stood_still_spares_a_task_whose_worker_has_not(short: RemoteBench) -> None:
    launch = short.job(f"until [ -e {short.folder}/go ]; do sleep 0.05; done; exit 6")
    handle = short.begin(launch)
    guardian, _ = guardian_and_worker(short, launch)
    os.kill(guardian, signal.SIGSTOP)
    time.sleep(short.lease_s * 0.8)
    os.kill(guardian, signal.SIGCONT)
    (short.folder / "go").touch()
    assert one(short, handle) == Exited(6)


@pytest.mark.long
def test_what_stood_still_for_a_lease_is_lost_only_when_nothing_of_it_is_left(short: RemoteBench) -> None:
    launch = ticking(short)
    handle = short.begin(launch)
    until(lambda: journal(short))
    for pid in guardian_and_worker(short, launch):
        os.kill(pid, signal.SIGSTOP)
    outcome = one(short, handle)
    assert find(launch.token) == []
    assert isinstance(outcome, Lost), outcome
    again = ticking(short, "b")
    short.begin(again)
    until(lambda: "b" in journal(short))
    assert "a" not in journal(short)[journal(short).index("b") :]


def test_what_goes_on_after_it_stood_still_for_a_lease_is_ended_and_never_beside_its_next_attempt(
    short: RemoteBench,
) -> None:
    launch = ticking(short)
    handle = short.begin(launch)
    until(lambda: journal(short))
    pids = guardian_and_worker(short, launch)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    short.engine.mood("away")
    time.sleep(short.lease_s * 1.1)
    assert short.runner.poll([handle]) == [], "nobody knows that it is gone"
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    assert one(short, handle) == Lost(LATE)
    assert find(launch.token) == []


@pytest.mark.long
def test_what_its_engine_does_not_let_go_of_is_given_up_and_not_tried_again(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("tetra_orchestrator.adapters.runner.remote.runner._GIVEN_UP_LEASES", 1)
    monkeypatch.setattr("tetra_orchestrator.adapters.runner.remote.runner._GIVEN_UP_S", 0)
    for short in _bench(ShorterBench, tmp_path):
        launch = ticking(short)
        handle = short.begin(launch)
        for pid in guardian_and_worker(short, launch):
            os.kill(pid, signal.SIGSTOP)
        short.engine.mood("away")
        why = "nothing has been heard of it for 1.5 s, and the engine of far does not answer"
        assert one(short, handle) == Unkillable(why)
        for each in short.engine.processes(launch.token):
            signal_process(each, signal.SIGKILL)
        until(lambda token=launch.token: find(token) == [])


def test_a_record_that_finds_no_room_is_written_when_there_is_some(far: RemoteBench, monkeypatch) -> None:
    monkeypatch.setenv("TETRA_FAILPOINT", "record.write:1=enospc")
    handle, launch = far.shell("echo out; exit 5")
    assert one(far, handle) == Exited(5)
    assert log_of(launch) == "out\n"


def test_a_worker_whose_complaint_finds_no_room_either_writes_its_record_when_there_is_some(far: RemoteBench) -> None:
    far.engine.mood("holds")
    handle, launch = far.shell("exit 5")
    worker = (sys.executable, "-P", "-m", "tetra_orchestrator.adapters.runner.remote.worker")
    with open("/dev/full", "wb") as full:
        env = {**os.environ, "PYTHONPATH": ROOT, "TETRA_FAILPOINT": "record.write:1=enospc"}
        subprocess.Popen((*worker, str(far.jobs / "far" / launch.token)), stderr=full, env=env)
    assert one(far, handle) == Exited(5)


#: A worker for which it takes longer than half a lease to write how its task ended.
SLOW = """
import sys, time
from tetra_orchestrator.adapters.runner.remote import worker
leave = worker.leave
worker.leave = lambda *args: (time.sleep(2.5), leave(*args))
sys.exit(worker.main())
"""


@pytest.mark.long
def test_signs_of_life_go_on_while_it_takes_its_time_to_write_how_a_task_ended(short: RemoteBench) -> None:
    short.engine.mood("holds")
    handle, launch = short.shell("exit 9")
    subprocess.Popen([sys.executable, "-c", SLOW, short.jobs / "far" / launch.token])
    assert one(short, handle) == Exited(9)


def test_storage_that_takes_no_job_is_told_as_the_reason_why_an_attempt_does_not_start(far: RemoteBench) -> None:
    far.jobs.write_text("a file where a folder should be")
    launch = far.launch("true")
    why = f"cannot write its job to {far.jobs}/far/{launch.token}: File exists"
    assert far.failure(launch) == SpawnFailed("EEXIST", why)
    far.jobs.unlink()


def test_a_lease_does_not_run_out_because_the_clock_of_the_file_server_is_set(tmp_path: Path, monkeypatch) -> None:
    now = {"server": 1000.0, "ours": 50.0}
    monkeypatch.setattr(verdict, "server_time", lambda jobs: now["server"])
    monkeypatch.setattr(verdict, "elapsed", lambda: now["ours"])
    folder = JobFolder(str(tmp_path), "a" * 32)
    folder.make({}, b"")
    folder.renew()
    lease = tmp_path / ("a" * 32) / "lease"
    os.utime(lease, (990.0, 990.0))
    watch = LeaseWatch(folder, 30.0)
    assert not watch.has_run_out()
    now.update(server=2000.0, ours=59.9)
    assert not watch.has_run_out(), "it is old, and was seen to be so for less than a third of itself"
    os.utime(lease, (1999.0, 1999.0))
    now.update(ours=100.0)
    assert not watch.has_run_out(), "it has been renewed"
    now.update(server=2029.5, ours=130.0)
    assert watch.has_run_out()
    shutil.rmtree(tmp_path / ("a" * 32))
    assert not watch.has_run_out(), "of a folder that is gone nobody knows how old its lease was"
    now.update(ours=160.0)
    assert watch.has_run_out()


# Other commands


def test_another_process_finds_the_job_and_takes_up_its_end(far: RemoteBench) -> None:
    launch = far.job(f"until [ -e {far.folder}/go ]; do sleep 0.05; done; exit 8")
    handle = far.begin(launch)
    other = far.processes()
    given = {launch.token: handle, "0" * 32: f"far:{'0' * 32}", "1" * 32: "1:0:-"}
    assert other.survived(given) == {launch.token}
    assert other.usage(given) == {}
    assert other.left(str(launch.record), launch.token) is None
    (far.folder / "go").touch()
    until(lambda: other.left(str(launch.record), launch.token))
    assert other.left(str(launch.record), launch.token)[0] == Exited(8)  # type: ignore[index]
    assert other.survived(given) == set()


@pytest.mark.parametrize(
    "begun",
    [pytest.param(True, marks=pytest.mark.long, id="one that runs"), pytest.param(False, id="one that waits")],
)
def test_another_process_can_end_the_job(far: RemoteBench, begun: bool) -> None:
    if not begun:
        far.engine.mood("holds")
    launch = far.job("sleep 60")
    handle = far.begin(launch) if begun else far.start(launch)
    other = far.processes()
    other.end_trees({launch.token: handle}, 0.5)
    assert other.survived({launch.token: handle}) == set()
    assert find(launch.token) == []
    until(lambda: far.engine.known([launch.token]) == set())


def test_a_job_that_its_engine_has_forgotten_is_not_taken_for_alive_and_never_begins(far: RemoteBench) -> None:
    far.engine.mood("holds")
    _, launch = far.shell(f"touch {far.folder}/ran")
    far.engine.mood("denies")
    assert far.processes().survived({launch.token: None}) == set()
    far.engine.mood("denies", False)
    far.engine.mood("holds", False)
    far.engine.known([])
    until(lambda: far.engine.processes(launch.token) == [])
    assert not (far.folder / "ran").exists()


def test_a_job_that_cannot_be_kept_from_beginning_is_taken_for_alive(far: RemoteBench, monkeypatch) -> None:
    far.engine.mood("holds")
    handle, launch = far.shell("exit 0")
    far.engine.mood("denies")
    monkeypatch.setattr(JobFolder, "claim", lambda folder, who: os.close(os.open("/dev/full/x", os.O_RDONLY)))
    assert far.processes().survived({launch.token: None}) == {launch.token}
    monkeypatch.undo()
    far.engine.mood("denies", False)
    far.engine.mood("holds", False)
    assert one(far, handle) == Exited(0)


def test_a_job_that_begins_while_its_engine_forgets_it_is_alive(far: RemoteBench, monkeypatch) -> None:
    far.engine.mood("holds")
    _, launch = far.shell("exec sleep 60")

    def known(tokens):
        far.engine.start_again(launch.token)
        until((far.jobs / "far" / launch.token / "lease").exists)
        return set()

    monkeypatch.setattr(far.engine, "known", known)
    assert far.processes().survived({launch.token: None}) == {launch.token}


@pytest.mark.parametrize("about", [None, ""], ids=["before its first file", "amid it"])
def test_a_job_whose_owner_died_as_it_wrote_the_folder_is_not_taken_for_alive(far: RemoteBench, about) -> None:
    folder = far.jobs / "far" / ("a" * 32)
    folder.mkdir(parents=True)
    if about is not None:
        (folder / "about.json").write_text(about)
    assert far.processes().survived({folder.name: None}) == set()
    assert leftovers(far) == []


def test_a_job_is_taken_for_alive_as_long_as_its_engine_cannot_be_asked(far: RemoteBench) -> None:
    far.engine.mood("holds")
    _, launch = far.shell("exit 0")
    far.engine.mood("away")
    assert far.processes().survived({launch.token: None}) == {launch.token}


def test_a_worker_without_a_job_does_nothing(tmp_path: Path) -> None:
    command = (sys.executable, "-P", "-m", "tetra_orchestrator.adapters.runner.remote.worker", str(tmp_path / "no"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
