"""Fault 44, the worst of it: a host that is cut off from the database without a word to it, and lives on."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from faults.stand import TETRA, Stand
from faults.test_fault_postgres import describe, run_of, sessions, trace
from support.components import missing, require, require_root
from support.postgres import Server
from tetra_orchestrator.errors import Exit

OURS, THEIRS = "10.213.47.1", "10.213.47.2"


class Cabin:
    """A network namespace whose one cable leads to us; what runs in it sees no process but its own, as on another host.

    Pulling the cable leaves both ends without a word.
    """

    def __init__(self):
        require_root()
        self._ip = require("ip")
        self._name, self._cable = f"tetra{os.getpid()}", f"tt{os.getpid()}"
        if self._run("netns", "add", self._name).returncode:
            missing("needs the right to make a network namespace")
        self._run("link", "add", self._cable, "type", "veth", "peer", "name", "far", "netns", self._name)
        self._run("address", "add", f"{OURS}/30", "dev", self._cable)
        self.pull(up=True)
        self._run("-n", self._name, "address", "add", f"{THEIRS}/30", "dev", "far")
        self._run("-n", self._name, "link", "set", "far", "up")

    def _run(self, *words):
        return subprocess.run((self._ip, *words), capture_output=True, text=True, check=False)

    def inside(self, *argv):
        return (self._ip, "netns", "exec", self._name, *argv)

    def pull(self, *, up=False):
        self._run("link", "set", self._cable, "up" if up else "down")

    def remove(self):
        self._run("link", "delete", self._cable)
        self._run("netns", "delete", self._name)


@pytest.fixture
def cabin():
    made = Cabin()
    yield made
    made.remove()


@pytest.fixture
def server(cabin):
    """A server that the cabin can reach."""
    started = Server(settings=(f"listen_addresses=127.0.0.1,{OURS}",))
    with (started.data / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {THEIRS}/32 trust\n")
    started.restart()
    yield started
    started.remove()


@pytest.mark.long
def test_fault_44_a_host_that_is_cut_off_has_ended_its_tasks_before_another_takes_its_place(
    tmp_path, cabin, server, observed
):
    timeout_s, url = 48, server.store()
    far = url.replace("127.0.0.1", OURS)
    here, there = Stand(tmp_path / "here"), Stand(tmp_path / "there")
    describe(here, far, seconds=601, timeout_s=timeout_s)
    describe(there, url, timeout_s=timeout_s)
    process = subprocess.Popen(
        cabin.inside(*TETRA, "run", "--pipeline", "t0"),
        cwd=here.root, env=here.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    here.until(lambda: trace(here) == ["start t0"])
    assert len(sessions(server, url, "tetra/%")) == 1
    cabin.pull()
    began = time.monotonic()
    ended = gone = taken = None
    while taken is None:
        now = time.monotonic() - began
        assert now < 2 * timeout_s, (ended, gone, taken)
        if ended is None and not here.command("pgrep", "-f", "^sleep 601$").stdout:
            ended = now
        if gone is None and not sessions(server, url, "tetra/%"):
            gone = now
        done = there.run("run", "--pipeline", "t0")
        if done.returncode == 0:
            taken = time.monotonic() - began
        time.sleep(0.5)
    observed(f"its tasks ended after {ended:.0f} s, its session after {gone:.0f}, another took over after {taken:.0f}")
    assert ended < taken
    assert timeout_s * 0.7 < taken < timeout_s + 10
    out, err = process.communicate(timeout=60)
    assert process.returncode == Exit.UNAVAILABLE, (out, err)
    cabin.pull(up=True)
    assert run_of(there)["run"]["state"] == "succeeded"
    assert trace(there) == ["start t0", "end t0"]
