"""`backfill`: run a mode over a range of dates slice by slice, as one thing that survives whatever happens."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tetra_orchestrator.cli import backfill_control, backfill_status
from tetra_orchestrator.cli.project import (
    BindingsOption,
    ConfigOption,
    DialectOption,
    JsonOption,
    OnOption,
    OverlayOption,
    SetOption,
)
from tetra_orchestrator.errors import UsageError

Slice = Literal["range", "day", "week", "month", "cron"]
Only = Literal["missing", "failed", "stale", "all"]
Shown = Literal["auto", "lines", "plain"]

app = typer.Typer(rich_markup_mode=None, invoke_without_command=True)
app.command("status")(backfill_status.status)
app.command("list")(backfill_status.listed)
app.command("continue")(backfill_control.go_on)
app.command("pause")(backfill_control.pause)
app.command("cancel")(backfill_control.cancel)
app.command("work", hidden=True)(backfill_control.work)


@app.callback()
def start(
    context: typer.Context,
    mode: Annotated[
        str | None, typer.Option("--mode", "-m", metavar="MODE", help="Mode of the file that runs over dates.")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="First day, YYYY-MM-DD.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day, inclusive.")] = None,
    partition: Annotated[Slice | None, typer.Option(help="How to cut the range. [default: as the mode says]")] = None,
    cron: Annotated[str | None, typer.Option(metavar="EXPR", help="Each slot of this rule begins a slice.")] = None,
    only: Annotated[
        Only, typer.Option(help="Slices without a success, with a failure, out of date, or all.")
    ] = "missing",
    newest_first: Annotated[bool, typer.Option("--newest-first", help="Begin with the end of the range.")] = False,
    parallel: Annotated[int, typer.Option(min=1, metavar="N", help="So many slices at the same time.")] = 1,
    param: Annotated[list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="Repeatable.")] = None,
    max_parallel: Annotated[
        int | None, typer.Option("--max-parallel", "--max-workers", min=1, metavar="N", help="Tasks of one slice.")
    ] = None,
    no_retry: Annotated[bool, typer.Option("--no-retry", help="Try every task once, whatever the file says.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run although it is paused or lacks what it needs.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run and why; start nothing.")] = False,
    on: OnOption = None,
    progress: Annotated[Shown, typer.Option(help="lines: one for each slice; plain: as `run`.")] = "auto",
    config: ConfigOption = None,
    overlay: OverlayOption = None,
    set_: SetOption = None,
    dialect: DialectOption = None,
    bindings: BindingsOption = None,
    as_json: JsonOption = False,
) -> int:
    """Run a mode over a range of dates, slice by slice.

    It runs the slices that are missing, and keeps what is still to be done. Ctrl-C ends the slice that runs;
    `backfill continue` goes on with it.

    Examples: `backfill --mode daily --from 2026-01-01 --to 2026-12-31 --partition day --dry-run`, `backfill status`,
    `backfill continue`.
    """
    from tetra_orchestrator.cli.backfill_start import Asked, begin

    if context.invoked_subcommand is not None:
        if mode or first or last:
            message = f"`backfill {context.invoked_subcommand}` does not start one: it takes no --mode, --from or --to"
            raise UsageError(message, hint="leave those out, or leave out the word")
        _refuse_options_before(context)
        return 0
    asked = Asked(
        mode=mode,
        first=first,
        last=last,
        partition=partition,
        cron=cron,
        only=only,
        newest_first=newest_first,
        parallel=parallel,
        params=tuple(param or ()),
        max_parallel=max_parallel,
        no_retry=no_retry,
        force=force,
        dry_run=dry_run,
        progress=progress,
        config=config,
        overlays=tuple(overlay or ()),
        sets=tuple(set_ or ()),
        on=on,
        dialect=dialect,
        bindings=bindings,
        as_json=as_json,
    )
    return begin(asked)


def _refuse_options_before(context: typer.Context) -> None:
    """Raise `UsageError` for an option before the word of a command, which would not see it."""
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if source is not None and source.name == "COMMANDLINE":
            word, name = context.invoked_subcommand, option.opts[0]
            raise UsageError(f"{name} stands before `{word}`", hint=f"write it behind: `tetra backfill {word} {name}`")
