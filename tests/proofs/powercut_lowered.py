"""`python -m proofs.powercut_lowered LEVEL WORD...`: the command line, with commits that are less durable than ours.

It shows that a proof of durability notices when there is none.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tetra_orchestrator.adapters.store import sqlite_file
from tetra_orchestrator.cli.main import main

if TYPE_CHECKING:
    import apsw

LEVELS = ("OFF", "NORMAL")


def lower(level: str) -> None:
    """Have every connection of this process use `PRAGMA synchronous=LEVEL`."""
    make_durable = sqlite_file._make_durable

    def make_less_durable(db: apsw.Connection, path: str) -> None:
        make_durable(db, path)
        db.execute(f"PRAGMA synchronous={LEVELS[LEVELS.index(level)]}")

    sqlite_file._make_durable = make_less_durable


if __name__ == "__main__":
    lower(sys.argv.pop(1))
    main()
