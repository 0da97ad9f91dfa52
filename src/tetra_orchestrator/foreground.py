"""`start --foreground`: for machines without a scheduler, such as containers."""

from __future__ import annotations

import sys
from contextlib import contextmanager

from tetra_orchestrator import wire, wire_timers
from tetra_orchestrator.core.reasons import STOP_REQUEST
from tetra_orchestrator.core.spoken import to_second
from tetra_orchestrator.core.units import MONITOR
from tetra_orchestrator.engine.foreground import Watch, about, next_slot, recall
from tetra_orchestrator.engine.ledger import waiting
from tetra_orchestrator.errors import NotNow
from tetra_orchestrator.timer_port import FOREGROUND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.core.model import Project

#: Seconds that runs which were left to processes of their own get for their end.
END_S = 60.0


def keep_watch(loaded: Loaded, load: Callable[[], Project], tell: Callable[[str], None], *, overheard: bool) -> int:
    """Wake the guards of all schedules at their times until TERM or INT, then end what runs; returns the exit code.

    `load` reads the file again. `overheard`, what guards find wrong is told by `tell`, too, not on the standard error.
    Raises `NotNow` where somebody else does so for this project already.
    """
    project = loaded.project
    with _alone(project.root), wire_timers.caught() as interrupts:
        for schedule in project.schedules:
            tell(about(schedule))
        for one in loaded.warnings:
            tell(f"warning: {one.file}:{one.line}: {one.message}")
        if (following := next_slot(project, wire.clock().now())) is not None:
            tell(f"the next slot is {to_second(following[0])} ({following[1]})")
        guards = wire_timers.guards(lambda name: _argv(project.file, name), project.root, overheard=overheard)
        watch = Watch(
            project,
            load,
            guards,
            wire.clock(),
            interrupts,
            tell,
            lambda: _waiting(project),
            on_terminal=wire_timers.on_terminal(),
        )
        code = watch.keep()
        _end_the_rest(project)
    return code


def _waiting(project: Project) -> set[str]:
    with wire.scene(project.store_url, project.root) as scene:
        return waiting(scene)


def is_watched(root: str) -> bool:
    """Whether somebody waits for the times of the project in `root` without a scheduler."""
    return wire.locks(root).is_held(FOREGROUND)


@contextmanager
def _alone(root: str) -> Iterator[None]:
    try:
        held = wire.locks(root).held([FOREGROUND], "start --foreground")
    except NotNow as busy:
        message = "another `start --foreground` waits for the times of this project already"
        raise NotNow(message, hint="end that one first; a signal TERM does", where=root) from busy
    with held:
        yield


def _argv(file: str, name: str | None) -> list[str]:
    """What starts the guard of a schedule, or the monitor; None: the guard of all."""
    words = ["monitor", "--quiet"] if name == MONITOR else ["fire", name or "--boot"]
    return [sys.executable, "-P", "-m", "tetra_orchestrator", *words, "--by", FOREGROUND, "--config", file]


def _end_the_rest(project: Project) -> None:
    """End what was left to processes of their own."""
    from tetra_orchestrator.engine.cancel import end_all

    with wire.settled(project.store_url, project.root, end_survivors=True) as scene:
        recall(scene, END_S)
        ours = [run for run in scene.store.runs(active=True, limit=1000) if run.schedule is not None]
        end_all(ours, STOP_REQUEST, scene, END_S)
