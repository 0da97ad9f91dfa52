"""Group A, what a child leaves behind: grandchildren, daemons, held outputs, zombies, too many processes."""

from __future__ import annotations

import subprocess
import time

import pytest

from faults.stand import TETRA, Cgroup, alive, state_of
from support.components import missing, require_root

#: The child writes into its log itself, or into a pipe that is read for it, by us or by a process that outlives us.
WAYS = pytest.mark.parametrize("way", ["", "log_limit: 1MB", "survive: true"], ids=["direct", "filtered", "wrapped"])
SESSION, PARENT = 3, 1


@WAYS
def test_fault_07_a_grandchild_in_its_own_session_is_gone_at_the_end(site, observed, way):
    site.write(
        "parent.sh",
        """
        setsid sh -c 'echo $$ >pid; exec sleep 300' &
        while [ ! -s pid ]; do sleep 0.05; done
        cat /proc/$(cat pid)/stat /proc/$$/stat >stats
        """,
    )
    site.configure(f"pipelines: {{parent: {{command: [sh, parent.sh], {way}}}}}")
    assert site.run("run").returncode == 0
    sessions = [line.rpartition(")")[2].split()[SESSION] for line in site.note("stats").splitlines()]
    observed("it leads another session than its parent", sessions[0] == site.note("pid") != sessions[1])
    assert not alive(site.note("pid"))
    assert site.tasks()["parent"]["attempts"][0]["tree_gone_by"] is not None


@WAYS
def test_fault_08_a_grandchild_that_holds_the_output_does_not_hold_up_the_end(site, observed, way):
    site.write(
        "parent.sh",
        """
        echo said
        sleep 300 &
        echo $! >pid
        readlink /proc/$!/fd/1 >output
        """,
    )
    site.configure(
        f"pipelines: {{parent: {{command: [sh, parent.sh], {way}}}, next: {{shell: 'true', depends_on: [parent]}}}}"
    )
    began = time.monotonic()
    assert site.run("run").returncode == 0
    assert time.monotonic() - began < 30
    output = site.note("output")
    wanted = "pipe:" if "log_limit" in way else f"{site.root}/logs/runs/"
    observed(f"it has its parent's output open: {wanted.rpartition(':')[0] or 'the log'}", output.startswith(wanted))
    assert site.log("parent") == b"said\n"
    assert not alive(site.note("pid"))


def test_fault_08_a_daemon_that_may_stay_and_holds_the_output_is_noted(site, observed):
    site.configure("""
        pipelines:
          parent: {shell: "echo said; sleep 300 & echo $! >pid", background: true, log_limit: 1MB}
    """)
    began = time.monotonic()
    assert site.run("run").returncode == 0
    assert time.monotonic() - began < 30
    pid = site.note("pid")
    try:
        observed("it lives on after the run", alive(pid))
        assert site.log("parent") == b"said\n"
        assert "output" in site.tasks()["parent"]["attempts"][0]["note"]
    finally:
        subprocess.run(["kill", "-9", pid], check=True)


DAEMON = "rm -f pid; (setsid sh -c 'echo $$ >pid; exec sleep 300' &); while [ ! -s pid ]; do sleep 0.05; done; "


def test_fault_09_a_daemon_is_ended_unless_it_may_stay(site, observed):
    site.configure(f'pipelines: {{one: {{shell: "{DAEMON} cat /proc/$(cat pid)/stat >stat; echo $$ >parent"}}}}')
    assert site.run("run").returncode == 0
    fields = site.note("stat").rpartition(")")[2].split()
    observed("its parent is no longer the one that started it", fields[PARENT] != site.note("parent"))
    assert not alive(site.note("pid"))


def test_fault_09_a_daemon_that_may_stay_stays_and_is_told(site, observed):
    site.configure(f'pipelines: {{one: {{shell: "{DAEMON} true", background: true}}}}')
    assert site.run("run").returncode == 0
    pid = site.note("pid")
    try:
        observed("it lives on after the run", alive(pid))
        assert site.states() == {"one": "succeeded"}
        assert site.tasks()["one"]["attempts"][0]["note"], "what was left is told"
        assert site.run("run").returncode == 0, "a daemon that was allowed does not keep the next run from starting"
    finally:
        for each in {pid, site.note("pid")}:
            subprocess.run(["kill", "-9", each], check=True)


