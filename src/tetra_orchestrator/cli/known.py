"""What the commands that need no more than the store know of a configuration, also while its file is broken."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager

from tetra_orchestrator import wire
from tetra_orchestrator.config.find import find_config
from tetra_orchestrator.config.glance import last_known, look
from tetra_orchestrator.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from tetra_orchestrator.config.glance import Glance
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.engine.reconcile import Scene
    from tetra_orchestrator.ports import Store


def glance(config: str | None) -> Glance:
    """The glance at the configuration; where that has problems, the last one before, with a warning.

    Somebody who edits the file must still be able to see and end what runs.
    """
    path = find_config(config, os.environ, os.getcwd())
    try:
        return look(path, os.environ, wire.clock().now())
    except ConfigError as error:
        known = last_known(path)
        if known is None:
            raise
        place = f"{error.where}: " if error.where else ""
        print(f"warning: {place}{error.message}; going by how the file was before", file=sys.stderr)
        return known


@contextmanager
def settled_store(config: str | None, *, end_survivors: bool = False) -> Iterator[Store]:
    """The store of that configuration, after what dead owners left behind was settled."""
    with settled_scene(config, end_survivors=end_survivors) as scene:
        yield scene.store


@contextmanager
def settled_scene(config: str | None, *, end_survivors: bool = False) -> Iterator[Scene]:
    """The same with what tells how its runs are."""
    with settled(glance(config), end_survivors=end_survivors) as scene:
        yield scene


def settled(
    seen: Glance, *, end_survivors: bool = False, project: Project | None = None
) -> AbstractContextManager[Scene]:
    """The same for a glance. Slots of `project` are settled, else those that fell due since the last glance."""
    return wire.settled(seen.store_url, seen.root, end_survivors=end_survivors, project=project or seen.project)


def whole(seen: Glance, config: str | None) -> Project | None:
    """The project, for commands that change what is due; None while its file is broken."""
    from tetra_orchestrator.cli.source import Source, load

    if seen.project is not None:
        return seen.project
    try:
        return load(Source(config)).project
    except ConfigError:
        return None
