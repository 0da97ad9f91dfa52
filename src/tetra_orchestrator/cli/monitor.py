"""`monitor`: one check of freshness, errors and the host's resources; its exit code is the verdict."""

from __future__ import annotations

import sys

from tetra_orchestrator.cli.output import instant, local, print_json, print_table
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.core.spoken import duration
from tetra_orchestrator.errors import TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.engine.monitor import Health, PipelineHealth
    from tetra_orchestrator.timer_port import TimerBackend

EXIT_CODES = {"healthy": 0, "degraded": 1, "unhealthy": 2}


def command(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Check data and log freshness, error rates and the host. Exit code 0 healthy, 1 degraded, 2 unhealthy."""
    from tetra_orchestrator import wire
    from tetra_orchestrator.engine.monitor import check

    project = load(Source(config)).project
    with wire.settled(project.store_url, project.root, project=project) as scene:
        health = check(project, scene.store, wire.clock(), wire.probe())
    renewed = _renewed(project)
    if as_json:
        print_json("monitor", {**_body(health), "renewed": renewed})
    else:
        _print(health)
        for file in renewed:
            print(f"made anew for further years: {file}")
    return EXIT_CODES[health.health]


def _renewed(project: Project) -> list[str]:
    """The timers of ours that were made anew, as they woke us at the right times for less than a year.

    Whatever goes wrong changes nothing about the verdict.
    """
    from tetra_orchestrator import wire_timers

    renewed: list[str] = []
    try:
        for kind in wire_timers.kinds_here():
            backend = wire_timers.timers(kind)
            if backend.installed(project.name):
                renewed += _renew(project, backend)
    except TetraError as error:
        print(f"warning: timers are as they were: {error}", file=sys.stderr)
    return renewed


def _renew(project: Project, backend: TimerBackend) -> list[str]:
    from tetra_orchestrator import wire_timers
    from tetra_orchestrator.cli.timers import disabled, site_of
    from tetra_orchestrator.engine import timers

    site, off = site_of(project, backend), disabled(project)
    found = timers.survey(site, off)
    applied = timers.renew(found, site, off.union(found.stopped), wire_timers.valid_until(backend.kind))
    return [action.file for action in applied.done]


def _body(health: Health) -> dict[str, Any]:
    return {
        "health": health.health,
        "pipelines": {pipeline.name: _row(pipeline) for pipeline in health.pipelines},
        "system": health.system,
        "findings": [finding._asdict() for finding in health.findings],
    }


def _row(pipeline: PipelineHealth) -> dict[str, Any]:
    row: dict[str, Any] = pipeline._asdict()
    del row["name"]
    return {**row, "last_run": instant(pipeline.last_run), "next_slot": instant(pipeline.next_slot)}


def _print(health: Health) -> None:
    print(health.health)
    print_table(
        ("pipeline", "last run", "status", "data", "log", "errors", "mean", "next"),
        [
            (
                p.name,
                local(p.last_run),
                p.status or "never",
                p.data_freshness,
                p.log_freshness,
                "-" if p.error_rate is None else f"{p.error_rate:.0%}",
                duration(p.avg_duration_s),
                local(p.next_slot),
            )
            for p in health.pipelines
        ],
    )
    print("  ".join(f"{name} {value}" for name, value in health.system.items() if value is not None))
    for finding in health.findings:
        print(f"{finding.severity}: {finding.text}")
