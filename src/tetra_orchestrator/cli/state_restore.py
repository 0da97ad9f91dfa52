"""`state restore`: put a copy in the store's place."""

from __future__ import annotations

from typing import Annotated

import typer

from tetra_orchestrator import wire_state
from tetra_orchestrator.cli.known import glance
from tetra_orchestrator.cli.output import counted, near, print_json
from tetra_orchestrator.cli.project import ConfigOption, JsonOption
from tetra_orchestrator.errors import Exit


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A copy that `state backup` or an upgrade has made.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also while a run is active: it stops at its next commit.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Put a copy in the store's place.

    What was there is kept; what ran since the copy was made is not in it.

    Example: `state restore /mnt/backup/tetra.db`.
    """
    seen = glance(config)
    done = wire_state.restore(seen.store_url, seen.root, file, force=force)
    if as_json:
        print_json("state.restore", {"store": done.store, "backup": done.source._asdict(), "kept": done.kept})
        return Exit.OK
    last = f", the last of them {done.source.last_run}" if done.source.last_run else ""
    print(f"{near(done.store)}: {counted(done.source.runs)}{last}")
    if done.kept:
        print(f"what was there before is now {near(done.kept)}")
    return Exit.OK
