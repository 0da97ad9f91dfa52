"""`backfill continue`, `pause` and `cancel`; and what one process of a crew does."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tetra_orchestrator.cli import backfill_again as again
from tetra_orchestrator.cli.backfill_again import Left
from tetra_orchestrator.cli.backfill_status import IdArgument
from tetra_orchestrator.cli.known import settled_scene
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.core.backfill import BACKFILL_OPEN, PAUSED, RUNNING
from tetra_orchestrator.core.reasons import CANCEL_REQUEST
from tetra_orchestrator.core.states import RUN_ACTIVE, RunState
from tetra_orchestrator.engine.backfill import active_runs, found, move
from tetra_orchestrator.errors import Exit, UsageError

KnownId = Annotated[str, typer.Argument(metavar="ID", help="Of the backfill, as `backfill list` shows it.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Run although it is paused or lacks what it needs.")]
NoRetryOption = Annotated[bool, typer.Option("--no-retry", help="Try every task once, whatever the file says.")]
MaxParallelOption = Annotated[
    int | None, typer.Option("--max-parallel", "--max-workers", min=1, metavar="N", help="Tasks of one slice.")
]
ProgressOption = Annotated[
    Literal["auto", "lines", "plain"], typer.Option(help="lines: one for each slice; plain: as `run`.")
]


def go_on(
    backfill_id: IdArgument = None,
    force: ForceOption = False,
    no_retry: NoRetryOption = False,
    max_parallel: MaxParallelOption = None,
    progress: ProgressOption = "auto",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Go on with a backfill that was left, paused, or has failed.

    It does the partitions that have not succeeded, with the configuration with which it was ordered. What a
    partition's run had done is not done again.

    Examples: `backfill continue`, `backfill continue bf-20260301T200000Z-abc234 --max-parallel 2`.
    """
    return again.go_on(Left(backfill_id, force, no_retry, max_parallel, progress, config, as_json))


def work(
    backfill_id: KnownId,
    driver: Annotated[int, typer.Option(metavar="PID", help="The process that ends with the backfill.")],
    force: ForceOption = False,
    no_retry: NoRetryOption = False,
    max_parallel: MaxParallelOption = None,
    progress: Annotated[str, typer.Option(metavar="STYLE")] = "lines",
    config: ConfigOption = None,
) -> int:
    """Work off partitions as one process of several.

    `backfill --parallel` starts them.

    Example: `backfill work bf-20260301T200000Z-abc234 --driver 4711`.
    """
    return again.work(Left(backfill_id, force, no_retry, max_parallel, progress, config, driver=driver))


def pause(backfill_id: KnownId, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Have no new partition begin.

    Those that run end, and so does the command that works on it.

    Example: `backfill pause bf-20260301T200000Z-abc234`.
    """
    with settled_scene(config) as scene:
        backfill = found(backfill_id, scene.store)
        if backfill.state == RUNNING:
            move(backfill_id, RUNNING, PAUSED, scene)
        elif backfill.state != PAUSED:
            raise UsageError(f"backfill {backfill_id} is over: {backfill.state}", hint=_HINT.format(backfill_id))
        running = len(active_runs(backfill_id, scene.store))
    if as_json:
        print_json("backfill.pause", {"backfill_id": backfill_id, "state": PAUSED, "running": running})
        return 0
    ending = f"; {running} that {'run' if running > 1 else 'runs'} will end" if running else ""
    print(f"backfill {backfill_id} is paused{ending}; `tetra backfill continue {backfill_id}` goes on")
    return 0


_HINT = "`tetra backfill status {}` shows how it went"


def cancel(
    backfill_id: KnownId,
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for the end of its runs.")] = 30.0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """End a backfill for good.

    No new partition begins, and those that run are cancelled.

    Example: `backfill cancel bf-20260301T200000Z-abc234`.
    """
    from tetra_orchestrator.engine.cancel import end_all

    with settled_scene(config, end_survivors=True) as scene:
        backfill = found(backfill_id, scene.store)
        if backfill.state not in BACKFILL_OPEN:
            raise UsageError(f"backfill {backfill_id} is over: {backfill.state}", hint=_HINT.format(backfill_id))
        move(backfill_id, backfill.state, RunState.CANCELLED.value, scene)
        runs = end_all(active_runs(backfill_id, scene.store), CANCEL_REQUEST, scene, wait)
    left = [run.run_id for run in runs if run.state in RUN_ACTIVE]
    if as_json:
        print_json("backfill.cancel", {"backfill_id": backfill_id, "state": "cancelled", "still_running": left})
    else:
        print(f"backfill {backfill_id} is cancelled" + (f"; {', '.join(left)} has not ended yet" if left else ""))
    return Exit.NOT_NOW if left else Exit.OK
