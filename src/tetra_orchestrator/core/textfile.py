"""The figures of one look in the text format of Prometheus, for the textfile collector of its node_exporter.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections import Counter

from tetra_orchestrator.core.health import EXIT_CODES
from tetra_orchestrator.core.states import WORST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from tetra_orchestrator.core.health import Health, PipelineHealth

    Labels = Mapping[str, str]
    Sample = tuple[Labels, float | None]

#: The states of a pipeline's last run that there is a figure for each, whether or not it is in that.
_STATES = sorted(state.value for state in WORST)


def text(project: str, health: Health, alerts_open: int | None) -> str:
    """The whole file. What is not known is left out."""
    lines = []
    for name, about, samples in _families(health, alerts_open):
        known = [(labels, value) for labels, value in samples if value is not None]
        if known:
            lines += [f"# HELP tetra_{name} {about}", f"# TYPE tetra_{name} gauge"]
            lines += [
                f"tetra_{name}{_labels({'project': project, **labels})} {_number(value)}" for labels, value in known
            ]
    return "\n".join(lines) + "\n"


def _families(health: Health, alerts_open: int | None) -> Iterator[tuple[str, str, Iterable[Sample]]]:
    """Name, meaning and samples of each metric. A unit is the last word of a name."""
    one: Labels = {}
    yield "monitor_last_look_timestamp_seconds", "When the monitor last looked.", [(one, health.at.timestamp())]
    yield "health", "0 healthy, 1 degraded, 2 unhealthy.", [(one, EXIT_CODES[health.health])]
    yield "store_up", "Whether the state store can be used.", [(one, 0 if health.down else 1)]
    found = Counter((finding.code, finding.severity) for finding in health.findings)
    counts = [({"code": code, "severity": severity}, float(count)) for (code, severity), count in found.items()]
    yield "findings", "What is not as it should be, by code.", counts
    yield "alerts_open", "Alerts that are not over.", [(one, alerts_open)]
    yield from _of_pipelines(health)
    for name, about in _HOST.items():
        value = health.host.get(name)
        yield f"host_{name}_ratio", about, [(one, value if isinstance(value, (int, float)) else None)]
    disks = health.system.get("disks") or ()
    yield (
        "disk_free_bytes",
        "Free bytes of a disk.",
        [({"folder": each["folder"]}, each["free_bytes"]) for each in disks],
    )


_HOST = {
    "disk_free": "The smallest free share of a disk that is written to.",
    "memory_free": "The share of memory that is available.",
    "cpu_load": "The load of the last minute by CPU.",
    "cpu_busy": "The share of the processors' time that was used since the look before.",
    "open_files": "The share of the system's open files that is used.",
}


def _of_pipelines(health: Health) -> Iterator[tuple[str, str, Iterable[Sample]]]:
    def each(value: str) -> list[Sample]:
        return [({"pipeline": one.name}, _seconds(getattr(one, value))) for one in health.pipelines]

    def gauge(name: str, factor: float = 1.0) -> list[Sample]:
        values = ((one, health.gauges.get(one, {}).get(name)) for one in health.gauges)
        return [({"pipeline": one}, value * factor if isinstance(value, float) else None) for one, value in values]

    states = [sample for one in health.pipelines for sample in _states(one)]
    yield "pipeline_last_run_timestamp_seconds", "When its last run ended.", each("last_run")
    yield "pipeline_last_success_timestamp_seconds", "When it last succeeded.", each("last_success")
    yield "pipeline_next_slot_timestamp_seconds", "When it is due next.", each("next_slot")
    yield "pipeline_status", "1 for the state in which its last run ended, 0 for the others.", states
    yield "pipeline_running", "Whether it runs now.", each("running")
    yield "pipeline_paused", "Whether somebody has paused it.", each("paused")
    yield "pipeline_duration_seconds", "How long its last run took.", each("last_duration_s")
    yield "pipeline_mean_duration_seconds", "The mean of its last runs.", each("avg_duration_s")
    yield "pipeline_error_rate", "The share of its last runs that failed.", each("error_rate")
    yield "pipeline_failures", "Runs in a row that failed.", gauge("failures")
    yield "pipeline_data_age_seconds", "How old its data is.", gauge("data_age_hours", 3600)
    yield "pipeline_log_age_seconds", "How long its newest log was not written.", gauge("log_age_hours", 3600)
    yield "pipeline_slots_missed", "Slots of the last seven days that were missed.", gauge("missed_slots")


def _states(one: PipelineHealth) -> list[Sample]:
    return [({"pipeline": one.name, "status": state}, float(one.status == state)) for state in _STATES if one.status]


def _seconds(value: datetime | float | None) -> float | None:
    return value if value is None or isinstance(value, (int, float)) else value.timestamp()


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    """Half a surrogate pair, which no UTF-8 file can hold, becomes `?`."""
    whole = value.encode("utf-8", "replace").decode()
    return whole.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return repr(float(value)) if value != int(value) else str(int(value))
