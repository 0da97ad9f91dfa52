"""The little that `status` and its like need of a configuration: smaller than the whole project, and as current."""

from __future__ import annotations

import os

from tetra_orchestrator.config.cache import FOLDER, key_of, load, read, write
from tetra_orchestrator.config.find import project_root
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import instant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tetra_orchestrator.core.model import Project


class Glance(Record):
    """What `status` needs. `next_slots` maps pipelines to when a schedule is due for them next (RFC 3339, UTC).

    It holds from `seen_at` until the first of those slots.
    """

    root: str
    store_url: str
    pipelines: tuple[str, ...]
    next_slots: Mapping[str, str]
    seen_at: str


def look(path: str, environ: Mapping[str, str], now: datetime) -> Glance:
    """The glance at the configuration in `path`; raises `ConfigError` where that has problems."""
    file = os.path.join(project_root(path), FOLDER, "glance.json")
    key = key_of(path, environ)
    kept = read(file, key) if key else None
    if kept:
        seen = Glance._make(kept)
        if seen.seen_at <= instant(now) < min(seen.next_slots.values(), default="9999"):
            return seen
    seen = _glance(load(path, environ=environ).project, now)
    if key:
        write(file, key, seen)
    return seen


def _glance(project: Project, now: datetime) -> Glance:
    from tetra_orchestrator.core.schedule import next_slot

    due: dict[str, str] = {}
    for schedule in project.schedules:
        slot = next_slot(schedule.cron, schedule.timezone, now) if schedule.enabled else None
        mode = project.mode(schedule.mode)
        if slot and mode:
            for entry in mode.entries:
                due[entry.pipeline] = min(instant(slot), due.get(entry.pipeline, "9999"))
    pipelines = tuple(pipeline.name for pipeline in project.pipelines)
    return Glance(project.root, project.store_url, pipelines, due, instant(now))
