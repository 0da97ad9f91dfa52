"""`status` with all that Typer does for a command; plain calls go to `standing` without it."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.cli.standing import print_standing
from tetra_orchestrator.cli.words import Words
from tetra_orchestrator.errors import UsageError


def command(
    pipeline_id: Annotated[
        str | None, typer.Option(metavar="ID", help="How far this run has come; the beginning of its id will do.")
    ] = None,
    checkpoint_dir: Annotated[
        str | None, typer.Option(metavar="DIR", help="With --pipeline-id: its checkpoints. [default: checkpoints]")
    ] = None,
    words: Annotated[
        Words | None, typer.Option(help="Tell states in the words of that document. [with --pipeline-id: stages]")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Show how each pipeline stands: last run, data, next slot.

    Or how far one run has come that leaves checkpoints, with `--pipeline-id`.

    Examples: `status`, `status --json`.
    """
    if pipeline_id is not None:
        from tetra_orchestrator.cli.headway import Question, print_headway

        return print_headway(Question(pipeline_id, checkpoint_dir, config, words or "stages", as_json))
    if checkpoint_dir is not None:
        hint = "add --pipeline-id ID; `tetra list` has the ids"
        raise UsageError("--checkpoint-dir is for the status of one run", hint=hint)
    return print_standing(as_json=as_json, config=config, words=words)
