"""The alerts in an SQL store, and the letters that tell of them."""

from __future__ import annotations

from tetra_orchestrator.adapters.store import conflicts
from tetra_orchestrator.adapters.store.database import Refused
from tetra_orchestrator.adapters.store.rows import (
    RUN_COLUMNS,
    instant,
    micros,
    plain,
    run_of,
    tags_of,
    tags_text,
)
from tetra_orchestrator.adapters.store.sql_changes import marks, settings
from tetra_orchestrator.adapters.store.sql_words import words
from tetra_orchestrator.core.alerts import PENDING, SENDING, UNSENT, Alert, Delivery
from tetra_orchestrator.core.states import RUN_TERMINAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from tetra_orchestrator.adapters.store.database import Database
    from tetra_orchestrator.adapters.store.rows import Row
    from tetra_orchestrator.core.alerts import Filed
    from tetra_orchestrator.core.history import Run

#: Written so wherever they are asked for: only then does SQLite use the indices of such runs and letters.
UNTOLD_RUN = f"tells = 1 AND state IN ({words(RUN_TERMINAL)})"
UNSENT_LETTER = f"state IN ({words(UNSENT)})"

_COLUMNS = (
    "key, code, severity, subject, title, text, command, channels, seen_at, run_id, raised_at, cleared_at, resolved_at,"
    " acked_at, acked_by, told_at, times"
)
_ALERTS = f"SELECT id, {_COLUMNS}, version FROM alerts"
_INSERT = f"INSERT INTO alerts ({_COLUMNS}, version) VALUES ({marks(_COLUMNS)}, 0) RETURNING id"
_UPDATE = f"UPDATE alerts SET {settings(_COLUMNS)}, version = version + 1 WHERE id = ? AND version = ?"
_LETTER = "id, alert, channel, what, state, due_at, tries, error, sent_at, since"
_INSERT_LETTER = f"""
INSERT INTO letters (alert, channel, what, state, due_at, tries, since) VALUES (?, ?, ?, '{PENDING}', ?, 0, ?)
"""
# It would rather walk all letters there ever were in their order.
_DUE = f"""
SELECT id FROM letters INDEXED BY unsent_letters WHERE {UNSENT_LETTER} AND due_at <= ? ORDER BY id LIMIT ?
"""
_CLAIM = f"""
UPDATE letters SET state = '{SENDING}', tries = tries + 1, due_at = ? WHERE id IN ({_DUE}) RETURNING {_LETTER}
"""
_SETTLE = f"""
UPDATE letters SET state = ?, due_at = ?, error = ?, sent_at = ? WHERE id = ? AND state = '{SENDING}' AND tries = ?
"""
_TELL = f"UPDATE runs SET tells = 0 WHERE run_id = ? AND {UNTOLD_RUN}"
# An alert stays while somebody has still to be told of it.
_OUTDATED = f"""
SELECT id FROM alerts
WHERE resolved_at < ? AND id NOT IN (SELECT alert FROM letters WHERE {UNSENT_LETTER}) ORDER BY resolved_at, id
"""
_MARK = "INSERT INTO marks (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


