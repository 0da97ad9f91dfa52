"""What `monitor` prints of one look: as one JSON object, or as tables for 80 columns."""

from __future__ import annotations

import os
from shlex import quote

from tetra_orchestrator.cli.output import instant, print_table
from tetra_orchestrator.cli.paint import cell, signed
from tetra_orchestrator.core.spoken import about, duration, percent, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.core.health import Health, PipelineHealth

_INSTANTS = ("last_run", "last_success", "data_at", "next_slot")
#: What looks closer where this look has shown all there is.
_THIS = "tetra monitor"


def body(health: Health) -> dict[str, Any]:
    """The look as `monitor --json` publishes it."""
    return {
        "health": health.health,
        "pipelines": {pipeline.name: _json(pipeline) for pipeline in health.pipelines},
        "system": health.system,
        "findings": [finding._asdict() for finding in health.findings],
        "at": instant(health.at),
    }


def _json(pipeline: PipelineHealth) -> dict[str, Any]:
    row: dict[str, Any] = pipeline._asdict()
    del row["name"]
    return {**row, **{name: instant(row[name]) for name in _INSTANTS}}


def show(health: Health, config: str | None) -> None:
    """Print the look for people: the pipelines, the host, then what is not as it should be and how to look closer.

    `config` is the file that the command line has named.
    """
    named = f" --config {quote(config)}" if config else ""
    print(signed(health.health))
    print_table(
        ("pipeline", "ran", "status", "data", "log", "errs", "mean", "next"),
        [_row(pipeline, health.at) for pipeline in health.pipelines],
    )
    print()
    for pipeline in health.pipelines:
        if pipeline.memory_bytes is not None:
            print(f"{pipeline.name}: cpu {duration(pipeline.cpu_s)} so far, memory {size(pipeline.memory_bytes)}")
    for line in _host(health.system):
        print(line)
    for finding in health.findings:
        print(f"\n{signed(finding.severity)}: {finding.text}")
        if finding.command not in ("", _THIS):
            print(f"  look closer: {finding.command}{named * finding.command.startswith('tetra ')}")


def _row(one: PipelineHealth, now: datetime) -> tuple[str, ...]:
    status = "running" if one.running else "paused" if one.paused else one.status or "never"
    return (
        one.name,
        _span(one.last_run, now),
        cell(status),
        one.data_freshness,
        one.log_freshness,
        "-" if one.error_rate is None else percent(one.error_rate),
        "-" if one.avg_duration_s is None else about(one.avg_duration_s),
        _span(one.next_slot, now),
    )


def _span(at: datetime | None, now: datetime) -> str:
    return "-" if at is None else about(abs((at - now).total_seconds()))


def _host(system: Mapping[str, Any]) -> Iterator[str]:
    free, used, load = system["memory_free"], system["open_files"], system["cpu"]
    words = [
        f"database {system['database']}",
        f"memory {_share(free)} free",
        f"load {load:.2f} for each CPU" if load is not None else "",
        f"open files {_share(used)}" if used is not None else "",
    ]
    yield ", ".join(word for word in words if word)
    for disk in system["disks"]:
        folder = disk["folder"].removeprefix(os.getcwd() + os.sep)
        yield f"disk of {folder}: {_share(disk['free'])} free"
    timers = system["timers"]
    if isinstance(timers, dict):
        bad = [f"{name} {word}" for name, word in timers.items() if word != "ok"]
        yield f"timers: {', '.join(bad) or 'ok'}"
    elif timers is not None:
        yield f"timers: {timers}"
    for address, word in (system["api_endpoints"] or {}).items():
        yield f"{address}: {word}"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0%}"
