"""Small builders of core values, with defaults for everything that a test does not care about."""

from datetime import UTC, datetime
from typing import Any

from tetra_orchestrator.core.model import Command, Host, Logs, Mode, ModeEntry, Pipeline, Project, Task


def task(name: str, *depends_on: str, **fields: Any) -> Task:
    """A task called `name`; its pipeline is the part before the dot."""
    given = {"pipeline": name.partition(".")[0], "program": Command(("true",))} | fields
    return Task(id=name, depends_on=depends_on, **given)


def pipeline(name: str, *depends_on: str, tasks: tuple[Task, ...] | None = None, **fields: Any) -> Pipeline:
    """A pipeline; without `tasks` it has one task of its own name, which depends on the tasks of that name."""
    return Pipeline(name, (task(name, *depends_on),) if tasks is None else tasks, depends_on, **fields)


def mode(name: str, *pipelines: str | ModeEntry, partition: str | None = None) -> Mode:
    """A mode of pipelines, by name or with arguments."""
    entries = tuple(ModeEntry(one) if isinstance(one, str) else one for one in pipelines)
    return Mode(name, entries, partition)


def project(*pipelines: Pipeline, modes: tuple[Mode, ...] = (), **fields: Any) -> Project:
    """A project of these pipelines and modes."""
    given: dict[str, Any] = {
        "name": "demo",
        "root": "/project",
        "file": "/project/orchestration.yaml",
        "config_hash": "0" * 64,
        "timezone": "UTC",
        "store_url": "sqlite:///state/tetra.db",
        "python": "python3",
        "schedules": (),
        "host": Host(2),
        "logs": Logs("/project/logs"),
    }
    return Project(pipelines=pipelines, modes=modes, **(given | fields))


def utc(*fields: int) -> datetime:
    """An aware UTC instant: `utc(2025, 1, 31, 12)`."""
    return datetime(*fields, tzinfo=UTC)  # type: ignore[arg-type, misc]
