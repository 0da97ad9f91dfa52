"""The metrics for Prometheus, read off the file that the program writes of a project of which everything is known."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

from tetra_orchestrator.core.findings import finding
from tetra_orchestrator.core.gauges import OF_HOST, OF_PIPELINE
from tetra_orchestrator.core.health import HEALTHY, Health, PipelineHealth
from tetra_orchestrator.core.textfile import text

_THEN = datetime(2026, 3, 1, tzinfo=UTC)


class Metric(NamedTuple):
    """A gauge of Prometheus."""

    name: str
    labels: list[str]
    meaning: str


def metrics() -> list[Metric]:
    """Every metric, in the order of the file."""
    lines = text("PROJECT", _everything(), alerts_open=0).splitlines()
    about = dict(line.removeprefix("# HELP ").split(" ", 1) for line in lines if line.startswith("# HELP "))
    labels: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith("#"):
            labels[line.partition("{")[0]] = re.findall(r'(\w+)="', line)
    return [Metric(name, labels[name], meaning) for name, meaning in about.items()]


def _everything() -> Health:
    pipeline = PipelineHealth(
        *("PIPELINE", _THEN, "succeeded", "fresh", "fresh", 0.0, 1.0, _THEN, 1.0, _THEN, _THEN),
        running=False,
        paused=False,
    )
    return Health(
        at=_THEN,
        health=HEALTHY,
        pipelines=(pipeline,),
        system={"disks": [{"folder": "/", "free_bytes": 1.0}]},
        findings=(finding("data_stale", "PIPELINE", ""),),
        gauges={"PIPELINE": dict.fromkeys(OF_PIPELINE, 1.0)},
        host=dict.fromkeys(OF_HOST, 0.5),
    )
