"""`cancel`: end a run that another process owns."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator.cli.known import settled_scene
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.records import run_row
from tetra_orchestrator.core.states import RUN_ACTIVE
from tetra_orchestrator.errors import Exit, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.ports import Store

WaitOption = Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for the end.")]


def command(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Run id, as `status` shows it, or `latest`.")],
    wait: WaitOption = 30.0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """End a run with all of its processes.

    They get TERM, then KILL after their grace; the run ends `cancelled`.

    Examples: `cancel latest`, `cancel 20260301T200000Z-abc234`.
    """
    from tetra_orchestrator.engine.cancel import cancel
    from tetra_orchestrator.wire_watch import after_command

    with settled_scene(config, end_survivors=True) as scene:
        run = cancel(_newest(scene.store) if run_id == "latest" else run_id, scene, wait)
    after_command(config)
    if as_json:
        print_json("cancel", {"run": run_row(run)})
    else:
        tell(run)
    return code_for([run])


def tell(run: Run) -> None:
    """Print what has become of a run that was asked to end."""
    if run.state in RUN_ACTIVE:
        print(f"run {run.run_id} was asked to end; it is still {run.state}")
    else:
        print(f"run {run.run_id} is {run.state}")


def code_for(runs: list[Run]) -> int:
    """The exit code: 75 where one of them has not ended yet."""
    return Exit.NOT_NOW if any(run.state in RUN_ACTIVE for run in runs) else Exit.OK


def _newest(store: Store) -> str:
    """The newest run that is not over."""
    runs = store.runs(limit=1, active=True)
    if not runs:
        raise UsageError("no run is active", hint="`tetra show` tells how the latest one went")
    return runs[0].run_id
