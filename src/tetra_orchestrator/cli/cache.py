"""`cache`: the kept results of tasks with `cache`. The compiled configuration in `state/cache/` is something else."""

from __future__ import annotations

import typer

from tetra_orchestrator.cli import cache_clear, cache_list

app = typer.Typer(
    help="Kept results of tasks with `cache`.\n\nExamples: `cache list`, `cache clear --task features.build`.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

app.command("list")(cache_list.command)
app.command("clear")(cache_clear.command)
