"""`run`: every option of it, with its help. What it does is in `running`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tetra_orchestrator.cli.project import (
    BindingsOption,
    ConfigOption,
    DialectOption,
    OverlayOption,
    SetOption,
)
from tetra_orchestrator.errors import UsageError

Progress = Literal["auto", "live", "plain", "steps"]
Overlap = Literal["skip", "queue", "replace", "allow"]


def command(
    mode: Annotated[str | None, typer.Option("--mode", "-m", help="Mode of the file: daily, weekly ...")] = None,
    pipeline: Annotated[
        list[str] | None, typer.Option("--pipeline", "-p", help="Only this pipeline. Repeatable.")
    ] = None,
    start_date: Annotated[str | None, typer.Option(metavar="DATE", help="First day of a mode with a range.")] = None,
    end_date: Annotated[str | None, typer.Option(metavar="DATE", help="Last day of a mode with a range.")] = None,
    model_version: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Value of a parameter that is called so.")
    ] = None,
    param: Annotated[list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="Repeatable.")] = None,
    max_parallel: Annotated[
        int | None, typer.Option("--max-parallel", "--max-workers", min=1, metavar="N", help="Tasks at the same time.")
    ] = None,
    checkpoint_dir: Annotated[str | None, typer.Option(metavar="DIR", hidden=True)] = None,
    no_checkpoint: Annotated[bool, typer.Option("--no-checkpoint", help="Accepted: no checkpoint is written.")] = False,
    resume: Annotated[bool, typer.Option("--resume", hidden=True)] = False,
    no_retry: Annotated[bool, typer.Option("--no-retry", help="Try every task once, whatever the file says.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run although it is paused or lacks what it needs.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run and why; start nothing.")] = False,
    progress: Annotated[Progress, typer.Option(help="auto: live on a terminal, else plain lines.")] = "auto",
    overlap: Annotated[
        Overlap, typer.Option(help="While another run has one of the pipelines: give up, wait, end that, or go beside.")
    ] = "skip",
    notify: Annotated[str | None, typer.Option(metavar="desktop", help="Tell the desktop at the end.")] = None,
    config: ConfigOption = None,
    overlay: OverlayOption = None,
    set_: SetOption = None,
    dialect: DialectOption = None,
    bindings: BindingsOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The events, one JSON object per line; with --dry-run one object.")
    ] = False,
) -> int:
    """Run a mode, or single pipelines, in the order of their dependencies.

    Examples: `run --mode weekly`, `run --mode full --dry-run`, `run --pipeline metrics_pipeline --force`.
    """
    from tetra_orchestrator.cli.running import Order, run

    if not no_checkpoint:
        _refuse_checkpoints("--resume" if resume else "--checkpoint-dir" if checkpoint_dir else None)
    order = Order(
        mode=mode,
        pipelines=tuple(pipeline or ()),
        start_date=start_date,
        end_date=end_date,
        model_version=model_version,
        params=tuple(param or ()),
        max_parallel=max_parallel,
        no_retry=no_retry,
        force=force,
        dry_run=dry_run,
        overlap=overlap,
        progress=progress,
        notify=notify,
        config=config,
        overlays=tuple(overlay or ()),
        sets=tuple(set_ or ()),
        dialect=dialect,
        bindings=bindings,
        as_json=as_json,
    )
    return run(order)


def _refuse_checkpoints(option: str | None) -> None:
    if option:
        message = f"{option} is for checkpoints, which this version does not write yet"
        raise UsageError(message, hint="leave it out; `tetra show` shows what every task handed on")
