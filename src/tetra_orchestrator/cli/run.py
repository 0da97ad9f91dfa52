"""`run`: every option of it, with its help. What it does is in `running`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tetra_orchestrator.cli.part import FromOption, ModeOption, OnlyOption, ParamOption, PipelineOption, UntilOption
from tetra_orchestrator.cli.project import (
    BindingsOption,
    ConfigOption,
    DialectOption,
    OnOption,
    OverlayOption,
    SetOption,
)

Progress = Literal["auto", "live", "plain", "steps"]
Overlap = Literal["skip", "queue", "replace", "allow"]


def command(
    mode: ModeOption = None,
    pipeline: PipelineOption = None,
    first: FromOption = None,
    last: UntilOption = None,
    only: OnlyOption = None,
    start_date: Annotated[str | None, typer.Option(metavar="DATE", help="First day of a mode with a range.")] = None,
    end_date: Annotated[str | None, typer.Option(metavar="DATE", help="Last day of a mode with a range.")] = None,
    model_version: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Value of a parameter that is called so.")
    ] = None,
    param: ParamOption = None,
    max_parallel: Annotated[
        int | None, typer.Option("--max-parallel", "--max-workers", min=1, metavar="N", help="Tasks at the same time.")
    ] = None,
    checkpoint_dir: Annotated[
        str | None, typer.Option(metavar="DIR", help="Leave a checkpoint there after each group. [stages: checkpoints]")
    ] = None,
    no_checkpoint: Annotated[bool, typer.Option("--no-checkpoint", help="Leave no checkpoints.")] = False,
    keep_checkpoints: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="So many of them stay. [default: 5]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest checkpoint.")] = False,
    no_retry: Annotated[bool, typer.Option("--no-retry", help="Try every task once, whatever the file says.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run although it is paused or lacks what it needs.")] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Run tasks with `cache`, too, that are unchanged.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run and why; start nothing.")] = False,
    progress: Annotated[Progress, typer.Option(help="auto: live on a terminal, else plain lines.")] = "auto",
    overlap: Annotated[
        Overlap, typer.Option(help="While another run has one of the pipelines: give up, wait, end that, or go beside.")
    ] = "skip",
    on: OnOption = None,
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
    """Run a mode, or single pipelines, as they depend on each other.

    Examples: `run --mode weekly`, `run --mode full --dry-run`, `run --pipeline metrics_pipeline --force`, `run --mode
    weekly --from features.build`, `run --mode weekly --on slurm`.
    """
    from tetra_orchestrator.cli.running import Order, run

    order = Order(
        mode=mode,
        pipelines=tuple(pipeline or ()),
        first=tuple(first or ()),
        last=tuple(last or ()),
        only=tuple(only or ()),
        start_date=start_date,
        end_date=end_date,
        model_version=model_version,
        params=tuple(param or ()),
        max_parallel=max_parallel,
        no_retry=no_retry,
        force=force,
        dry_run=dry_run,
        no_cache=no_cache,
        overlap=overlap,
        progress=progress,
        notify=notify,
        on=on,
        config=config,
        overlays=tuple(overlay or ()),
        sets=tuple(set_ or ()),
        dialect=dialect,
        bindings=bindings,
        as_json=as_json,
        checkpoint_dir=checkpoint_dir,
        no_checkpoint=no_checkpoint,
        keep_checkpoints=keep_checkpoints,
        resume=resume,
    )
    return run(order)
