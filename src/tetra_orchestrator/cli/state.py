"""`state`: look after the store itself."""

from __future__ import annotations

import typer

from tetra_orchestrator.cli import state_backup, state_check, state_restore, state_upgrade

app = typer.Typer(
    help="Check, back up, restore and upgrade the store.\n\nExamples: `state check`, `state backup`.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

app.command("check")(state_check.command)
app.command("backup")(state_backup.command)
app.command("restore")(state_restore.command)
app.command("upgrade")(state_upgrade.command)
