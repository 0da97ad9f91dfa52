"""The entries that a run under a real systemd leaves in its journal, and that no line is there twice."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from rig.machine import Machine, until
from rig.site import LIMIT_S, Site

#: The second task waits until the journal has read what we said: of who has gone by then it does not know the unit.
FAILING = """
    tenants: {acme: {}}
    pipelines:
      extract: {shell: "true"}
      load: {tenant: acme, shell: "journalctl --sync; echo no such table >&2; exit 3", depends_on: [extract]}
    modes: {daily: [extract, load]}
    schedules:
      nightly: {mode: daily, cron: "0 13 * * *"}
"""
TETRA = (sys.executable, "-P", "-m", "tetra_orchestrator")


@pytest.fixture
def site(machine: Machine) -> Site:
    return Site(machine, system=True)


def entries(site: Site, *matches: str) -> list[dict[str, Any]]:
    told = site.machine.run("journalctl", "--output=json", "--no-pager", *matches).stdout
    return [json.loads(line) for line in told.splitlines()]


def awaited(site: Site, *matches: str) -> list[dict[str, Any]]:
    """The entries that fit, as soon as there are some."""
    assert until(lambda: entries(site, *matches), LIMIT_S), site.trouble()
    return entries(site, *matches)


def test_a_run_of_a_timer_tells_the_journal_what_failed_with_fields_to_look_for(site: Site) -> None:
    site.configure(FAILING)
    site.apply()
    site.systemctl("start", "shop-nightly.service")
    [end] = awaited(site, "TETRA_EVENT=run_finished")
    run_id = end["TETRA_RUN_ID"]
    [failure] = entries(site, f"TETRA_RUN_ID={run_id}", "TETRA_EVENT=task_finished", "PRIORITY=3")
    assert failure["MESSAGE"].splitlines()[:3] == [
        "ERROR: load failed after 1 attempt",
        "  exited with code 3",
        "  | no such table",
    ]
    assert (failure["TETRA_TASK"], failure["TETRA_TENANT"], failure["TETRA_STATE"]) == ("load", "acme", "failed")
    assert failure["_SYSTEMD_UNIT"] == "shop-nightly.service"
    assert failure["SYSLOG_IDENTIFIER"] == "tetra"
    site.remove()


def test_a_run_whose_output_is_the_journal_is_there_once(site: Site) -> None:
    site.configure(FAILING)
    site.machine.run(
        "systemd-run", "--wait", "--unit=by-hand", f"--working-directory={site.root}", *TETRA, "run", "--mode", "daily"
    )
    [end] = awaited(site, "_SYSTEMD_UNIT=by-hand.service", "TETRA_EVENT=run_finished")
    lines = [
        each for each in entries(site, "_SYSTEMD_UNIT=by-hand.service") if "Orchestration failed" in each["MESSAGE"]
    ]
    assert lines == [end]
    site.remove()


def test_a_warning_and_an_error_have_their_priority_in_the_journal(site: Site) -> None:
    site.configure("logs: {file: /dev/full}\npipelines: {a: {shell: 'true'}}")
    here = ("systemd-run", "--wait", f"--working-directory={site.root}", "--property")
    site.machine.run(*here, "SyslogIdentifier=warns", *TETRA, "run")
    [warning] = awaited(site, "SYSLOG_IDENTIFIER=warns", "PRIORITY=4")
    assert warning["MESSAGE"] == "warning: the log /dev/full is incomplete: [Errno 28] No space left on device"
    site.machine.run(*here, "SyslogIdentifier=fails", *TETRA, "run", "--pipeline", "nobody")
    [error] = awaited(site, "SYSLOG_IDENTIFIER=fails", "PRIORITY=3")
    assert error["MESSAGE"] == "error: Unknown pipeline: nobody"
    site.remove()
