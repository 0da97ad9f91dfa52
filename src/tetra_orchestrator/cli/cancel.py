"""`cancel`: end a run that another process owns."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator.cli.known import settled_store
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.records import run_row
from tetra_orchestrator.core.states import RUN_ACTIVE
from tetra_orchestrator.errors import Exit, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.ports import Store


def command(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Run id, as `status` shows it, or `latest`.")],
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for its end.")] = 30.0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """End a run: its processes get TERM, then KILL after their grace; the run ends `cancelled`."""
    from tetra_orchestrator import wire
    from tetra_orchestrator.engine.cancel import cancel

    with settled_store(config, end_survivors=True) as store:
        run = cancel(store, wire.clock(), wire.processes(), _newest(store) if run_id == "latest" else run_id, wait)
    if as_json:
        print_json("cancel", {"run": run_row(run)})
    elif run.state in RUN_ACTIVE:
        print(f"run {run.run_id} was asked to end; it is still {run.state}")
    else:
        print(f"run {run.run_id} is {run.state}")
    return Exit.NOT_NOW if run.state in RUN_ACTIVE else Exit.OK


def _newest(store: Store) -> str:
    """The newest run that is not over."""
    runs = store.runs(limit=1, active=True)
    if not runs:
        raise UsageError("no run is active", hint="`tetra show` tells how the latest one went")
    return runs[0].run_id
