"""Group B, whose run it is: owners that are stopped, killed, asked to end or cannot be seen, and strangers' pids."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from faults.stand import TETRA, Cgroup, alive, stat_of
from rig.machine import REPOSITORY, Machine, obstacle
from support.components import missing, require, require_root

#: Notes its pid and each of its starts, and ends once there is a file called `go`.
WAITS = "{shell: 'echo $$ >pid; echo a >>journal; until test -e go; do sleep 0.02; done'}"


def killed(process):
    """Kill it and wait for its end."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def starts(site):
    path = site.root / "journal"
    return path.read_text().split() if path.exists() else []


# -- stopped, killed, asked to end --------------------------------------------------------------------------------


def test_fault_29_a_stopped_owner_is_not_taken_for_dead_and_its_run_goes_on(site, observed):
    site.configure(f"pipelines: {{a: {WAITS}}}")
    owner = site.start("run")
    site.note("pid")
    owner.send_signal(signal.SIGSTOP)
    observed("the owner is stopped", site.until(lambda: stat_of(owner.pid)[:1] == ["T"]))
    assert site.json("status")["active_runs"][0]["state"] == "running"
    assert site.run("run").returncode == 75
    (site.root / "go").touch()
    time.sleep(0.3)
    assert site.states() == {"a": "submitted"} or site.states() == {"a": "running"}, "nobody else judges it"
    owner.send_signal(signal.SIGCONT)
    assert site.finish(owner).returncode == 0
    assert (site.states(), starts(site)) == ({"a": "succeeded"}, ["a"])


def test_fault_32_a_bare_orphan_is_ended_by_the_next_run_and_holds_no_lock(site, observed):
    site.configure(f"pipelines: {{a: {WAITS}}}")
    owner = site.start("run")
    orphan = int(site.note("pid"))
    observed("the owner is dead and its task lives", killed(owner) and alive(orphan))
    (site.root / "pid").unlink()
    (site.root / "go").touch()
    done = site.run("run")
    assert (done.returncode, done.stderr) == (0, "")
    assert not alive(orphan)
    assert starts(site) == ["a", "a"]


def test_fault_32_of_an_orphan_that_may_live_the_next_run_is_told_what_it_is_and_what_to_do(site, observed):
    site.configure(f"pipelines: {{a: {WAITS[:-1]}, survive: true}}}}")
    owner = site.start("run")
    orphan = int(site.note("pid"))
    observed("the owner is dead and its task lives", killed(owner) and alive(orphan))
    run_id = site.json("show")["run"]["run_id"]
    done = site.run("run")
    assert (done.returncode, done.stderr) == (
        75,
        f"error: a of run {run_id}, whose owner has died, is still running\n"
        f"  hint: `tetra resume {run_id}` waits for it and goes on, `tetra cancel {run_id}` ends it\n",
    )
    assert site.run("cancel", run_id).returncode == 0
    assert not alive(orphan)
    assert site.run_state() == "cancelled"


def test_fault_43_a_run_that_lives_is_not_resumed(site, observed):
    site.configure(f"pipelines: {{a: {WAITS}}}")
    owner = site.start("run")
    site.note("pid")
    observed("the run lives", owner.poll() is None and site.run_state() == "running")
    done = site.run("resume")
    assert done.returncode == 75
    assert done.stderr.startswith("error: the pipeline 'a' is already being run by pid ")
    (site.root / "go").touch()
    assert site.finish(owner).returncode == 0
    assert starts(site) == ["a"]


def test_fault_41_an_owner_that_is_killed_for_want_of_memory_is_settled_by_the_next_command(site, observed):
    require_root()
    site.configure(f"pipelines: {{a: {WAITS}}}")
    owner = site.start("run")
    orphan = int(site.note("pid"))
    group = Cgroup("memory", "owner")
    try:
        name = "memory.limit_in_bytes" if (group.folder / "memory.limit_in_bytes").exists() else "memory.max"
        group.set(name, 64 << 20)
        group.set("cgroup.procs", owner.pid)
        Path(f"/proc/{owner.pid}/oom_score_adj").write_text("1000")
        hog = site.command(*group.entered_by("python3", "-c", f"bytearray({200 << 20})"))
        owner.communicate()
        observed("the kernel killed the owner for want of memory", owner.returncode == -9 and hog.returncode != 0)
        assert site.json("status")["active_runs"] == []
        assert site.states() == {"a": "lost"}
        assert alive(orphan), "a command that only reads ends nothing"
        (site.root / "go").touch()
        assert site.run("resume").returncode == 0
        assert not alive(orphan)
    finally:
        group.remove()


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    if why := obstacle():
        missing(f"needs a rig: {why}")
    booted = Machine(tmp_path_factory.mktemp("rig"))
    yield booted
    booted.stop()


