"""Makes timers anew that would soon no longer wake us at the right times."""

from __future__ import annotations

from tetra_orchestrator import wire_timers
from tetra_orchestrator.cli.timers import disabled, site_of
from tetra_orchestrator.engine import timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.timer_port import TimerBackend


def renewed(project: Project) -> list[str]:
    """The files of ours that were made anew. Raises what the store and the schedulers raise."""
    found: list[str] = []
    for kind in wire_timers.kinds_here():
        backend = wire_timers.timers(kind)
        if backend.installed(project.name):
            found += _renew(project, backend)
    return found


def _renew(project: Project, backend: TimerBackend) -> list[str]:
    site, off = site_of(project, backend), disabled(project)
    found = timers.survey(site, off)
    applied = timers.renew(found, site, off.union(found.stopped), wire_timers.valid_until(backend.kind))
    return [action.file for action in applied.done]
