"""`version`."""

from __future__ import annotations

from tetra_orchestrator import __version__
from tetra_orchestrator.cli.main import PROGRAM
from tetra_orchestrator.cli.output import print_json
from tetra_orchestrator.cli.project import JsonOption


def command(as_json: JsonOption = False) -> int:
    """Print the version.

    Example: `version`.
    """
    if as_json:
        print_json("version", {"version": __version__})
    else:
        print(f"{PROGRAM} {__version__}")
    return 0
