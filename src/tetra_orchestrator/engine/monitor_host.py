"""How the host fares: disks that are written to, memory, processors, open files, addresses that must answer."""

from __future__ import annotations

import json
import os
from urllib.parse import urlsplit

from tetra_orchestrator.core.findings import Finding, finding
from tetra_orchestrator.core.model import SQLITE
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.core.gauges import Gauge
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.core.watching import Monitoring
    from tetra_orchestrator.watch_ports import Disk, Probe, Watcher

#: A disk of which less than this share is free is as good as full.
OUT = 0.02
#: What is kept of the processors from look to look.
CPU_MARK = "host:cpu"
#: Between looks that are closer than this the processors' time says little.
ENOUGH_S = 1.0


class HostHealth(Record):
    """What is known of the host: as published, as gauges, what is not as it should be, and the mark for later."""

    system: dict[str, Any]
    gauges: dict[str, Gauge]
    findings: tuple[Finding, ...]
    mark: str


def look(project: Project, monitoring: Monitoring, probe: Probe, watcher: Watcher, mark: str | None) -> HostHealth:
    """Look at the host; `mark` is that of the look before."""
    disks = probe.disks(written_to(project, monitoring))
    free = [disk.free for disk in disks if disk.free is not None]
    times = probe.cpu_times()
    gauges: dict[str, Gauge] = {
        "disk_free": min(free, default=None),
        "memory_free": probe.memory_available(),
        "cpu_load": probe.load_per_cpu(),
        "cpu_busy": _busy(times, mark),
        "open_files": probe.open_files(),
    }
    answers: dict[str, str | None] = {}
    for address, fault in zip(map(shown, monitoring.endpoints), watcher.call(monitoring.endpoints), strict=True):
        answers[address] = answers.get(address) or fault  # some differ only in what is not shown
    found = [*_of_disks(disks, project, monitoring), *_of_gauges(gauges, monitoring), *_of_answers(answers)]
    return HostHealth(_system(disks, gauges, answers, monitoring), gauges, tuple(found), json.dumps(times))


def written_to(project: Project, monitoring: Monitoring) -> list[str]:
    """Every folder that we write to, absolute."""
    state = os.path.join(project.root, "state")
    database = os.path.dirname(project.store_url.removeprefix(SQLITE)) if project.store_url.startswith(SQLITE) else None
    files = [os.path.dirname(path) for path in (project.logs.file, monitoring.textfile) if path]
    return list(dict.fromkeys([state, *([database] if database else ()), project.logs.dir, *files]))


def shown(address: str) -> str:
    """An address without what may be secret in it: who asks, and the query."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
    except ValueError:
        return address.partition("?")[0].rpartition("@")[2]


def _busy(times: tuple[float, float], mark: str | None) -> float | None:
    """The share of the processors' time that was used since the mark; None without one of this start of the machine."""
    try:
        used, total = (now - then for now, then in zip(times, json.loads(mark or ""), strict=True))
    except (ValueError, TypeError):
        return None
    return min(max(used / total, 0.0), 1.0) if total >= ENOUGH_S and used >= 0 else None


def _system(
    disks: Sequence[Disk], gauges: Mapping[str, Gauge], answers: Mapping[str, str | None], monitoring: Monitoring
) -> dict[str, Any]:
    words = [_word(disk.free, monitoring) for disk in disks]
    memory, load = gauges["memory_free"], gauges["cpu_load"]
    return {
        "disk_space": next((word for word in ("out", "low", "unknown") if word in words), "ok"),
        "disks": [
            {"folder": disk.folder, "free": _rounded(disk.free), "free_bytes": disk.free_bytes, "state": word}
            for disk, word in zip(disks, words, strict=True)
        ],
        "memory": "low" if isinstance(memory, float) and memory < monitoring.memory_free else "ok",
        "memory_free": _rounded(memory),
        "cpu": _rounded(load, 2),
        "cpu_busy": _rounded(gauges["cpu_busy"], 2),
        "open_files": _rounded(gauges["open_files"]),
        "api_endpoints": {address: fault or "ok" for address, fault in answers.items()} or None,
    }


def _rounded(value: Gauge, digits: int = 4) -> float | None:
    return round(value, digits) if isinstance(value, float) else None


def _word(free: float | None, monitoring: Monitoring) -> str:
    if free is None:
        return "unknown"
    return "out" if free < min(OUT, monitoring.disk_free) else "low" if free < monitoring.disk_free else "ok"


def _of_disks(disks: Sequence[Disk], project: Project, monitoring: Monitoring) -> Iterator[Finding]:
    for disk in disks:
        word = _word(disk.free, monitoring)
        if word in ("low", "out") and disk.free is not None:
            inside = os.path.relpath(disk.folder, project.root)
            subject = disk.folder if inside.startswith("..") else inside
            left = f", {size(disk.free_bytes)}" if disk.free_bytes is not None else ""
            text = f"{disk.free:.1%} of the disk of {disk.folder} is free{left}"
            yield finding(f"disk_{word}", subject, text, "tetra prune --dry-run")


def _of_gauges(gauges: Mapping[str, Gauge], monitoring: Monitoring) -> Iterator[Finding]:
    memory, load, files = (gauges[name] for name in ("memory_free", "cpu_load", "open_files"))
    if isinstance(memory, float) and memory < monitoring.memory_free:
        yield finding("memory_low", "memory", f"{memory:.1%} of the memory is available", "tetra status")
    if isinstance(load, float) and monitoring.cpu_load is not None and load > monitoring.cpu_load:
        text = f"the load is {load:.1f} for each CPU, over the {monitoring.cpu_load:g} of monitor.cpu_load"
        yield finding("cpu_high", "cpu", text, "tetra status")
    if isinstance(files, float) and files > monitoring.open_files:
        yield finding("files_high", "open_files", f"{files:.1%} of the system's open files are used", "tetra status")


def _of_answers(answers: Mapping[str, str | None]) -> Iterator[Finding]:
    for address, fault in answers.items():
        if fault is not None:
            text = f"{address} does not answer as it should: {fault}"
            yield finding("endpoint_down", address, text, _asking(address))


def _asking(address: str) -> str:
    """The command that asks it by hand."""
    if address.startswith("tcp://"):
        host, _, port = address.removeprefix("tcp://").rpartition(":")
        return f"nc -vz {host.strip('[]')} {port}"
    return f"curl -v {address}"
