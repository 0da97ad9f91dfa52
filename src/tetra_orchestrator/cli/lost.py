"""`resume --lost`: what whoever starts the machine asks for."""

from __future__ import annotations

from tetra_orchestrator.cli.again import as_it_was, do_again, earlier
from tetra_orchestrator.cli.known import settled_scene
from tetra_orchestrator.core.lost import TRIGGER, candidates, may_go_on
from tetra_orchestrator.engine.again import Again
from tetra_orchestrator.errors import Exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.cli.again import Earlier, Options

#: So many of the latest runs are looked at.
RECENT = 50


def resume_lost(options: Options) -> int:
    """Resume the lost runs that may go on by themselves, the oldest first; returns the worst of their exit codes."""
    with settled_scene(options.config, end_survivors=True) as scene:
        found = [run.run_id for run in candidates(scene.store.runs(limit=RECENT))]
    chosen = [each for each in (earlier(run_id, options.config) for run_id in found) if _may_go_on(each, options)]
    codes = [do_again(each, Again(each.run.run_id), TRIGGER, options) for each in chosen]
    if not codes and not options.as_json:
        print("no run was lost that may be resumed without being asked for")
    return max(codes, default=Exit.OK)


def _may_go_on(each: Earlier, options: Options) -> bool:
    tasks = {task.id: task for task in as_it_was(each, options.config).project.tasks()}
    return may_go_on(each.rows, tasks)
