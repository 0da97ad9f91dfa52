"""`retry`: do single tasks of an earlier run again, in a new run."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator.cli.again import Options, earlier, go_on
from tetra_orchestrator.cli.project import ConfigOption
from tetra_orchestrator.cli.resume import (
    CurrentOption,
    ForceOption,
    JsonOption,
    MaxParallelOption,
    NoRetryOption,
    ProgressOption,
)


def command(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Run id, or `latest`.")],
    task: Annotated[list[str], typer.Option("--task", "-t", metavar="TASK", help="The task to try again. Repeatable.")],
    downstream: Annotated[bool, typer.Option("--downstream", help="And everything that depends on it.")] = False,
    force: ForceOption = False,
    max_parallel: MaxParallelOption = None,
    no_retry: NoRetryOption = False,
    progress: ProgressOption = "auto",
    with_current_config: CurrentOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Do single tasks of a run again, in a new run.

    That has the configuration and parameters that the first one had.

    Example: `retry latest --task load.rows --downstream`.
    """
    from tetra_orchestrator.engine.again import Again

    found = earlier(run_id, config)
    options = Options(config, force, max_parallel, no_retry, progress, as_json, with_current_config)
    return go_on(found, Again(found.run.run_id, tuple(task), downstream), options)
