"""`resume`: do what an earlier run has left, in a new run."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator.cli.again import Options, earlier, go_on, nothing_left
from tetra_orchestrator.cli.project import ConfigOption
from tetra_orchestrator.cli.run import Progress
from tetra_orchestrator.errors import UsageError

ForceOption = Annotated[bool, typer.Option("--force", help="Run although what it depends on is not there.")]
MaxParallelOption = Annotated[
    int | None, typer.Option("--max-parallel", "--max-workers", min=1, metavar="N", help="Tasks at the same time.")
]
NoRetryOption = Annotated[bool, typer.Option("--no-retry", help="Try every task once, whatever the file says.")]
ProgressOption = Annotated[Progress, typer.Option(help="auto: live on a terminal, else plain lines.")]
CurrentOption = Annotated[
    bool, typer.Option("--with-current-config", help="With the file as it is now: what has changed is done again.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="The events, one JSON object per line.")]


def command(
    run_id: Annotated[str | None, typer.Argument(metavar="[RUN]", help="Run id; the newest without one.")] = None,
    lost: Annotated[
        bool, typer.Option("--lost", help="Every run that was lost and whose tasks allow it by `on_lost`.")
    ] = False,
    force: ForceOption = False,
    max_parallel: MaxParallelOption = None,
    no_retry: NoRetryOption = False,
    progress: ProgressOption = "auto",
    with_current_config: CurrentOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Go on where a run has ended without success.

    That is a new run with the configuration and parameters that it had. What succeeded there is skipped, its outputs
    stay readable. A task that outlived its run is waited for.

    Examples: `resume`, `resume latest --max-parallel 2`, `resume --lost`, `resume latest --with-current-config`.
    """
    from tetra_orchestrator.engine.again import Again

    options = Options(config, force, max_parallel, no_retry, progress, as_json, with_current_config)
    if lost:
        if run_id is not None:
            raise UsageError("--lost looks for the runs itself", hint="leave out either --lost or the run's id")
        if with_current_config:
            hint = "resume a run whose configuration has changed by its id"
            raise UsageError("--lost goes on with the configurations that the runs had", hint=hint)
        from tetra_orchestrator.cli.lost import resume_lost

        return resume_lost(options)
    found = earlier(run_id or "latest", config)
    if found.is_done and not with_current_config:
        return nothing_left(found, options)
    return go_on(found, Again(found.run.run_id), options)
