"""`resume --lost`: what whoever starts the machine asks for."""

from __future__ import annotations

import os

from tetra_orchestrator.cli.again import as_it_was, do_again, earlier
from tetra_orchestrator.cli.failure import show
from tetra_orchestrator.cli.kept import usable
from tetra_orchestrator.cli.known import settled_scene
from tetra_orchestrator.config.find import find_config
from tetra_orchestrator.core.lost import candidates, may_go_on
from tetra_orchestrator.engine.again import Again
from tetra_orchestrator.errors import Exit, TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.cli.again import Options

#: So many of the latest runs are looked at.
RECENT = 50


def resume_lost(options: Options) -> int:
    """Resume the lost runs that may go on by themselves, the oldest first; returns the worst of their exit codes.

    What one cannot do is told, and does not keep the others from going on; Ctrl-C and TERM do.
    """
    # a run moves to its project's folder, from which a relative path leads elsewhere
    options = options._replace(config=os.path.abspath(find_config(options.config, os.environ, os.getcwd())))
    codes = []
    for run_id in _lost(options):
        codes += _resume(run_id, options)
        if codes and codes[-1] in (Exit.INTERRUPTED, Exit.TERMINATED):
            return codes[-1]
    if not codes and not options.as_json:
        print("no run was lost that may be resumed without being asked for")
    return max(codes, default=Exit.OK)


def _lost(options: Options) -> list[str]:
    with settled_scene(options.config, end_survivors=True) as scene:
        return [run.run_id for run in candidates(scene.store.runs(limit=RECENT))]


def _resume(run_id: str, options: Options) -> list[int]:
    """The exit code of resuming the run; none where its tasks do not allow it."""
    try:
        found = earlier(run_id, options.config)
        loaded = as_it_was(found, options.config, usable(options.config))
        if not may_go_on(found.rows, {task.id: task for task in loaded.project.tasks()}):
            return []
        return [do_again(found, Again(run_id), loaded, options)]
    except TetraError as error:
        return [show(error, as_json=options.as_json)]
