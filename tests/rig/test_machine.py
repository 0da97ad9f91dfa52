"""The rig itself: whose the managers are, what the clock shows, what a reboot leaves."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rig.machine import HOME, REPOSITORY, TESTER, Machine, until


def shown(machine: Machine, *command: str) -> datetime:
    done = machine.run(*command)
    return datetime.fromtimestamp(float(done.stdout), UTC)


def test_a_user_has_a_manager_without_having_logged_in(machine: Machine) -> None:
    done = machine.as_user("systemd-run", "--user", "--wait", "--pipe", "--quiet", "sh", "-c", "id -u; echo $HOME")
    assert (done.returncode, done.stdout.split()) == (0, [str(TESTER), HOME]), done.stderr


def test_the_user_can_run_the_project_and_nobody_can_change_it(machine: Machine) -> None:
    ours = str(REPOSITORY / "src")
    done = machine.as_user(sys.executable, "-c", "import tetra_orchestrator; print('runs')", PYTHONPATH=ours)
    assert done.stdout == "runs\n", done.stderr
    assert machine.run("touch", f"{ours}/new").stderr.endswith(": Read-only file system\n")


def test_every_program_is_shown_the_machines_own_time_whoever_runs_it(clocked: Machine) -> None:
    told = [
        shown(clocked, "date", "+%s.%N"),
        shown(clocked, "env", "-i", sys.executable, "-c", "import time; print(time.time())"),
        shown(clocked, "systemd-run", "--wait", "--pipe", "--quiet", "date", "+%s.%N"),
    ]
    assert told == sorted(told)
    assert all(abs(each - clocked.clock.now()) < timedelta(minutes=5) for each in told)


def test_systemd_notices_that_the_clock_is_set(clocked: Machine) -> None:
    clocked.clock.set("2027-01-01 00:00:00")
    clocked.run("systemd-run", "--unit=noticed", "--on-calendar=2027-06-01 12:00:00", "touch", "/run/noticed")
    assert not until(clocked.path("/run/noticed").exists, 0.5)
    clocked.clock.set("2027-06-01 12:00:01")
    assert until(clocked.path("/run/noticed").exists, 5)


def test_a_reboot_keeps_the_disk_and_nothing_else(clocked: Machine) -> None:
    def boot_id() -> str:
        return clocked.run("cat", "/proc/sys/kernel/random/boot_id").stdout

    clocked.run("touch", "/etc/kept", f"{HOME}/kept", "/run/lost", "/tmp/lost")
    before, then = boot_id(), clocked.clock.now()
    clocked.reboot(off_s=86400)
    assert [clocked.path(each).exists() for each in ("/etc/kept", f"{HOME}/kept")] == [True, True]
    assert [clocked.path(each).exists() for each in ("/run/lost", "/tmp/lost")] == [False, False]
    assert boot_id() != before
    assert timedelta(days=1) < shown(clocked, "date", "+%s.%N") - then < timedelta(days=2)
    assert clocked.as_user("systemctl", "--user", "is-active", "basic.target").stdout == "active\n"


def test_machines_run_side_by_side_and_leave_nothing(machine: Machine, tmp_path: Path) -> None:
    machine.run("systemd-run", "--unit=here", "sleep", "60")
    other = Machine(tmp_path)
    other.run("systemd-run", "--unit=there", "sleep", "60")
    assert [each.run("systemctl", "is-active", "here", "there").stdout.split() for each in (machine, other)] == [
        ["active", "inactive"],
        ["inactive", "active"],
    ]
    groups = [line.partition(" ")[2] for line in (tmp_path / "rig/groups").read_text().splitlines()]
    assert all(os.path.isdir(group) for group in groups)
    other.stop()
    assert not [group for group in groups if os.path.isdir(group)]
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
