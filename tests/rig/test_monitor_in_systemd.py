"""The monitor beside a real systemd: what somebody does to timers is found by the next look, and found to be mended."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from rig.conftest import booted
from rig.machine import Machine, until
from rig.site import LIMIT_S, Site
from support.components import require

TWO = """
    pipelines:
      a: {command: [sh, -c, "echo a >>done"]}
    modes: {all: [a]}
    schedules:
      nightly: {mode: all, cron: "0 13 * * *"}
      weekly: {mode: all, cron: "0 14 * * 0"}
    monitor: {interval: 10m}
"""
ALL_OK = {"nightly": "ok", "weekly": "ok", "orchestrator": "ok", "monitor": "ok"}


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    require("gcc")
    yield from booted(tmp_path_factory.mktemp("monitored"), ("2026-03-02 12:02:00", 1.0))


@pytest.fixture(params=["user", "system"])
def site(slow: Machine, request: pytest.FixtureRequest) -> Iterator[Site]:
    slow.clock.set("2026-03-02 12:02:00")
    site = Site(slow, system=request.param == "system")
    site.configure(TWO)
    site.apply()
    yield site
    site.remove()


def look(site: Site) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """How the timers are by name, and what was found of them."""
    done = site.run(sys.executable, "-P", "-m", "tetra_orchestrator", "monitor", "--json")
    body: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode in (0, 1, 2), done.stderr
    found = [(one["code"], one["subject"]) for one in body["findings"] if one["code"].startswith(("timer", "unit"))]
    return body["system"]["timers"], found


def fired(site: Site, elapsed: list[str]) -> bool:
    """Whether the monitor's timer has gone off at that time."""
    return site.shown("shop-monitor.timer", "LastTriggerUSec") == elapsed


def mended(site: Site, *command: str) -> None:
    scope = ["--system"] if site.scope == "--system" else []
    site.run(sys.executable, "-P", "-m", "tetra_orchestrator", "schedule", *command, *scope)
    assert look(site) == (ALL_OK, [])


def test_timers_as_they_were_applied_are_all_right_and_agree_with_the_ledger(site: Site) -> None:
    assert look(site) == (ALL_OK, [])


def test_a_timer_that_somebody_has_switched_off_is_found_and_enabling_the_schedule_mends_it(site: Site) -> None:
    """R-106: nothing would run at all."""
    site.systemctl("disable", "--now", "shop-nightly.timer")
    assert look(site) == (ALL_OK | {"nightly": "disarmed"}, [("timer_off", "nightly")])
    mended(site, "enable", "nightly")


def test_a_timer_that_somebody_has_stopped_is_found_although_it_is_enabled(site: Site) -> None:
    site.systemctl("stop", "shop-weekly.timer")
    assert look(site) == (ALL_OK | {"weekly": "disarmed"}, [("timer_off", "weekly")])
    mended(site, "enable", "weekly")


def test_a_unit_that_was_deleted_is_found_while_systemd_still_has_it_in_mind_and_apply_mends_it(site: Site) -> None:
    site.machine.path(f"{site.units}/shop-nightly.timer").unlink()
    assert look(site) == (ALL_OK | {"nightly": "missing"}, [("timer_missing", "nightly")])
    site.systemctl("daemon-reload")
    assert look(site) == (ALL_OK | {"nightly": "missing"}, [("timer_missing", "nightly")])
    mended(site, "apply")


def test_a_timer_that_was_masked_is_found(site: Site) -> None:
    place = site.machine.path(f"{site.units}/shop-nightly.timer")
    kept = place.read_text()
    place.unlink()
    place.symlink_to("/dev/null")
    site.systemctl("daemon-reload")
    words, found = look(site)
    assert (words["nightly"], [subject for _, subject in found]) == ("missing", ["nightly"])
    place.unlink()
    place.write_text(kept)
    site.systemctl("daemon-reload")
    site.systemctl("start", "shop-nightly.timer")
    assert look(site) == (ALL_OK, [])


def test_a_timer_with_another_time_than_the_ledger_s_is_astray(site: Site) -> None:
    later = site.dropped_in("shop-nightly.timer", "[Timer]\nOnCalendar=\nOnCalendar=*-*-* 23:00:00 UTC\n")
    site.systemctl("restart", "shop-nightly.timer")
    assert look(site) == (ALL_OK | {"nightly": "astray"}, [("timer_astray", "nightly")])
    later.unlink()
    site.systemctl("daemon-reload")
    site.systemctl("restart", "shop-nightly.timer")
    assert look(site) == (ALL_OK, [])


def test_a_unit_that_can_start_nothing_is_found_and_no_more_once_it_could(site: Site) -> None:
    gone = site.dropped_in("shop-nightly.service", "[Service]\nExecStart=\nExecStart=/no/such/python\n")
    site.systemctl("start", "shop-nightly.service")
    assert look(site) == (ALL_OK | {"nightly": "failed"}, [("unit_failed", "nightly")])
    gone.unlink()
    site.systemctl("daemon-reload")
    site.systemctl("start", "shop-nightly.service")
    assert look(site) == (ALL_OK, [])


def test_a_unit_that_was_edited_by_hand_is_stale(site: Site) -> None:
    place = site.machine.path(f"{site.units}/shop-weekly.service")
    place.write_text(place.read_text() + "# mine\n")
    site.systemctl("daemon-reload")
    assert look(site) == (ALL_OK | {"weekly": "stale"}, [("timer_stale", "weekly")])
    mended(site, "apply", "--force")


def test_the_monitor_s_own_timer_looks_tells_of_it_once_and_is_no_failed_unit(site: Site) -> None:
    told = "{type: command, command: [sh, -c, 'cat >>told; echo >>told']}"
    site.configure(f"{TWO}    alerting: {{channels: {{team: {told}}}}}\n")
    site.apply()
    site.systemctl("disable", "--now", "shop-weekly.timer")
    for before, at in (("12:09:58", "12:10:00"), ("12:19:58", "12:20:00")):
        site.machine.clock.set(f"2026-03-02 {before}")
        elapsed = [f"Mon 2026-03-02 {at} UTC"]
        assert until(partial(fired, site, elapsed), LIMIT_S), site.trouble()
        assert until(site.is_idle, LIMIT_S), site.trouble()
        assert site.shown("shop-monitor.service", "Result", "ExecMainStatus") == ["success", "2"], site.trouble()
    (letter,) = [line for line in site.lines("told") if line]
    assert "weekly" in letter
    assert site.shown("shop-monitor.timer", "NextElapseUSecRealtime") == ["Mon 2026-03-02 12:30:00 UTC"]


def test_a_schedule_that_was_disabled_is_not_meant_to_wait(site: Site) -> None:
    site.run(sys.executable, "-P", "-m", "tetra_orchestrator", "schedule", "disable", "nightly")
    assert look(site) == (ALL_OK | {"nightly": "off"}, [])
