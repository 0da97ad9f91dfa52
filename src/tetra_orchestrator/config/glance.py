"""The little that `status` and its like need of a configuration: smaller than the whole project, and as current."""

from __future__ import annotations

import os

from tetra_orchestrator.config.cache import FOLDER, GLANCE, further, glance_lines, key_of, load, read, write
from tetra_orchestrator.config.find import project_root
from tetra_orchestrator.core.history import PIPELINE, SCHEDULE
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import instant, to_second

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tetra_orchestrator.core.model import Project


class Glance(Record):
    """What `status` and its like need. `next_slots` maps pipelines to their schedules' next instant (RFC 3339, UTC).

    It holds from `seen_at` until the first of those slots. It comes with the `project` where that had to be looked at.
    """

    root: str
    store_url: str
    pipelines: tuple[str, ...]
    next_slots: Mapping[str, str]
    seen_at: str
    schedules: tuple[str, ...]
    project: Project | None = None


def look(path: str, environ: Mapping[str, str], now: datetime) -> Glance:
    """The glance at the configuration in `path`; raises `ConfigError` where that has problems."""
    root = project_root(path)
    file = os.path.join(root, FOLDER, GLANCE)
    kept = read(file, lambda more: key_of(path, environ, more=more))
    if kept:
        seen = _parsed(kept, root)
        if seen and seen.seen_at <= to_second(now) < min(seen.next_slots.values(), default="9999"):
            return seen
    loaded = load(path, environ=environ)
    seen = _glance(loaded.project, now)
    more = further(path, (), loaded)
    key = key_of(path, environ, more=more, loaded=loaded)
    if key:
        write(file, key, more, [seen.store_url, seen.seen_at, *glance_lines(loaded.project, seen.next_slots)])
    return seen


def last_known(path: str) -> Glance | None:
    """What was seen of the configuration when it could last be used, whatever it says now."""
    root = project_root(path)
    kept = read(os.path.join(root, FOLDER, GLANCE), None)
    return _parsed(kept, root) if kept else None


def _parsed(lines: list[str], root: str) -> Glance | None:
    """The glance in the cache's lines: the store, the time, then a pipeline and its next slot each, then schedules."""
    try:
        store_url, seen_at, *rest = lines
        rows = [(kind, name, slot) for kind, name, slot in (line.split(" ") for line in rest)]
    except ValueError:
        return None
    pipelines, schedules = (tuple(name for kind, name, _ in rows if kind == each) for each in (PIPELINE, SCHEDULE))
    return Glance(root, store_url, pipelines, {name: slot for _, name, slot in rows if slot}, seen_at, schedules)


def _glance(project: Project, now: datetime) -> Glance:
    from tetra_orchestrator.core.schedule import next_slots

    due = {name: instant(slot) for name, slot in next_slots(project, now).items()}
    pipelines = tuple(pipeline.name for pipeline in project.pipelines)
    schedules = tuple(schedule.name for schedule in project.schedules)
    seen_at = to_second(now)
    return Glance(project.root, project.store_url, pipelines, due, seen_at, schedules, project)
