"""`stop`: disarm every timer of the project, and end its runs."""

from __future__ import annotations

import os
import sys

from tetra_orchestrator import wire, wire_timers
from tetra_orchestrator.cli.cancel import WaitOption, code_for, tell
from tetra_orchestrator.cli.known import glance, settled_scene
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.records import run_row
from tetra_orchestrator.cli.source import Source, load
from tetra_orchestrator.cli.timers import ByOption, SystemOption, any_backend, site_of
from tetra_orchestrator.core.reasons import STOP_REQUEST
from tetra_orchestrator.errors import ConfigError, Exit, TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.model import Project
    from tetra_orchestrator.timer_port import TimerBackend


def command(
    wait: WaitOption = 30.0,
    system: SystemOption = False,
    by: ByOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Disarm all timers until `start`, and end every run.

    Runs are ended as `cancel` does with one.

    Examples: `stop`, `stop --wait 60`.
    """
    from tetra_orchestrator.engine.cancel import end_all
    from tetra_orchestrator.engine.foreground import recall
    from tetra_orchestrator.wire_watch import after_command

    disarmed, failed = _disarm(config, by, system)
    with settled_scene(config, end_survivors=True) as scene:
        runs = end_all(scene.store.runs(active=True, limit=1000), STOP_REQUEST, scene, wait)
        recall(scene, wait)
    after_command(config)
    if seen_watching(config):
        print("warning: `start --foreground` goes on waking schedules; end it by a signal to it", file=sys.stderr)
    if as_json:
        print_json("stop", {"runs": [run_row(run) for run in runs], "disarmed": disarmed})
    else:
        for name in disarmed:
            print(f"timer {name} is disarmed")
        for run in runs:
            tell(run)
        if not runs:
            print("no run is active")
    return failed or code_for(runs)


def seen_watching(config: str | None) -> bool:
    """Whether a `start --foreground` of the project runs."""
    return wire.locks(glance(config).root).is_held("foreground")


def _disarm(config: str | None, by: str | None, system: bool) -> tuple[list[str], int]:
    """The timers that no longer wait, and the exit code where that could not be done: the runs are ended all the same.

    Where the file is broken, the timers are those of how it was before.
    """
    project, disarmed, failed = _project(config), list[str](), Exit.OK
    chosen = [any_backend(by, system)] if by or system else map(wire_timers.timers, wire_timers.kinds_here())
    for backend in chosen:
        try:
            if backend is not None and project is not None:
                disarmed += _disarm_at(backend, project)
        except TetraError as error:
            print(f"warning: the timers are not disarmed: {error}", file=sys.stderr)
            failed = error.exit_code
    return list(dict.fromkeys(disarmed)), failed


def _disarm_at(backend: TimerBackend, project: Project) -> list[str]:
    from tetra_orchestrator.engine import timers

    if not backend.installed(project.name):
        return []
    site = site_of(project, backend)
    found = timers.survey(site)
    return timers.disarm(timers.of_ours(found, site), found, site)


def _project(config: str | None) -> Project | None:
    from tetra_orchestrator.config.cache import last_good
    from tetra_orchestrator.config.find import find_config

    try:
        return load(Source(config)).project
    except ConfigError:
        known = last_good(find_config(config, os.environ, os.getcwd()), os.environ)
        return known.project if known else None
