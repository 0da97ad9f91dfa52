"""Dagster's own daemon: it fires our schedules without its web server, one run of a tenant after the other."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, NamedTuple

import pytest

from rig.clock import Clock
from support.components import require
from support.dagster import DagsterHome

#: Tasks note when they begin and end: one of bolt once one of acme has begun, and one of acme when it may.
PROJECT = """\
version: 1
project: fleet
defaults: {task: {timeout: 60s}}
tenants: {acme: {}, bolt: {}}
pipelines:
  orders: {tenant: acme, shell: sh note.sh "test -e go"}
  clicks: {tenant: acme, shell: sh note.sh "test -e go"}
  stock: {tenant: bolt, shell: sh note.sh "grep -q begin.acme journal.txt"}
  paused: {shell: echo never}
schedules:
  orders: {pipelines: [orders], cron: "* * * * *"}
  clicks: {pipelines: [clicks], cron: "* * * * *"}
  stock: {pipelines: [stock], cron: "* * * * *"}
  paused: {pipelines: [paused], cron: "* * * * *", enabled: false}
"""
NOTE = """\
echo "begin $TETRA_TENANT $TETRA_PIPELINE" >>journal.txt
until $1; do sleep 0.05; done
echo "end $TETRA_TENANT $TETRA_PIPELINE" >>journal.txt
"""
DEFINITIONS = """\
from tetra_orchestrator.dagster import definitions

defs = definitions("orchestration.yaml")
"""
SETTINGS = """\
concurrency:
  runs:
    tag_concurrency_limits:
      - {key: tenant, value: {applyLimitPerUniqueValue: true}, limit: 1}
run_coordinator:
  module: dagster
  class: QueuedRunCoordinator
  config: {dequeue_interval_seconds: 1}
"""
LOCATIONS = """
{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
    ... on PythonError { message }
    ... on RepositoryLocation { repositories {
        jobs { name }
        schedules { name cronSchedule executionTimezone scheduleState { status } } } } } } } } }
"""


class Minute(NamedTuple):
    """What was there before the first minute of the schedules, and what it has brought.

    `held` is how the runs of acme stood when that of bolt was over, and the first of them was not.
    """

    listed: dict[str, Any]
    server_code: int | None
    held: list[str]
    journal: list[list[str]]
    runs: list[Any]
    ours: list[dict[str, Any]]


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Minute:
    """Daemon and web server live; the web server is ended, and then it is noon."""
    require("gcc")
    folder = tmp_path_factory.mktemp("fleet")
    for name, text in (("orchestration.yaml", PROJECT), ("note.sh", NOTE), ("definitions.py", DEFINITIONS)):
        (folder / name).write_text(text)
    # Three seconds before a minute time stands still until all are there, so that nobody waits for it longer.
    clock = Clock(folder, "2026-03-02 11:59:57", 0.0001, folder / "clock")
    with DagsterHome(folder, settings=SETTINGS, environ={"LD_PRELOAD": str(clock.library)}) as home:
        known = home.code_server("definitions.py")
        daemon, server = home.daemon(*known), home.webserver(*known)
        daemon.until(lambda: len(home.ticking()) == 3)
        (listed,) = home.graphql(LOCATIONS)["workspaceOrError"]["locationEntries"]
        server.stop()
        clock.go()
        daemon.until(home.over)
        held = sorted(one.dagster_run.status.value for one in home.runs() if not one.dagster_run.is_finished)
        (folder / "go").touch()
        daemon.until(lambda: len(home.over()) == 3)
        runs, code = home.over(), server.process.poll()
    journal = [line.split() for line in (folder / "journal.txt").read_text().splitlines()]
    history = [sys.executable, "-m", "tetra_orchestrator", "history", "--json"]
    told = subprocess.run(history, cwd=folder, capture_output=True, text=True, check=True)
    return Minute(listed["locationOrLoadError"], code, held, journal, runs, json.loads(told.stdout)["runs"])


def test_the_web_server_lists_our_jobs_and_schedules(minute: Minute) -> None:
    (repository,) = minute.listed["repositories"]
    jobs = sorted(job["name"] for job in repository["jobs"])
    assert jobs == ["automated_pipeline_job", "clicks", "orders", "paused", "stock"]
    told = {
        one["name"]: (one["cronSchedule"], one["executionTimezone"], one["scheduleState"]["status"])
        for one in repository["schedules"]
    }
    assert told == {
        "clicks": ("* * * * *", "UTC", "RUNNING"),
        "orders": ("* * * * *", "UTC", "RUNNING"),
        "stock": ("* * * * *", "UTC", "RUNNING"),
        "paused": ("* * * * *", "UTC", "STOPPED"),
    }


def test_the_daemon_fires_each_schedule_once_though_the_web_server_has_ended(minute: Minute) -> None:
    assert minute.server_code is not None
    fired = sorted((one.dagster_run.tags["dagster/schedule_name"], one.dagster_run.status.value) for one in minute.runs)
    assert fired == [("clicks", "SUCCESS"), ("orders", "SUCCESS"), ("stock", "SUCCESS")]


def test_of_one_tenant_no_two_tasks_are_under_way_at_the_same_time(minute: Minute) -> None:
    acme = [(what, pipeline) for what, tenant, pipeline in minute.journal if tenant == "acme"]
    first, second = acme[0][1], acme[-1][1]
    assert sorted((first, second)) == ["clicks", "orders"]
    assert acme == [("begin", first), ("end", first), ("begin", second), ("end", second)]


def test_runs_of_that_tenant_wait_in_dagsters_queue_and_take_no_process(minute: Minute) -> None:
    assert minute.held == ["QUEUED", "STARTED"]
    first, second = sorted((one for one in minute.runs if one.dagster_run.tags["tenant"] == "acme"), key=_began)
    assert first.end_time <= second.start_time


def test_another_tenants_run_is_under_way_beside_them(minute: Minute) -> None:
    lines = [" ".join(line) for line in minute.journal]
    begun, ended = (
        next(at for at, line in enumerate(lines) if line.startswith(f"{what} acme")) for what in ("begin", "end")
    )
    assert begun < lines.index("end bolt stock") < ended


def test_each_run_of_dagster_is_one_of_ours_for_the_minute_that_was_due(minute: Minute) -> None:
    told = [(dict(tag.split("=") for tag in one["tags"]), one["state"], one["trigger"]) for one in minute.ours]
    assert sorted((tags["tenant"], state, trigger) for tags, state, trigger in told) == [
        ("acme", "succeeded", "dagster"),
        ("acme", "succeeded", "dagster"),
        ("bolt", "succeeded", "dagster"),
    ]
    assert {tags["dagster_run"] for tags, *_ in told} == {one.dagster_run.run_id for one in minute.runs}


def _began(record: Any) -> float:
    return float(record.start_time)
