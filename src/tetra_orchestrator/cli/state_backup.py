"""`state backup`: a copy of the store, made while runs go on."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator import wire_state
from tetra_orchestrator.cli.known import glance
from tetra_orchestrator.cli.output import counted, near, print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.errors import Exit


def command(
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="Where to; a folder gets a name with the time. [state/backups]"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Copy the store into one file, as it was last committed.

    Runs go on meanwhile.

    Examples: `state backup`, `state backup /mnt/backup/tetra.db --force`.
    """
    made = wire_state.back_up(glance(config).store_url, file, replace=force)
    if as_json:
        print_json("state.backup", {"backup": made._asdict()})
    else:
        print(f"{near(made.path)}: {counted(made.runs)}, {made.size_bytes} bytes, version {made.version}")
    return Exit.OK
