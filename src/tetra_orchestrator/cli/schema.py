"""`schema`: the JSON Schema of native configuration files."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tetra_orchestrator.cli.files import write_new
from tetra_orchestrator.cli.output import near


def command(
    out: Annotated[str | None, typer.Option(metavar="FILE", help="Write here, over what is there.")] = None,
) -> int:
    """Print the JSON Schema by which editors and other programs check a configuration file.

    Example: `schema --out orchestration.schema.json`, then begin the file with
    `# yaml-language-server: $schema=orchestration.schema.json`.
    """
    from tetra_orchestrator.config.shipped import schema_text

    if out is None:
        sys.stdout.write(schema_text())
    else:
        print(f"wrote {near(write_new(out, schema_text(), force=True))}")
    return 0
