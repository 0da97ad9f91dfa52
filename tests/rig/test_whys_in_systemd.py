"""What `why-not` says of a machine that was off, and of a unit that is disabled: the faults of tests/whys that need a
real systemd."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rig.machine import Machine
from rig.site import Site

NOON = "2026-03-02 12:00:00"
FILE = """
    timezone: UTC
    pipelines: {load: {command: ["true"]}}
    schedules: {nightly: {pipelines: [load], cron: "0 13 * * *", catch_up: none}}
"""
#: Longer than the computer of the tests has been on, whose clock since the boot the machine shares.
OFF_S = 300 * 86400.0


@pytest.fixture
def site(clocked: Machine) -> Iterator[Site]:
    clocked.clock.set(NOON)
    found = Site(clocked)
    found.configure(FILE)
    found.apply()
    yield found
    found.remove()


def first_line(site: Site, *argv: str) -> str:
    return site.tetra("why-not", "nightly", *argv).splitlines()[0]


def test_a_unit_that_is_disabled(site: Site) -> None:
    site.systemctl("disable", "--now", "shop-nightly.timer")
    site.machine.clock.set("2026-03-02 13:00:30")
    assert first_line(site) == (
        "nightly 2026-03-02 13:00:00 UTC: its timer is installed and disabled (systemd-user); `tetra start` has it wait"
    )


def test_a_machine_that_was_off(site: Site) -> None:
    site.machine.reboot(off_s=OFF_S)
    assert first_line(site, "2026-03-02T13:00") == (
        "nightly 2026-03-02 13:00:00 UTC: the machine was off then, and `catch_up: none` makes up for nothing"
    )