@WAYS
def test_fault_10_a_child_that_closes_its_output_is_still_waited_for(site, observed, way):
    site.configure(f"""
        pipelines:
          shy: {{shell: "echo said; exec 5>open >&- 2>&-; (ls /proc/$$/fd >&5); sleep 1; exit 3", {way}}}
    """)
    began = time.monotonic()
    assert site.run("run").returncode == 2
    observed("descriptors 1 and 2 are closed in /proc/PID/fd", not {"1", "2"} & set(site.note("open").split()))
    assert time.monotonic() - began >= 1
    assert site.outcome("shy") == ("exited", 3, None)
    assert site.log("shy") == b"said\n"


def test_fault_10_a_child_that_opens_its_output_once_more_overwrites_nothing(site, observed):
    site.configure("""
        pipelines:
          one: {shell: "echo one; echo two >>/dev/stdout; echo three"}
    """)
    done, trace = site.traced("openat", "run")
    observed("openat(/dev/stdout)", '"/dev/stdout", O_WRONLY|O_CREAT|O_APPEND' in trace)
    assert done.returncode == 0
    assert site.log("one") == b"one\ntwo\nthree\n"


def test_fault_11_a_child_that_reads_its_input_finds_its_end(site, observed):
    site.configure("pipelines: {one: {shell: readlink /proc/self/fd/0; cat; echo done}}")
    running = site.start("run", stdin=subprocess.PIPE)
    running.stdin.write("for nobody\n")
    running.stdin.flush()
    observed("our own input is open and has a line in it", running.poll() is None)
    running.wait(timeout=60)
    assert site.finish(running).returncode == 0
    assert site.log("one") == b"/dev/null\ndone\n"


FORKS = """
import os, time
born = 0
try:
    while born < 100:
        if os.fork() == 0:
            time.sleep(300)
            os._exit(0)
        born += 1
except OSError as error:
    print(error.errno, born, flush=True)
    raise SystemExit(11)
"""


def test_fault_12_a_child_that_starts_too_many_processes_is_held_and_we_are_not(site, observed):
    require_root()
    site.configure("""
        pipelines:
          bomb: {command: [python, forks.py], resources: {processes: 20}, kill_grace: 0.2s}
          beside: {shell: "sleep 0.5; echo well"}
    """)
    site.write("forks.py", FORKS)
    assert site.run("run").returncode == 2
    attempt = site.tasks()["bomb"]["attempts"][0]
    if attempt["limits"].get("processes") != "enforced":
        missing("needs a pids control group")
    number, born = site.log("bomb").split()
    observed(f"fork(2) = EAGAIN after {born.decode()} processes", (number, int(born) <= 20) == (b"11", True))
    assert tuple(attempt["outcome"].values())[:2] == ("exited", 11)
    assert site.states()["beside"] == "succeeded"
    assert site.command("pgrep", "-f", f"{site.root}/forks.py").stdout == ""


@pytest.fixture
def narrow():
    """A control group in which one process may live, and no second."""
    group = Cgroup("pids", "narrow")
    group.set("pids.max", 1)
    yield group
    group.remove()


def test_fault_13_a_machine_without_room_for_a_process_is_asked_four_times(site, observed, narrow):
    site.configure("""
        pipelines:
          one: {shell: echo one}
          after: {shell: echo after, depends_on: [one]}
    """)
    done = site.command(*narrow.entered_by(*TETRA, "run"))
    refused = int(narrow.get("pids.events").split()[1])
    observed(f"the control group has refused {refused} processes (EAGAIN)", refused)
    assert refused == 4
    assert done.returncode == 2
    assert site.states() == {"one": "failed", "after": "upstream_failed"}
    assert site.outcome("one") == ("spawn_error", None, None)
    assert site.reason("one") == "could not start: cannot start /bin/sh: Resource temporarily unavailable (EAGAIN)"


ZOMBIES = """
import os, time
for _ in range(5):
    if os.fork() == 0:
        os._exit(0)
time.sleep(0.3)
with open("born", "w") as file:
    file.write(open(f"/proc/self/task/{os.getpid()}/children").read())
time.sleep(1.5)
"""


def test_fault_18_no_zombie_is_left_of_what_a_child_never_waited_for(site, observed):
    site.write("zombies.py", ZOMBIES)
    site.write(
        "look.sh", "for pid in $(cat /proc/$PPID/task/$PPID/children); do cut -d' ' -f1-3 /proc/$pid/stat; done >left\n"
    )
    site.configure("""
        pipelines:
          one: {command: [python, zombies.py]}
          look: {command: [sh, look.sh], depends_on: [one]}
    """)
    running = site.start("run")
    born = site.note("born").split()
    observed("five children in state Z", [state_of(pid) for pid in born] == ["Z"] * 5)
    assert site.finish(running).returncode == 0
    assert not [line for line in site.note("left").splitlines() if " Z" in line]
