"""The little that hot commands need of a configuration, kept in `state/cache/` and keyed by all that it depends on.

The key covers our version, the file's path and bytes, those of `.env`, and the values of the variables the file names;
a cache that is wrong, stale or somebody else's means parsing again. Nothing that could hold a secret is kept.
"""

from __future__ import annotations

import os

from tetra_orchestrator import __version__
from tetra_orchestrator.config.find import project_root
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.model import Project

CACHE = os.path.join("state", "cache", "glance.json")


class Glance(Record):
    """What `status` needs. `schedules` holds (cron, time zone, pipelines) of the enabled ones."""

    root: str
    store_url: str
    pipelines: tuple[str, ...]
    schedules: tuple[tuple[str, str, tuple[str, ...]], ...]


def look(path: str, environ: Mapping[str, str]) -> Glance:
    """The glance at the configuration in `path`; raises `ConfigError` where that has problems."""
    root = project_root(path)
    key = _key(path, environ)
    if key:
        known = _read(os.path.join(root, CACHE), key, root)
        if known:
            return known
    from tetra_orchestrator.config.load import load_project

    project = load_project(path, environ=environ, check_modules=False).project
    seen = _glance(project)
    if key and not _may_hold_secret(seen.store_url):
        _write(os.path.join(root, CACHE), key, seen)
    return seen


def _glance(project: Project) -> Glance:
    schedules = []
    for schedule in project.schedules:
        mode = project.mode(schedule.mode)
        if schedule.enabled and mode:
            names = tuple(entry.pipeline for entry in mode.entries)
            schedules.append((schedule.cron, schedule.timezone, names))
    pipelines = tuple(pipeline.name for pipeline in project.pipelines)
    return Glance(project.root, project.store_url, pipelines, tuple(schedules))


def _key(path: str, environ: Mapping[str, str]) -> str | None:
    """A digest of everything the glance depends on, or None where the file cannot be read."""
    from _blake2 import blake2b  # hashlib would load OpenSSL for it, at 3 ms a wake

    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError:
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
        url, pipelines, schedules = stored["glance"]
        rules = tuple((cron, zone, tuple(names)) for cron, zone, names in schedules)
        return Glance(root, url, tuple(pipelines), rules)
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
