"""What takes processor time and memory right now: the pipelines that run, by their processes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tetra_orchestrator.core.history import Attempt
    from tetra_orchestrator.engine.monitor_pipelines import Viewed
    from tetra_orchestrator.engine.past import Past
    from tetra_orchestrator.process_port import Processes


def with_usage(views: Sequence[Viewed], past: Past, processes: Processes) -> list[Viewed]:
    """The views, those of pipelines that run with what these take. The process table is looked at once, if at all."""
    running = {view.health.name: _open(past.attempts(view.seen.current)) for view in views if view.seen.current}
    if not any(running.values()):
        return list(views)
    used = processes.usage({one.token: one.handle for attempts in running.values() for one in attempts})
    found = []
    for view in views:
        mine = [used[one.token] for one in running.get(view.health.name, ()) if one.token in used]
        cpu = [one.cpu_s for one in mine if one.cpu_s is not None]
        memory = [one.peak_rss_bytes for one in mine if one.peak_rss_bytes is not None]
        health = view.health._replace(cpu_s=sum(cpu) if cpu else None, memory_bytes=sum(memory) if memory else None)
        found.append(view._replace(health=health))
    return found


def _open(attempts: Iterable[Attempt]) -> list[Attempt]:
    return [one for one in attempts if one.kind is None]
