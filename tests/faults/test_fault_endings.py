"""Group A, how a child ends: by itself, by a signal, by the kernel, by us, and by us against its will."""

from __future__ import annotations

import re
import signal
import subprocess
import time

import pytest

from faults.stand import alive, has_signal, state_of
from support.components import missing, require, require_root

MB = 1 << 20


def test_fault_01_a_child_that_exits_7_has_exited_with_7_and_blocks_what_depends_on_it(site, observed):
    site.configure("""
        pipelines:
          one: {shell: exit 7}
          two: {shell: echo two, depends_on: [one]}
    """)
    done, trace = site.traced("exit_group", "run")
    observed("exit_group(7)", re.search(r"exit_group\(7\)", trace))
    assert done.returncode == 2
    assert site.states() == {"one": "failed", "two": "upstream_failed"}
    assert site.outcome("one") == ("exited", 7, None)
    assert site.reason("one") == "exited with code 7"


def test_fault_02_a_child_that_dies_by_segv_is_told_with_the_signals_name(site, observed):
    site.configure("pipelines: {one: {shell: kill -SEGV $$}}")
    done, trace = site.traced("kill", "run")
    observed("killed by SIGSEGV", "+++ killed by SIGSEGV" in trace)
    assert done.returncode == 2
    assert site.outcome("one") == ("signalled", None, 11)
    assert site.reason("one") == "killed by signal 11 (SEGV)"


def test_fault_03_a_child_that_exits_like_a_shell_after_a_signal_was_not_killed(site, observed):
    site.configure("""
        pipelines:
          one: {shell: exit 137}
          two: {shell: exit 143}
          three: {shell: kill -KILL $$}
    """)
    _, trace = site.traced("exit_group", "run")
    ends = {"exited with 137", "exited with 143", "killed by SIGKILL"}
    observed(", ".join(sorted(ends)), all(f"+++ {end} +++" in trace for end in ends))
    assert site.outcome("one") == ("exited", 137, None)
    assert site.outcome("two") == ("exited", 143, None)
    assert site.outcome("three") == ("signalled", None, 9)


def test_fault_04_a_child_killed_for_want_of_memory_is_told_from_one_that_was_killed(site, observed):
    require_root()
    site.write("greedy.py", "import sys; print(len(bytearray(400 << 20)))")
    site.configure("""
        pipelines:
          greedy: {command: [python, greedy.py], resources: {memory: 50MB}}
          beside: {shell: echo well}
    """)
    done, trace = site.traced("kill,pidfd_send_signal", "run")
    row = site.tasks()["greedy"]["attempts"][0]
    if row["limits"].get("memory") != "enforced":
        missing("needs a memory control group")
    killed = re.findall(r"^(\d+) +\+\+\+ killed by SIGKILL", trace, re.MULTILINE)
    observed("SIGKILL by the kernel; nobody sent it", killed and "SIGKILL)" not in trace)
    assert done.returncode == 2
    assert tuple(row["outcome"].values()) == ("oom", None, 9)
    assert site.reason("greedy") == f"killed by the kernel at its memory limit of {50 * MB} bytes"
    assert site.states()["beside"] == "succeeded"


def test_fault_05_a_child_that_ignores_term_is_killed_after_its_grace(site, observed):
    site.configure("""
        pipelines:
          deaf:
            shell: "trap '' TERM; grep SigIgn /proc/self/status >ignored; exec sleep 300"
            timeout: 2s
            kill_grace: 1s
    """)
    began = time.monotonic()
    done, trace = site.traced("kill,pidfd_send_signal", "run")
    mask = site.note("ignored").split()[1]
    observed("TERM is in its SigIgn", has_signal(mask, signal.SIGTERM))
    sent = re.findall(r"SIG(TERM|CONT|KILL)", trace.replace("--- SIG", "").replace("killed by SIG", ""))
    assert list(dict.fromkeys(sent)) == ["TERM", "CONT", "KILL"]
    assert time.monotonic() - began >= 3
    assert done.returncode == 2
    assert site.outcome("deaf") == ("timed_out", None, None)
    assert site.reason("deaf") == "ended by its time limit of 2 s"


def test_fault_05_the_end_of_one_attempt_leaves_the_one_beside_it_alone(site, observed):
    site.configure("""
        pipelines:
          deaf: {shell: "trap '' TERM; while :; do sleep 0.1; done", timeout: 2s, kill_grace: 0.3s}
          beside: {shell: "sleep 4; echo well"}
    """)
    done, trace = site.traced("kill", "run")
    observed("killed by SIGKILL", "killed by SIGKILL" in trace)
    assert done.returncode == 2
    assert site.states() == {"deaf": "timed_out", "beside": "succeeded"}
    assert site.log("beside") == b"well\n"


