"""Limits kept by the kernel where systemd rules the control groups: in scopes, in delegated and in plain services.

cgroup v1 is what counts in it where the machine outside has its controllers there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from rig.machine import REPOSITORY, Machine

ATTEMPT = Path(__file__).with_name("attempt.py")
MB = 1 << 20
HOG = ("python3", "-c", f"bytearray({300 * MB})")
FORKS = ("python3", "-c", "import os, time\nfor _ in range(300):\n    os.fork() or (time.sleep(9), os._exit(0))")
SPIN = ("python3", "-c", "import time\nwhile time.process_time() < 0.1:\n    pass")


def attempt(machine: Machine, where: str, *argv: str, by: tuple[str, ...] = (), **bounds: float) -> dict:
    command = (*by, sys.executable, str(ATTEMPT), json.dumps(bounds), where, *argv)
    if by:
        command = (*by, f"--setenv=PYTHONPATH={REPOSITORY / 'src'}", *command[len(by) :])
    done = machine.run(*command, PYTHONPATH=str(REPOSITORY / "src"))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def service(*properties: str) -> tuple[str, ...]:
    return ("systemd-run", "--wait", "--pipe", "--quiet", *(f"--property={each}" for each in properties))


@pytest.fixture(params=["scope", "delegated service"])
def place(request: pytest.FixtureRequest) -> tuple[str, tuple[str, ...]]:
    return ("scope", ()) if request.param == "scope" else ("here", service("Delegate=yes"))


def test_systemd_gives_us_a_scope_of_our_own(machine: Machine) -> None:
    told = attempt(machine, "scope", "true", memory_bytes=64 * MB)
    assert told["asked"]
    assert [path for path in told["groups"] if path.startswith("/system.slice/tetra-") and ".scope" in path]
    assert (told["limits"], told["outcome"]) == ({"memory": "enforced"}, "exited with code 0")
    assert "tetra-" not in machine.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "tetra-*").stdout


def test_a_service_is_not_left_for_a_scope(machine: Machine) -> None:
    told = attempt(machine, "scope", "true", by=service(), memory_bytes=64 * MB)
    assert not told["asked"]


def test_fault_4_a_task_over_its_memory_limit_is_killed_and_told_as_out_of_memory(machine: Machine, place) -> None:
    where, by = place
    told = attempt(machine, where, *HOG, by=by, memory_bytes=64 * MB)
    assert told["outcome"] == f"killed by the kernel at its memory limit of {64 * MB} bytes"
    assert (told["limits"], told["empty"], told["left"]) == ({"memory": "enforced"}, True, [])


def test_fault_12_a_task_that_forks_without_end_is_refused_more_and_we_survive(machine: Machine, place) -> None:
    where, by = place
    told = attempt(machine, where, *FORKS, by=by, processes=10)
    assert (told["outcome"], told["limits"]) == ("exited with code 1", {"processes": "enforced"})
    assert told["note"] == "1 times no process could be started: its limit of processes is 10"
    assert (told["empty"], told["left"]) == (False, [])


def test_a_task_is_held_back_to_its_share_of_cpu(machine: Machine, place) -> None:
    where, by = place
    told = attempt(machine, where, *SPIN, by=by, cpu=0.05)
    assert (told["limits"], told["throttled"]) == ({"cpu": "enforced"}, True)


def test_a_services_own_memory_limit_ends_the_task_and_not_us(machine: Machine) -> None:
    told = attempt(machine, "here", *HOG, by=service("MemoryMax=100M", "OOMPolicy=continue"), memory_bytes=1024 * MB)
    assert told["outcome"] == "killed by the kernel, because the host ran out of memory"


def test_a_services_own_limit_of_tasks_holds_for_our_tasks_too(machine: Machine) -> None:
    told = attempt(machine, "here", *FORKS, by=service("TasksMax=15"), processes=100)
    assert told["outcome"] == "exited with code 1"
