"""The little that hot commands need of a configuration, kept in `state/cache/` and keyed by all that it depends on.

The key covers our version, the file's path and bytes, those of `.env`, and the values of the variables the file names;
a cache that is wrong, stale or somebody else's means parsing again. Nothing that could hold a secret is kept.
"""

from __future__ import annotations

import os

from tetra_orchestrator import __version__
from tetra_orchestrator.config.find import project_root, read_bytes
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import instant
from tetra_orchestrator.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tetra_orchestrator.core.model import Project

CACHE = os.path.join("state", "cache", "glance.json")


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
    root = project_root(path)
    key = _key(path, environ)
    if key:
        known = _read(os.path.join(root, CACHE), key, root)
        if known and _holds(known, instant(now)):
            return known
    from tetra_orchestrator.config.load import load_project

    project = load_project(path, environ=environ, check_modules=False).project
    seen = _glance(project, now)
    if key and not _may_hold_secret(seen.store_url):
        _write(os.path.join(root, CACHE), key, seen)
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


def _holds(seen: Glance, now: str) -> bool:
    return seen.seen_at <= now < min(seen.next_slots.values(), default="9999")


def _key(path: str, environ: Mapping[str, str]) -> str | None:
    """A digest of everything the glance depends on, or None where the file cannot be read."""
    from _blake2 import blake2b  # hashlib would load OpenSSL for it, at 3 ms a wake

    try:
        text = read_bytes(path)
    except ConfigError:
        return None
    digest = blake2b(digest_size=16)
    names = sorted({part.partition(b"}")[0].partition(b":")[0] for part in text.split(b"${")[1:]})
    values = [os.fsencode(f"{os.fsdecode(name)}={environ.get(os.fsdecode(name))}") for name in names]
    parts = (__version__.encode(), os.fsencode(path), text, _dotenv(path), *values)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _dotenv(path: str) -> bytes:
    try:
        with open(os.path.join(os.path.dirname(path), ".env"), "rb") as file:
            return file.read()
    except OSError:
        return b""


def _may_hold_secret(url: str) -> bool:
    return not url.startswith("sqlite:///")


def _read(path: str, key: str, root: str) -> Glance | None:
    import json

    try:
        with open(path, encoding="utf-8") as file:
            stored = json.load(file)
        if stored["key"] != key:
            return None
        url, pipelines, next_slots, seen_at = stored["glance"]
        return Glance(root, url, tuple(pipelines), dict(next_slots), seen_at)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: str, key: str, seen: Glance) -> None:
    """Keep the glance; a folder that cannot be written only means parsing again."""
    import json

    text = json.dumps({"key": key, "glance": seen[1:]})
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        temporary = f"{path}.{os.getpid()}"
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError:
        return
