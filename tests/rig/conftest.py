"""One booted systemd for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rig.machine import Machine, obstacle


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if why := obstacle():
        pytest.skip(why)
    machine = Machine(tmp_path_factory.mktemp("machine"))
    yield machine
    machine.stop()
