"""One booted systemd for all tests of this folder, and one whose clock they set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.machine import Machine, obstacle
from support.components import missing, require

#: When the machine with a clock is switched on, and how many times as fast as the real one its clock runs.
START, RATE = "2026-03-02 12:00:00", 30.0


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    yield from booted(tmp_path_factory.mktemp("machine"))


@pytest.fixture(scope="session")
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    require("gcc")
    yield from booted(tmp_path_factory.mktemp("clocked"), (START, RATE))


def booted(folder: Path, clock: tuple[str, float] | None = None) -> Iterator[Machine]:
    """A machine for as long as somebody needs it; skips the test where none can be had."""
    if why := obstacle():
        missing(why) if why.startswith("needs ") else pytest.skip(why)
    machine = Machine(folder, clock)
    yield machine
    machine.stop()
