"""Timers and units of a real systemd: what somebody does to them, each found by the next look."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from rig.conftest import booted
from rig.machine import Machine
from rig.site import Site
from support.components import require
from support.http_server import HttpServer
from troubles.drill import Drill

TWO = """\
pipelines:
  a: {command: [sh, -c, "echo a >>done"]}
modes: {all: [a]}
schedules:
  nightly: {mode: all, cron: "0 13 * * *"}
  weekly: {mode: all, cron: "0 14 * * 0"}
"""
NOON = "2026-03-02 12:02:00"
#: clone(2)
_NEW_NETWORK = 0x40000000


class Place:
    """A project of a user in the machine, and our commands in it."""

    def __init__(self, site: Site):
        self.of = site

    def configure(self, text: str) -> None:
        self.of.configure(text)

    def tetra(self, *argv: str) -> CompletedProcess[str]:
        return self.of.run(sys.executable, "-P", "-m", "tetra_orchestrator", *argv)

    def unit(self, name: str) -> Path:
        """The file of a unit."""
        return self.of.machine.path(f"{self.of.units}/shop-{name}")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    require("gcc")
    yield from booted(tmp_path_factory.mktemp("troubled"), (NOON, 1.0))


@pytest.fixture
def server(machine: Machine) -> Iterator[HttpServer]:
    """Listens at the machine's own loopback: whoever made a socket in its network may serve it from anywhere."""
    made: list[HttpServer] = []
    listener = threading.Thread(target=lambda: made.append(_within(machine)))
    listener.start()
    listener.join()
    with made[0] as found:
        yield found


def _within(machine: Machine) -> HttpServer:
    network = os.open(machine.path("/proc/1/ns/net"), os.O_RDONLY)
    try:
        assert ctypes.CDLL(None, use_errno=True).setns(network, _NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(network)
    return HttpServer()


@pytest.fixture
def place(machine: Machine) -> Iterator[Place]:
    machine.clock.set(NOON)
    site = Site(machine)
    yield Place(site)
    site.remove()


@pytest.fixture
def trouble(row: dict[str, Any], place: Place, server: HttpServer) -> Drill:
    """Two schedules and the monitor's timer, as they were applied."""
    found = Drill(row, place, place.tetra, server)
    found.configure(TWO, monitor={"enabled": True, "interval": "10m"})
    place.of.apply()
    found.has_not_begun()
    return found


def test_a_timer_is_switched_off(trouble: Drill, place: Place) -> None:
    place.of.systemctl("disable", "--now", "shop-nightly.timer")
    trouble.is_found_and_told_once()
    place.of.tetra("schedule", "enable", "nightly")
    trouble.is_over()


def test_a_timer_is_stopped(trouble: Drill, place: Place) -> None:
    place.of.systemctl("stop", "shop-weekly.timer")
    trouble.is_found_and_told_once()
    place.of.tetra("schedule", "enable", "weekly")
    trouble.is_over()


def test_a_timer_is_masked(trouble: Drill, place: Place) -> None:
    place.of.systemctl("stop", "shop-nightly.timer")
    place.unit("nightly.timer").unlink()
    place.of.systemctl("mask", "shop-nightly.timer")
    assert place.of.shown("shop-nightly.timer", "LoadState") == ["masked"]
    trouble.is_found_and_told_once()
    place.of.systemctl("unmask", "shop-nightly.timer")
    place.of.tetra("schedule", "apply")
    trouble.is_over()


def test_a_unit_is_deleted(trouble: Drill, place: Place) -> None:
    place.unit("nightly.timer").unlink()
    trouble.is_found()
    place.of.systemctl("daemon-reload")
    trouble.is_found_and_told_once()
    place.of.tetra("schedule", "apply")
    trouble.is_over()


def test_a_unit_is_edited_by_hand(trouble: Drill, place: Place) -> None:
    unit = place.unit("weekly.service")
    unit.write_text(f"{unit.read_text()}# mine\n")
    place.of.systemctl("daemon-reload")
    trouble.is_found_and_told_once()
    place.of.tetra("schedule", "apply", "--force")
    trouble.is_over()


def test_a_unit_cannot_start_what_it_is_for(trouble: Drill, place: Place) -> None:
    other = place.of.dropped_in("shop-nightly.service", "[Service]\nExecStart=\nExecStart=/no/such/python\n")
    place.of.systemctl("start", "shop-nightly.service")
    trouble.is_found_and_told_once()
    other.unlink()
    place.of.systemctl("daemon-reload")
    place.of.systemctl("start", "shop-nightly.service")
    trouble.is_over()


def test_a_timer_waits_for_another_time_than_the_ledger(trouble: Drill, place: Place) -> None:
    other = place.of.dropped_in("shop-nightly.timer", "[Timer]\nOnCalendar=\nOnCalendar=*-*-* 23:00:00 UTC\n")
    place.of.systemctl("restart", "shop-nightly.timer")
    trouble.is_found_and_told_once()
    other.unlink()
    place.of.systemctl("daemon-reload")
    place.of.systemctl("restart", "shop-nightly.timer")
    trouble.is_over()
