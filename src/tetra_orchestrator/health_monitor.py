"""How everything fares, for Python programs: what `monitor` looks at, without telling anybody or keeping anything.

    from tetra_orchestrator import PipelineHealthMonitor

    health = await PipelineHealthMonitor("config/orchestration.yaml").health_check()
    health["pipelines"]["data_pipeline"]["status"]      # "success"

Nothing here waits in the caller's loop: what takes time is done in a thread.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tetra_orchestrator import wire_monitor
from tetra_orchestrator.api import Project, load
from tetra_orchestrator.core.freshness import freshness
from tetra_orchestrator.core.selection import suggest
from tetra_orchestrator.core.vocabulary import VOCABULARIES
from tetra_orchestrator.core.watching import Monitoring
from tetra_orchestrator.errors import UsageError

if TYPE_CHECKING:
    import os
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.core.health import PipelineHealth
    from tetra_orchestrator.core.model import Pipeline

#: The limit of data whose pipeline has none of its own, in seconds.
MAX_AGE_S = 24 * 3600.0
UNKNOWN = "unknown"


class PipelineHealthMonitor:
    """Looks at the pipelines of a project, which is a file, or found as the command line finds it.

    The times that it gives are aware UTC, durations seconds, rates from 0 to 1. What is not known is None or `unknown`.
    Raises `ConfigError` for a file that cannot be used, and `UsageError` for a pipeline that it does not have.
    """

    def __init__(self, project: Project | str | os.PathLike[str] | None = None):
        self._project = (project if isinstance(project, Project) else load(project)).model
        self._monitoring = self._project.monitor or Monitoring()

    @property
    def pipelines(self) -> list[str]:
        """The names of those that are looked at."""
        return [pipeline.name for pipeline in self._project.pipelines if pipeline.enabled]

    async def health_check(self) -> dict[str, Any]:
        """`timestamp`, `pipelines` by name and `system`; a store that cannot be used shows as `database: error`."""
        health = await asyncio.to_thread(wire_monitor.look, self._project)
        return {
            "timestamp": health.at,
            "health": health.health,
            "pipelines": {one.name: self._row(one) for one in health.pipelines},
            "system": {
                **health.system,
                "database": "error" if health.down else "ok",
                "disk_space": self.check_disk_space(),
                "memory": self.check_memory_usage(),
                "api_endpoints": _words(health.system["api_endpoints"]),
            },
            "findings": [finding._asdict() for finding in health.findings],
        }

    async def get_last_run_time(self, name: str) -> datetime | None:
        """When its last run ended."""
        return (await self._view(name)).last_run

    async def get_pipeline_status(self, name: str) -> str:
        """How its last run ended: success, partial or failed; running in its first, unknown before that."""
        return _status(await self._view(name))

    async def get_error_rate(self, name: str) -> float | None:
        """The share of its last `monitor.error_window` runs (20) that failed; None where it never ran."""
        return (await self._view(name)).error_rate

    async def get_avg_duration(self, name: str) -> float | None:
        """The mean of the same runs."""
        return (await self._view(name)).avg_duration_s

    async def check_data_freshness(self, name: str) -> str:
        """`fresh`, `stale` or `unknown`: by its `data`, else by its last success and `max_data_age`, which is 24 hours
        where it is not set."""
        return _freshness(await self._view(name), self._pipeline(name))

    async def check_database_connection(self) -> str:
        """`ok`, or `error: ` and why the state store cannot be used."""
        why = await asyncio.to_thread(wire_monitor.why_closed, self._project)
        return "ok" if why is None else f"error: {why}"

    async def check_api_endpoints(self) -> dict[str, str]:
        """By address (`monitor.endpoints`) `ok`, or `error: ` and what is wrong with it."""
        return await asyncio.to_thread(self._call)

    def check_disk_space(self) -> dict[str, Any]:
        """Of the disk that the project is on: `total`, `used` and `free` in bytes, `percent` used (0 to 100), `status`:
        ok, or low where less than `monitor.disk_free` is free."""
        import psutil

        usage = psutil.disk_usage(self._project.root)
        is_low = usage.percent > 100 * (1 - self._monitoring.disk_free)
        return {**usage._asdict(), "status": "low" if is_low else "ok"}

    def check_memory_usage(self) -> dict[str, Any]:
        """Of the machine: `total`, `used` and `available` bytes, `percent` used (0 to 100), `status`: ok, or low where
        less than `monitor.memory_free` is available."""
        import psutil

        memory = psutil.virtual_memory()
        is_low = memory.available < self._monitoring.memory_free * memory.total
        shown = {name: getattr(memory, name) for name in ("total", "used", "available", "percent")}
        return {**shown, "status": "low" if is_low else "ok"}

    def _call(self) -> dict[str, str]:
        answers = wire_monitor.call(self._project)
        return _words(answers)

    async def _view(self, name: str) -> PipelineHealth:
        return await asyncio.to_thread(wire_monitor.view, self._project, self._pipeline(name))

    def _pipeline(self, name: str) -> Pipeline:
        found = self._project.pipeline(name)
        if found is None:
            raise UsageError(f"Unknown pipeline: {name}", hint=suggest(name, self.pipelines, "pipelines"))
        return found

    def _row(self, one: PipelineHealth) -> dict[str, Any]:
        row = one._asdict()
        row["avg_duration"] = row.pop("avg_duration_s")
        return {**row, "status": _status(one), "data_freshness": _freshness(one, self._pipeline(one.name))}


def _status(one: PipelineHealth) -> str:
    return UNKNOWN if one.status is None else VOCABULARIES["tetra"].last(one.status)


def _freshness(one: PipelineHealth, pipeline: Pipeline) -> str:
    if pipeline.data or pipeline.max_data_age_s is not None:
        return one.data_freshness
    return freshness(one.last_success, MAX_AGE_S, wire_monitor.now())


def _words(answers: dict[str, str] | None) -> dict[str, str]:
    return {address: word if word == "ok" else f"error: {word}" for address, word in (answers or {}).items()}
