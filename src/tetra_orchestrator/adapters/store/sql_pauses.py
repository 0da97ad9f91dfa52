"""The pauses in an SQL store, at most one of each kind and name."""

from __future__ import annotations

from tetra_orchestrator.adapters.store.rows import PAUSE_COLUMNS, micros, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from tetra_orchestrator.adapters.store.database import Database

_REMOVE = "DELETE FROM pauses WHERE kind = ? AND name = ?"
_CHANGE = "UPDATE pauses SET until = ?, reason = ? WHERE kind = ? AND name = ?"
_INSERT = f"INSERT INTO pauses ({PAUSE_COLUMNS}) VALUES (?, ?, ?, ?, ?)"


def put(db: Database, kind: str, name: str, at: datetime, until: datetime | None, reason: str | None) -> None:
    """Change the pause, or make one where none holds at that time; inside a transaction."""
    db.change(f"{_REMOVE} AND until <= ?", (kind, name, micros(at)))
    if not db.change(_CHANGE, (micros(until), plain(reason), kind, name)):
        db.change(_INSERT, (kind, name, micros(at), micros(until), plain(reason)))


def remove(db: Database, kind: str, name: str) -> bool:
    """Remove the pause; False where there is none."""
    return db.change(_REMOVE, (kind, name)) > 0
