"""What one look at everything has found: how each pipeline and the host fare, and what is not as it should be."""

from __future__ import annotations

from tetra_orchestrator.core.findings import CRITICAL, HOST_CODES, ON, Finding
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.core.gauges import Gauge

HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"
#: The exit code of each verdict.
EXIT_CODES = {HEALTHY: 0, DEGRADED: 1, UNHEALTHY: 2}


class PipelineHealth(Record):
    """How one pipeline fares. Durations are seconds, instants aware UTC; None is not known.

    `last_run` is when it last ended, `status` how, in our words. `error_rate` is a share of its last runs. Its data is
    from `data_at`. `cpu_s` and `memory_bytes` are what its attempts take that run now, on this machine.
    """

    name: str
    last_run: datetime | None = None
    status: str | None = None
    data_freshness: str = "unknown"
    log_freshness: str = "unknown"
    error_rate: float | None = None
    avg_duration_s: float | None = None
    next_slot: datetime | None = None
    last_duration_s: float | None = None
    data_at: datetime | None = None
    last_success: datetime | None = None
    running: bool = False
    paused: bool = False
    cpu_s: float | None = None
    memory_bytes: int | None = None


class Health(Record):
    """The whole picture as of `at`.

    `system` is what `monitor --json` publishes of the host. `gauges` has the values of `OF_PIPELINE` for each pipeline,
    `host` those of `OF_HOST`. With the store `down` nothing is known of pipelines, runs and slots. `place` is the
    host's name where others share the store.
    """

    at: datetime
    health: str
    pipelines: tuple[PipelineHealth, ...]
    system: Mapping[str, Any]
    findings: tuple[Finding, ...]
    gauges: Mapping[str, Mapping[str, Gauge]]
    host: Mapping[str, Gauge]
    down: bool = False
    place: str | None = None


def verdict(findings: Collection[Finding]) -> str:
    """What so many findings make of the whole."""
    if not findings:
        return HEALTHY
    return UNHEALTHY if any(one.severity == CRITICAL for one in findings) else DEGRADED


def masked(health: Health, mask: Callable[[str], str]) -> Health:
    """The same without secrets: an address that is looked at may hold some. Names of ours stay as they are."""
    findings = tuple(_masked(one, mask) for one in health.findings)
    answers = {mask(address): mask(word) for address, word in (health.system.get("api_endpoints") or {}).items()}
    return health._replace(findings=findings, system={**health.system, "api_endpoints": answers or None})


def _masked(found: Finding, mask: Callable[[str], str]) -> Finding:
    subject = mask(found.subject) if "/" in found.subject else found.subject
    return found._replace(subject=subject, text=mask(found.text), command=mask(found.command))


def placed(health: Health, place: str) -> Health:
    """The same, with the name of the host in what is so on that alone."""
    findings = tuple(_placed(one, place) if one.code in HOST_CODES else one for one in health.findings)
    return health._replace(findings=findings, place=place)


def _placed(found: Finding, place: str) -> Finding:
    return found._replace(subject=f"{found.subject}{ON}{place}", text=f"{place}: {found.text}")


def worst_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """What is critical first."""
    return tuple(sorted(findings, key=lambda one: one.severity != CRITICAL))
