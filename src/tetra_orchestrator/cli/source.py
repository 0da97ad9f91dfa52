"""Where a configuration comes from, as the command line said, and loading it. Imports next to nothing."""

from __future__ import annotations

import os

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tetra_orchestrator.config.loaded import Loaded


class Source(Record):
    """Where a configuration comes from, as the command line said."""

    config: str | None = None
    overlays: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    dialect: str | None = None
    bindings: str | None = None
    on: str | None = None


def load(source: Source) -> Loaded:
    """Load the configuration, from the cache if nothing changed; raises `ConfigError` with every problem in it."""
    from tetra_orchestrator.config.cache import load
    from tetra_orchestrator.config.find import find_config

    path = find_config(source.config, os.environ, os.getcwd())
    return load(path, environ=os.environ, **options(source))


def options(source: Source) -> dict[str, Any]:
    """What the command line says of how to read the file, as keywords of the loader."""
    return {
        "overlays": source.overlays,
        "sets": source.sets,
        "dialect": source.dialect,
        "bindings": source.bindings,
        "on": source.on,
    }