def test_fault_06_a_stopped_child_is_continued_so_that_it_can_end_in_order(site, observed):
    site.write(
        "stopped.sh",
        "trap 'echo tidy >tidied; exit 3' TERM\necho $$ >pid\nkill -STOP $$\nwhile :; do sleep 0.1; done\n",
    )
    site.configure("pipelines: {halted: {command: [sh, stopped.sh], timeout: 2s, kill_grace: 30s}}")
    running = site.start("run")
    pid = site.note("pid")
    site.until(lambda: state_of(pid) == "T")
    observed("state T in proc(5)")
    began = time.monotonic()
    assert site.finish(running).returncode == 2
    assert time.monotonic() - began < 20, "it was not continued"
    assert site.note("tidied") == "tidy"
    assert site.outcome("halted") == ("timed_out", None, None)


@pytest.fixture
def frozen(tmp_path):
    """A mounted file system on which every write waits for ever."""
    require_root()
    image, folder = tmp_path / "image", tmp_path / "frozen"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(16 * MB)
    subprocess.run([require("mkfs.ext4"), "-q", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True).returncode != 0:
        missing("needs a loop device")
    freeze = require("fsfreeze")
    subprocess.run([freeze, "--freeze", folder], check=True)
    yield folder
    subprocess.run([freeze, "--unfreeze", folder], check=True)
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_fault_19_a_child_that_the_kernel_does_not_let_go_of_ends_as_unkillable(site, observed, frozen):
    site.configure(f"""
        pipelines:
          stuck:
            shell: "echo $$ >pid; echo more >{frozen}/file"
            timeout: 1s
            kill_grace: 0.2s
            retry: {{max_attempts: 3, delay: 0s}}
          after: {{shell: echo after, depends_on: [stuck]}}
    """)
    running = site.start("run")
    pid = site.note("pid")
    site.until(lambda: state_of(pid) == "D")
    observed("state D in proc(5)")
    assert site.finish(running, within_s=40).returncode == 2
    assert state_of(pid) == "D", "it outlives the run, as nobody can end it"
    assert site.states() == {"stuck": "failed", "after": "upstream_failed"}
    assert len(site.tasks()["stuck"]["attempts"]) == 1, "two attempts never run side by side"
    assert site.outcome("stuck") == ("unkillable", None, None)
    assert pid in site.reason("stuck")


def races(site, count):
    """The tasks of a run in which each ends within a quarter of a second of its time limit, before or after it."""
    naps = [0.5 + (index - count / 2) * 0.5 / count for index in range(count)]
    lines = [f"  race{index}: {{command: [sleep, '{nap:.4f}'], timeout: 0.5s}}" for index, nap in enumerate(naps)]
    text = "\n".join(["pipelines:", *lines, f"host: {{max_parallel: {min(count, 40)}}}"])
    site.configure(text)
    assert site.run("run").returncode == 2
    return site.tasks()


@pytest.mark.parametrize("count", [40, pytest.param(500, marks=pytest.mark.long)])
def test_fault_20_an_exit_that_races_the_time_limit_has_exactly_one_cause(site, observed, count):
    tasks = races(site, count)
    states = [task["state"] for task in tasks.values()]
    kinds = {"succeeded": ("exited", 0, None), "timed_out": ("timed_out", None, None)}
    wins, losses = states.count("succeeded"), states.count("timed_out")
    observed(f"ends on both sides of the limit: {wins} before, {losses} after", wins and losses)
    for task in tasks.values():
        assert [tuple(attempt["outcome"].values()) for attempt in task["attempts"]] == [kinds[task["state"]]]
    assert site.count("SELECT count(*) FROM events WHERE event = 'attempt.finished'") == count


def test_fault_21_a_cancel_while_a_retry_is_waited_for_counts_no_attempt(site, observed):
    site.configure("pipelines: {one: {shell: exit 3, retry: {max_attempts: 3, delay: 300s}}}")
    running = site.start("run")
    site.until(lambda: (site.root / "state" / "tetra.db").exists())
    site.until(lambda: site.run("show").returncode == 0 and site.states() == {"one": "waiting_retry"})
    observed("waiting_retry, and TERM to the orchestrator")
    running.send_signal(signal.SIGTERM)
    assert site.finish(running).returncode == 143
    assert site.states() == {"one": "cancelled"}
    assert len(site.tasks()["one"]["attempts"]) == 1
    assert site.run_state() == "cancelled"


def test_fault_24_a_child_that_kills_its_parent_is_settled_by_the_next_command(site, observed):
    site.configure("""
        pipelines:
          killer: {shell: "echo $$ >pid; kill -9 $PPID; exec sleep 300"}
          after: {shell: echo after, depends_on: [killer]}
    """)
    running = site.start("run")
    running.communicate(timeout=60)
    observed("the orchestrator died by signal 9", running.returncode == -signal.SIGKILL)
    pid = site.note("pid")
    assert site.states() == {"killer": "lost", "after": "cancelled"}
    assert site.run_state() == "lost"
    assert site.outcome("killer") == ("lost", None, None)
    assert alive(pid), "a command that only reads signals nobody"
    site.configure("pipelines: {killer: {shell: echo peaceful}}")
    assert site.run("run").returncode == 0
    assert not alive(pid)
