"""Performs a run with the real adapters: what the command line and the guard that a timer starts have in common."""

from __future__ import annotations

import gc
import os

from tetra_orchestrator import wire
from tetra_orchestrator.config.cache import remember
from tetra_orchestrator.core.model import Typed
from tetra_orchestrator.engine.start import perform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.checkpoint import Keeping
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.engine.start import Request, World
    from tetra_orchestrator.ports import Reporter, Store, Subject
    from tetra_orchestrator.watch_ports import AlertStream

#: The loader's word for a task type that nobody has registered. What has types never comes from the cache.
UNREGISTERED = "unregistered_type"


def start(
    request: Request, loaded: Loaded, style: str, notify: str | None = None, keeping: Keeping | None = None
) -> int:
    """Perform what is asked for, shown in that style, and return the exit code. `keeping` has it leave checkpoints."""
    refuse_unregistered(loaded, request)
    project = request.project
    remember(project)
    notifier = wire.notifier(notify) if notify else None
    live_long()
    with wire.screen() as screen, wire.world(project, os.environ) as world:
        lines = None
        if style == "json" and project.alerting is not None:
            from tetra_orchestrator.wire_watch import alert_lines

            lines = alert_lines(screen)
        more = [*_checkpoints(keeping, request), *((lambda _: lines,) if lines else ())]
        code = performer(project)(request, world, wire.reporters(style, screen, more))
        screen.settled = True
        wire.prune(project, world)
        settle_slots(project, world)
        tell(loaded, world.store, lines)
    if code == 0 and notifier:
        notifier.notify(project.title or project.name.title(), "Pipeline completed")
    return code


def performer(project: Project) -> Callable[[Request, World, Callable[[Subject], Reporter]], int]:
    """What performs runs of the project: with its hooks, where it has any."""
    if project.hooks is None and all(pipeline.hooks is None for pipeline in project.pipelines):
        return perform
    from tetra_orchestrator import wire_hooks

    return wire_hooks.perform


def _checkpoints(keeping: Keeping | None, request: Request) -> list[Callable[[Subject], Reporter]]:
    if keeping is None:
        return []
    from tetra_orchestrator.core.graph import levels

    # services last longer than their group
    batch = {task.id for task in request.selection.tasks if task.service is None}
    groups = levels({task.id: task.depends_on for task in request.selection.tasks})
    return [wire.checkpoints(keeping, [[name for name in group if name in batch] for group in groups])]


def settle_slots(project: Project, world: World) -> None:
    """Settle what has fallen due since anybody looked. Whatever goes wrong changes nothing about the run."""
    if not project.schedules:
        return
    from tetra_orchestrator.config.glance import look

    try:
        seen = look(project.file, os.environ, world.clock.now())
        if seen.project is not None:
            from tetra_orchestrator.engine.ledger import settle_all

            settle_all(seen.project, world.scene)
    except Exception as error:
        world.tell(f"warning: slots are left to be settled: {error}")


def tell(loaded: Loaded, store: Store, lines: AlertStream | None = None) -> None:
    """Tell who wants to know what has happened. Whatever goes wrong changes nothing about the run."""
    if loaded.project.alerting is None:
        return
    from tetra_orchestrator.wire_watch import after_run

    after_run(loaded, store, lines)


def live_long() -> None:
    """Look for garbage from here on: a run may last for days."""
    gc.freeze()  # what is there now stays
    gc.enable()


def refuse_unregistered(loaded: Loaded, request: Request) -> None:
    """Raise `ConfigError` where it is not known what runs for a task; the loader has asked, and warned if so."""
    if not any(warning.code == UNREGISTERED for warning in loaded.warnings):
        return
    typed = [task.id for task in request.selection.tasks if isinstance(task.program, Typed) and task.enabled]
    if typed:
        from tetra_orchestrator.config.task_types import refuse_unregistered as refuse

        refuse(request.project, typed, os.environ)
