"""`alerts`: what is wrong now, who was told, and whether anybody can be."""

from __future__ import annotations

import typer

from tetra_orchestrator.cli import alerts_ack, alerts_list, alerts_resend, alerts_test

app = typer.Typer(
    help="Alerts that are open, and the letters that tell of them.\n\nExamples: `alerts list`, `alerts ack 12`.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

app.command("list")(alerts_list.command)
app.command("test")(alerts_test.command)
app.command("ack")(alerts_ack.command)
app.command("resend")(alerts_resend.command)
