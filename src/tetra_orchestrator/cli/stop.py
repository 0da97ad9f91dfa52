"""`stop`: end every run of the project."""

from __future__ import annotations

from tetra_orchestrator.cli.cancel import WaitOption, code_for, tell
from tetra_orchestrator.cli.known import settled_scene
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.records import run_row
from tetra_orchestrator.core.reasons import STOP_REQUEST


def command(wait: WaitOption = 30.0, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """End every run of the project, as `cancel` does with one. Succeeds where none is active."""
    from tetra_orchestrator.engine.cancel import end_all

    with settled_scene(config, end_survivors=True) as scene:
        runs = end_all(scene.store.runs(active=True, limit=1000), STOP_REQUEST, scene, wait)
    if as_json:
        print_json("stop", {"runs": [run_row(run) for run in runs]})
    else:
        for run in runs:
            tell(run)
        if not runs:
            print("no run is active")
    return code_for(runs)
