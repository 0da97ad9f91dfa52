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
    """Print the JSON Schema of configuration files.

    Editors check a file by it whose first line names it; docs/configuration.md shows how.

    Examples: `schema`, `schema --out orchestration.schema.json`.
    """
    from tetra_orchestrator.config.shipped import schema_text

    if out is None:
        sys.stdout.write(schema_text())
    else:
        print(f"wrote {near(write_new(out, schema_text(), force=True))}")
    return 0
