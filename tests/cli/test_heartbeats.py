"""Dead man's switches, by the real command line and a real HTTP server that plays healthchecks.io."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from support.http_server import HttpServer, Reply, closed_port


def schedule(site, url, command):
    """Have one slot be due in a few seconds."""
    soon = datetime.now(UTC) + timedelta(seconds=4)
    site.configure(
        f"""
        pipelines: {{load: {{shell: "{command}"}}}}
        modes: {{daily: [load]}}
        schedules: {{once: {{mode: daily, at: "{soon:%Y-%m-%dT%H:%M:%S}", catch_up: latest, heartbeat: "{url}"}}}}
        """
    )


def fire(site):
    """Wake the guard when the slot is due; the first wake of all only begins to count."""
    assert site.run("fire", "once", "--by", "crontab").returncode == 0
    time.sleep(4)
    return site.run("fire", "once", "--by", "crontab")


@pytest.mark.parametrize(
    ("command", "code", "last"),
    [("exit 0", 0, ("/hook", b"succeeded")), ("exit 3", 2, ("/hook/fail", b"failed with exit code 2"))],
)
def test_a_schedule_s_run_is_told_at_its_beginning_and_at_its_end(command, code, last, site):
    with HttpServer() as server:
        schedule(site, f"{server.url}/hook", command)
        done = fire(site)
        assert (done.returncode, done.stderr) == (code, "")
        assert [(each.path, each.body) for each in server.requests] == [("/hook/start", b""), last]
        assert {each.method for each in server.requests} == {"POST"}


def test_a_switch_that_cannot_be_reached_is_a_warning_and_the_run_is_what_it_is(site):
    port = closed_port()
    schedule(site, f"http://127.0.0.1:{port}/secret-path", "exit 0")
    done = fire(site)
    assert done.returncode == 0
    assert done.stderr == f"warning: the heartbeat was not heard: 127.0.0.1:{port}: connection refused\n" * 2


def test_a_switch_that_hangs_holds_nothing_up_for_long(site):
    with HttpServer(Reply(acts="hang")) as server:
        schedule(site, f"{server.url}/hook", "exit 0")
        began = time.monotonic()
        done = fire(site)
        assert (done.returncode, time.monotonic() - began < 4 + 20) == (0, True)
        assert done.stderr.count("warning: the heartbeat was not heard: ") == 2


def test_the_monitor_is_heard_after_each_look(site):
    with HttpServer() as server:
        site.configure(f"pipelines: {{load: {{shell: 'true'}}}}\nmonitor: {{heartbeat: '{server.url}/alive'}}\n")
        health = site.json("monitor")["health"]
        assert [(each.path, each.body) for each in server.requests] == [("/alive", health.encode())]
