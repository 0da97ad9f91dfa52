"""`status` with all that Typer does for a command; plain calls go to `standing` without it."""

from __future__ import annotations

from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.standing import print_standing


def command(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Show how each pipeline stands: last run, freshness of its data, next slot."""
    return print_standing(as_json=as_json, config=config)
