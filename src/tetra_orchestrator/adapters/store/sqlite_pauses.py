"""The pauses in a SQLite store, at most one of each kind and name."""

from __future__ import annotations

from tetra_orchestrator.adapters.store.rows import instant, micros, plain
from tetra_orchestrator.core.history import Pause

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    import apsw

    from tetra_orchestrator.adapters.store.rows import Row

SELECT = "SELECT kind, name, since, until, reason FROM pauses ORDER BY id"
_REMOVE = "DELETE FROM pauses WHERE kind = ? AND name = ?"
_CHANGE = "UPDATE pauses SET until = ?, reason = ? WHERE kind = ? AND name = ?"
_INSERT = "INSERT INTO pauses (kind, name, since, until, reason) VALUES (?, ?, ?, ?, ?)"


def put(db: apsw.Connection, kind: str, name: str, at: datetime, until: datetime | None, reason: str | None) -> None:
    """Change the pause, or make one where none holds at that time; inside a transaction."""
    db.execute(f"{_REMOVE} AND until <= ?", (kind, name, micros(at)))
    db.execute(_CHANGE, (micros(until), plain(reason), kind, name))
    if not db.changes():
        db.execute(_INSERT, (kind, name, micros(at), micros(until), plain(reason)))


def remove(db: apsw.Connection, kind: str, name: str) -> bool:
    """Remove the pause; False where there is none."""
    db.execute(_REMOVE, (kind, name))
    return db.changes() > 0


def pause_of(row: Row) -> Pause:
    """A pause from `SELECT`."""
    kind, name, since, until, reason = row
    return Pause(kind, name, instant(since), instant(until), reason)  # type: ignore[arg-type]
