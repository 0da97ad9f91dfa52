"""What the monitor looks with. Like `wire`, and with it alone, this chooses adapters."""

from __future__ import annotations

from tetra_orchestrator import wire, wire_timers
from tetra_orchestrator.core.health import masked, placed
from tetra_orchestrator.core.store_address import is_postgres
from tetra_orchestrator.engine.monitor import Sight, check, check_without
from tetra_orchestrator.errors import CannotWrite, Forbidden, StoreError
from tetra_orchestrator.timer_port import FOREGROUND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.findings import Finding
    from tetra_orchestrator.core.health import Health, PipelineHealth
    from tetra_orchestrator.core.model import Pipeline, Project
    from tetra_orchestrator.ports import Store
    from tetra_orchestrator.watch_ports import Watcher

#: How a store says that it cannot be used: it is damaged or away, the disk is full, others could write to it.
UNUSABLE = (StoreError, CannotWrite, Forbidden)


def _nothing(health: Health, store: Store | None) -> None:
    """Nobody is told."""


def look(
    project: Project,
    faults: Sequence[Finding] = (),
    then: Callable[[Health, Store | None], None] = _nothing,
    mask: Callable[[str], str] = str,
) -> Health:
    """Look at everything once. `faults` were found before; a store that cannot be used is a finding, too.

    `then` is called with what was found, and with the store where that can be used. `mask` keeps secrets out of texts.
    """
    sight = sight_of(project, faults)
    try:
        with wire.settled(project.store_url, project.root, project=project) as scene:
            health = _told(check(sight, scene), sight, mask)
            then(health, scene.store)
            return health
    except UNUSABLE as error:
        health = _told(check_without(sight, error), sight, mask)
    then(health, None)
    return health


def _told(health: Health, sight: Sight, mask: Callable[[str], str]) -> Health:
    """What may be told of it, and on which host that is where others share the store."""
    health = masked(health, mask)
    return health if sight.place is None else placed(health, sight.place)


def _place(project: Project) -> str | None:
    """This host's name, where several can share the store."""
    if not is_postgres(project.store_url):
        return None
    from tetra_orchestrator.adapters.locks.place import host

    return host()


def view(project: Project, pipeline: Pipeline) -> PipelineHealth:
    """How one pipeline fares; it changes nothing at all. Raises `StoreError`."""
    from tetra_orchestrator.engine.monitor import check_one

    sight = Sight(project, wire.clock(), wire.probe(), watcher(project.root))
    with wire.scene(project.store_url, project.root, project.name) as scene:
        return check_one(sight, scene, pipeline)


def why_closed(project: Project) -> str | None:
    """Why the state store cannot be used; None where it can."""
    try:
        with wire.scene(project.store_url, project.root, project.name) as scene:
            scene.store.runs(limit=1)
    except UNUSABLE as error:
        return error.message
    return None


def call(project: Project) -> dict[str, str]:
    """By address of `monitor.endpoints`, without what may be secret in it, `ok` or what is wrong with it."""
    from tetra_orchestrator.engine.monitor_host import shown

    addresses = project.monitor.endpoints if project.monitor else ()
    answers = watcher(project.root).call(addresses)
    return {shown(address): fault or "ok" for address, fault in zip(addresses, answers, strict=True)}


def now() -> datetime:
    """The time, in UTC."""
    return wire.clock().now()


def sight_of(project: Project, faults: Sequence[Finding] = ()) -> Sight:
    """What there is to look at on this machine."""
    sites = [wire_timers.site_of(project, wire_timers.timers(kind)) for kind in wire_timers.kinds_here()]
    watched = wire.locks(project.root).is_held(FOREGROUND)
    here = _place(project)
    return Sight(project, wire.clock(), wire.probe(), watcher(project.root), sites, watched, tuple(faults), here)


def watcher(root: str) -> Watcher:
    """What looks at data and addresses; relative paths start in `root`."""
    from tetra_orchestrator.adapters.store.question import asker
    from tetra_orchestrator.adapters.watch.world import WorldWatcher

    return WorldWatcher(root, asker(root))


def leave_figures(project: Project, health: Health, store: Store | None) -> None:
    """Leave the figures for Prometheus where the file says so. Raises `CannotWrite`, and what the store raises."""
    if project.monitor is None or project.monitor.textfile is None:
        return
    from tetra_orchestrator.adapters.textfile import write
    from tetra_orchestrator.core.textfile import text

    write(project.monitor.textfile, text(project.name, health, store.alerts_standing()[0] if store else None))
