"""`run`: perform a mode or a selection now, or say what that would do."""

from __future__ import annotations

import gc
import os
import sys
from typing import Annotated, Literal

import typer

from tetra_orchestrator.cli.project import ConfigOption, JsonOption, OverlayOption, SetOption, Source, load, pairs
from tetra_orchestrator.core.params import resolve
from tetra_orchestrator.core.partition import partition_for
from tetra_orchestrator.core.selection import select
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.config.loaded import Loaded
    from tetra_orchestrator.engine.start import Request

Progress = Literal["auto", "live", "plain", "steps"]


def command(
    mode: Annotated[str | None, typer.Option("--mode", "-m", help="Mode of the file: daily, weekly ...")] = None,
    pipeline: Annotated[
        list[str] | None, typer.Option("--pipeline", "-p", help="Only this pipeline. Repeatable.")
    ] = None,
    start_date: Annotated[str | None, typer.Option(metavar="DATE", help="First day of a mode with a range.")] = None,
    end_date: Annotated[str | None, typer.Option(metavar="DATE", help="Last day of a mode with a range.")] = None,
    param: Annotated[list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="Repeatable.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run although what it depends on is not there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run and why; start nothing.")] = False,
    progress: Annotated[Progress, typer.Option(help="auto: live on a terminal, else plain lines.")] = "auto",
    notify: Annotated[str | None, typer.Option(metavar="desktop", help="Tell the desktop at the end.")] = None,
    config: ConfigOption = None,
    overlay: OverlayOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> int:
    """Run a mode, or single pipelines, in the order of their dependencies.

    Examples: `run --mode weekly`, `run --mode full --dry-run`, `run --pipeline metrics_pipeline --force`.
    """
    from tetra_orchestrator import wire
    from tetra_orchestrator.engine.start import perform

    loaded = load(Source(config, tuple(overlay or ()), tuple(set_ or ())))
    try:
        request = _request(loaded, mode, tuple(pipeline or ()), (start_date, end_date), pairs("--param", param), force)
    except UsageError as error:
        if not as_json:
            wire.log_refusal(loaded.project, error.message, aloud=_style(progress) == "plain")
        raise
    if dry_run:
        from tetra_orchestrator.cli.forecast import show_forecast

        return show_forecast(request, as_json=as_json)
    style = "json" if as_json else _style(progress)
    notifier = wire.notifier(notify) if notify else None
    gc.enable()  # a run may last for days
    with wire.world(loaded.project, os.environ) as world:
        code = perform(request, world, wire.reporters(style))
    if code == 0 and notifier:
        notifier.notify(loaded.project.title or loaded.project.name.title(), "Pipeline completed")
    return code


def _request(
    loaded: Loaded,
    mode: str | None,
    names: tuple[str, ...],
    dates: tuple[str | None, str | None],
    given: dict[str, str],
    force: bool,
) -> Request:
    from tetra_orchestrator.engine.start import Request

    selection = select(loaded.project, mode, names)
    params = resolve(loaded.project.params, given)
    partition = partition_for(selection.mode, *dates)
    return Request(loaded.project, selection, loaded.document, params, partition, force=force)


def _style(progress: Progress) -> str:
    if progress != "auto":
        return progress
    return "live" if sys.stdout.isatty() else "plain"
