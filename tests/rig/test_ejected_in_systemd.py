"""The units that `export systemd` writes, on a real systemd: they run the chain without us."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from rig.machine import Machine, until
from rig.site import LIMIT_S, Site

NASTY = "a \\\"'$HOME %n #;é {{x}}"
TELL = "import os, sys; print(sys.argv[1], os.environ['VALUE'], sep='|', file=open('done', 'a'))"
CHAIN = """
    pipelines:
      extract:
        shell: 'echo extract >>done; test "$(grep -c extract done)" -gt 1'
        retry: {max_attempts: 3, delay: 0}
      load:
        command: [python, -c, "%s", '%s']
        env: {VALUE: '%s'}
        depends_on: [extract]
      broken: {command: ["false"]}
      behind: {shell: 'echo behind >>done', depends_on: [broken]}
      late: {shell: 'echo late >>done', depends_on: [{broken: finished}]}
    modes: {daily: [extract, load], mixed: [broken, behind, late]}
    schedules:
      often: {mode: daily, every: 2s, catch_up: none}
"""


@pytest.fixture
def site(machine: Machine) -> Iterator[Site]:
    made = Site(machine)
    yield made
    made.systemctl("stop", "shop.*")
    machine.run("sh", "-c", f"rm -rf {made.units}/shop.*")
    made.systemctl("daemon-reload")
    made.systemctl("reset-failed")


def export(site: Site) -> None:
    said = NASTY.replace("'", "''")
    site.configure(CHAIN % (TELL, said, said))
    site.tetra("export", "systemd", "--output", site.units)
    site.systemctl("daemon-reload")


def test_a_chain_runs_in_order_with_its_retries_and_every_text_as_it_was_written(site: Site) -> None:
    export(site)
    done = site.run("systemctl", "--user", "start", "shop.daily.service")
    assert done.returncode == 0, done.stderr
    value = NASTY.replace("{{x}}", "{x}")
    assert site.lines("done") == ["extract", "extract", f"{value}|{value}"]
    assert site.shown("shop.daily.service", "Result", "ActiveState") == ["success", "inactive"]


def test_a_failure_is_told_and_stops_what_depends_on_it(site: Site) -> None:
    export(site)
    done = site.run("systemctl", "--user", "start", "shop.mixed.service")
    assert done.returncode == 1
    assert "A dependency job for shop.mixed.service failed" in done.stderr
    assert until(lambda: site.lines("done") == ["late"], LIMIT_S), site.trouble()
    assert site.shown("shop.mixed.broken.service", "Result", "ActiveState") == ["exit-code", "failed"]


def test_a_timer_starts_the_chain_each_time_it_is_due_without_a_trace_of_us(site: Site) -> None:
    export(site)
    site.run("rm", "-r", "orchestration.yaml", "state")
    site.systemctl("start", "shop.often.timer")
    assert until(lambda: sum("|" in line for line in site.lines("done")) >= 2, LIMIT_S), site.trouble()
    assert not site.path("state").exists()
    assert "tetra_orchestrator" not in "".join(
        path.read_text() for path in site.machine.path(site.units).glob("shop.*")
    )
    assert sys.executable in site.machine.path(f"{site.units}/shop.daily.load.service").read_text()


def test_what_depends_on_a_service_that_systemd_itself_restarts_is_given_up_at_its_first_failure(site: Site) -> None:
    """So a retry is a loop within one start."""
    first = "[Service]\nType=oneshot\nWorkingDirectory=%h/shop\nRestart=on-failure\nRestartSec=0\n"
    first += "ExecStart=sh -c 'echo first >>done; test $(grep -c first done) -gt 1'\n"
    behind = "[Unit]\nRequires=shop.first.service\nAfter=shop.first.service\n[Service]\nType=oneshot\nExecStart=true\n"
    site.run("mkdir", "-p", site.units)
    for name, text in (("first", first), ("behind", behind)):
        site.machine.path(f"{site.units}/shop.{name}.service").write_text(text)
    site.systemctl("daemon-reload")
    done = site.run("systemctl", "--user", "start", "shop.behind.service")
    assert until(lambda: site.lines("done") == ["first", "first"], LIMIT_S), site.trouble()
    assert (done.returncode, "A dependency job for shop.behind.service failed" in done.stderr) == (1, True)