def test_fault_40_stopping_the_unit_ends_the_run_within_its_limit(machine, observed):
    folder = machine.shared / "project"
    folder.mkdir()
    (folder / "orchestration.yaml").write_text(
        "version: 1\nproject: demo\npython: python3\npipelines: {a: {shell: 'echo $$ >pid; sleep 600'}}\n"
    )
    unit = ("systemd-run", "--unit=nightly", f"--working-directory={folder}", "--property=TimeoutStopSec=60")
    started = machine.run(*unit, f"--setenv=PYTHONPATH={REPOSITORY / 'src'}", *TETRA, "run")
    assert started.returncode == 0, started.stderr
    limit = time.monotonic() + 30
    while not (folder / "pid").exists():
        assert time.monotonic() < limit, machine.run("systemctl", "status", "nightly").stdout
        time.sleep(0.05)
    observed("the unit runs", "active" in machine.run("systemctl", "is-active", "nightly").stdout)
    pid = (folder / "pid").read_text().strip()
    machine.run("systemctl", "stop", "nightly", timeout_s=90)
    shown = machine.run(*TETRA, "show", "--config", str(folder / "orchestration.yaml"), PYTHONPATH=f"{REPOSITORY}/src")
    assert "cancelled" in shown.stdout, shown.stderr
    assert machine.run("kill", "-0", pid).returncode != 0, "the task is gone"
    result = machine.run("systemctl", "show", "nightly", "--property=ExecMainStatus", "--value").stdout.strip()
    assert result in ("143", ""), "TERM is what ended it, or the unit has been forgotten since"


# -- strangers ----------------------------------------------------------------------------------------------------

#: In a namespace of pids: a run and its task are killed, a stranger gets the pid of one of them, and then comes a
#: command that ends survivors.
REUSED = """
set -eu
"$@" run >/dev/null 2>&1 &
owner=$!
until test -s pid; do sleep 0.02; done
sleep 0.3  # until the handle is saved
task=$(cat pid)
victim=$(eval echo \\$$VICTIM)
kill -9 $owner $task
wait $owner || true
while kill -0 $task 2>/dev/null; do sleep 0.02; done
sleep 0.2
n=0
while :; do
    echo $((victim - 1)) >/proc/sys/kernel/ns_last_pid
    sleep 60 &
    [ $! -ne $victim ] || break
    kill $!; n=$((n + 1)); [ $n -lt 50 ] || exit 99
done
stranger=$!
touch go
"$@" $COMMAND >/dev/null 2>&1 || true
kill -0 $stranger || exit 98
kill $stranger
echo "the stranger with pid $victim lived"
"""


@pytest.mark.parametrize("command", ["run", "resume", "stop"])
@pytest.mark.parametrize("victim", ["owner", "task"])
def test_fault_33_a_stranger_that_got_an_old_pid_lives_through_every_command(site, observed, victim, command):
    require_root()
    site.configure(f"pipelines: {{a: {WAITS}}}")
    space = (require("unshare"), "--pid", "--fork", "--kill-child", "--mount-proc")
    env = site.env | {"VICTIM": victim, "COMMAND": command}
    done = site.command(*space, "bash", "-c", REUSED, "sh", *TETRA, env=env)
    if done.returncode == 99:
        missing("needs pids that can be chosen")
    assert done.returncode == 0, done
    observed(done.stdout.strip(), "lived" in done.stdout)


def test_fault_34_after_a_reboot_old_pids_mean_nothing(site, observed):
    require_root()
    # the task sheds its environment, so that only pid, start time and boot could name it
    site.configure("pipelines: {a: {shell: 'echo $$ >pid; exec env -i sleep 600'}}")
    owner = site.start("run")
    task = int(site.note("pid"))
    site.until(lambda: site.tasks()["a"]["attempts"][0]["handle"])
    assert killed(owner)
    boot = site.write("boot_id", "01234567-89ab-cdef-0123-456789abcdef\n")
    rebooted = (
        require("unshare"),
        "--mount",
        "sh",
        "-c",
        f'mount --bind "{boot}" /proc/sys/kernel/random/boot_id; exec "$@"',
    )
    try:
        seen = site.command(*rebooted, "sh", "cat", "/proc/sys/kernel/random/boot_id")
        observed("another boot's id", seen.stdout == boot.read_text())
        done = site.command(*rebooted, "sh", *TETRA, "stop")
        assert (done.returncode, done.stdout) == (0, "no run is active\n")
        assert site.states() == {"a": "lost"}
        assert alive(task), "it has the pid and the start time of the attempt, and is of another boot"
    finally:
        os.kill(task, signal.SIGKILL)


def test_fault_44_a_run_in_another_pid_namespace_is_neither_settled_nor_doubled(site, observed):
    require_root()
    site.configure(f"pipelines: {{a: {WAITS}}}")
    owner = site.start("run")
    site.note("pid")
    space = (require("unshare"), "--pid", "--uts", "--fork", "--kill-child", "--mount-proc")
    there = site.command(
        *space, "sh", "-c", f"hostname other; kill -0 {owner.pid} 2>/dev/null && echo seen || hostname"
    )
    observed("there the owner is not to be seen, and the host has another name", there.stdout == "other\n")
    status = site.command(*space, *TETRA, "status", "--json")
    assert '"state": "running"' in status.stdout
    assert site.command(*space, *TETRA, "run").returncode == 75
    assert site.command(*space, *TETRA, "resume").returncode == 75
    (site.root / "go").touch()
    assert site.finish(owner).returncode == 0
    assert (site.states(), starts(site)) == ({"a": "succeeded"}, ["a"])