class SqlAlerts:
    """The `Alerts` of a store in that database."""

    def __init__(self, db: Database):
        self._db = db

    def untold(self, limit: int = 100) -> list[Run]:
        """The runs that are over and of which nobody has been told, oldest first by their end."""
        query = f"SELECT {RUN_COLUMNS} FROM runs WHERE {UNTOLD_RUN} ORDER BY finished_at, id LIMIT ?"
        return [run_of(row) for row in self._db.rows(query, limit)]

    def file(self, filed: Sequence[Filed], told: Sequence[str] = ()) -> None:
        """Add or replace the alerts, add their letters, have the runs be told; all in one commit. `StateConflict`."""

        def write() -> None:
            for alert, letters in filed:
                key = self._write(alert)
                rows = [(key, channel, what, micros(due), micros(due)) for channel, what, due in letters]
                self._db.change_all(_INSERT_LETTER, rows)
            for run_id in told:
                if self._db.change(_TELL, (run_id,)) != 1:
                    raise conflicts.told_already(run_id)

        self._db.commit(write)

    def _write(self, alert: Alert) -> int:
        """Inside a transaction: the id of the alert in the store."""
        try:
            if not alert.id:
                return int(self._db.rows(_INSERT, *_row(alert))[0][0])
            found = self._db.change(_UPDATE, (*_row(alert), alert.id, alert.version))
        except Refused:
            raise conflicts.alert_open(alert.key) from None
        if found != 1:
            raise conflicts.alert_changed(alert.id)
        return alert.id

    def open(self) -> list[Alert]:
        """Those that are not over, oldest first."""
        return sorted(self._alerts("WHERE resolved_at IS NULL"))  # by the database, it would read all there are

    def all(self, limit: int = 50) -> list[Alert]:
        """The latest, newest first."""
        return self._alerts("ORDER BY id DESC LIMIT ?", limit)

    def get(self, alert_id: int) -> Alert | None:
        """The alert with that id, or None."""
        return next(iter(self._alerts("WHERE id = ?", alert_id)), None)

    def last(self, key: str) -> Alert | None:
        """The newest alert with that key that is over, None where there is none."""
        where = "WHERE key = ? AND resolved_at IS NOT NULL ORDER BY id DESC LIMIT 1"
        return next(iter(self._alerts(where, plain(key))), None)

    def _alerts(self, where: str, *values: str | int | None) -> list[Alert]:
        return [_alert(row) for row in self._db.rows(f"{_ALERTS} {where}", *values)]

    def deliveries(self, alert_id: int | None = None, *, unsent: bool = False) -> list[Delivery]:
        """The letters of one alert or all, with `unsent` only those that have still to go out; oldest first."""
        where, values = ("alert = ?", [alert_id]) if alert_id is not None else ("TRUE", [])
        if unsent:
            where += f" AND {UNSENT_LETTER}"
        query = f"SELECT {_LETTER} FROM letters WHERE {where} ORDER BY due_at"  # so that SQLite uses the index
        return sorted(_delivery(row) for row in self._db.rows(query, *values))

    def claim(self, now: datetime, until: datetime, limit: int = 100) -> list[Delivery]:
        """Those that may be tried now, `sending` until then, for nobody else."""
        if not self._db.rows(_DUE, micros(now), 1):
            return []
        found: list[Row] = []
        self._db.commit(lambda: found.extend(self._db.rows(_CLAIM, micros(until), micros(now), limit)))
        return sorted(map(_delivery, found))

    def settle(self, deliveries: Sequence[Delivery]) -> None:
        """What became of claimed ones; one that somebody else has claimed meanwhile is left to them."""

        def write() -> None:
            for one in deliveries:
                after = (one.state, micros(one.due_at), plain(one.error), micros(one.sent_at))
                self._db.change(_SETTLE, (*after, one.id, one.tries))

        self._db.commit(write)

    def sent_since(self, channel: str, since: datetime) -> int:
        """How many letters the channel has been sent since then."""
        query = "SELECT count(*) FROM letters WHERE channel = ? AND sent_at >= ?"
        return int(self._db.rows(query, channel, micros(since))[0][0])

    def outdated(self, before: datetime) -> int:
        """How many alerts were over before that instant and have nothing more to tell."""
        return int(self._db.rows(f"SELECT count(*) FROM ({_OUTDATED}) AS found", micros(before))[0][0])

    def forget(self, before: datetime, most: int) -> int:
        """Remove the oldest of them with their letters, at most so many; returns how many there were."""
        query = f"DELETE FROM alerts WHERE id IN ({_OUTDATED} LIMIT ?)"
        gone: list[int] = []
        self._db.commit(lambda: gone.append(self._db.change(query, (micros(before), most))))
        return gone[0]

    def marks(self) -> Mapping[str, str]:
        """What was last seen of what is watched, by name."""
        return dict(self._db.rows("SELECT name, value FROM marks ORDER BY name"))

    def mark(self, marks: Mapping[str, str | None]) -> None:
        """Keep these in place of what there is; None removes."""

        def write() -> None:
            for name, value in marks.items():
                if value is None:
                    self._db.change("DELETE FROM marks WHERE name = ?", (plain(name),))
                else:
                    self._db.change(_MARK, (plain(name), plain(value)))

        self._db.commit(write)


def _row(alert: Alert) -> tuple[Any, ...]:
    texts = map(plain, alert[1:8])
    times = (alert.raised_at, alert.cleared_at, alert.resolved_at, alert.acked_at)
    return (
        *texts, tags_text(alert.channels), micros(alert.seen_at), alert.run_id, *map(micros, times),
        plain(alert.acked_by), micros(alert.told_at), alert.times,
    )  # fmt: skip


def _alert(row: Row) -> Alert:
    times = map(instant, row[11:15])
    return Alert._make(
        (*row[:8], tags_of(row[8]), instant(row[9]), row[10], *times, row[15], instant(row[16]), *row[17:])
    )


def _delivery(row: Row) -> Delivery:
    return Delivery._make((*row[:5], instant(row[5]), *row[6:8], *map(instant, row[8:])))
