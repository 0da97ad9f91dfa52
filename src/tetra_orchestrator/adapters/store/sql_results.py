"""The results of tasks in an SQL store, by what they were made of."""

from __future__ import annotations

from tetra_orchestrator.adapters.store.rows import from_json, instant, micros, to_json
from tetra_orchestrator.core.history import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.store.database import Database
    from tetra_orchestrator.adapters.store.rows import Row

_COLUMNS = "task_id, key, run_id, made_at, document"
_PUT = f"""
INSERT INTO results ({_COLUMNS}) VALUES (?, ?, ?, ?, ?) ON CONFLICT (task_id, key) DO UPDATE SET
    run_id = excluded.run_id, made_at = excluded.made_at, document = excluded.document
"""
_TRIM = """
DELETE FROM results WHERE task_id = ? AND key NOT IN (
    SELECT key FROM results WHERE task_id = ? ORDER BY made_at DESC, key LIMIT ?)
"""


class SqlResults:
    """The `Results` of a store in that database."""

    def __init__(self, db: Database):
        self._db = db

    def get(self, task_id: str, key: str) -> Result | None:
        """What the task made of what the key stands for, or None."""
        found = self._db.rows(f"SELECT {_COLUMNS} FROM results WHERE task_id = ? AND key = ?", task_id, key)
        return _result(found[0]) if found else None

    def all(self, task_id: str | None = None) -> list[Result]:
        """The results of one task or all, newest first."""
        where, values = ("task_id = ?", [task_id]) if task_id is not None else ("TRUE", [])
        query = f"SELECT {_COLUMNS} FROM results WHERE {where} ORDER BY made_at DESC, task_id, key"
        return [_result(row) for row in self._db.rows(query, *values)]

    def put(self, result: Result, most: int) -> None:
        """Keep the result in place of what there is under its key; of each task the newest `most` stay."""
        values = (result.task_id, result.key, result.run_id, micros(result.made_at), to_json(result.outputs))

        def put() -> None:
            self._db.change(_PUT, values)
            self._db.change(_TRIM, (result.task_id, result.task_id, most))

        self._db.commit(put)

    def clear(self, task_id: str | None = None, key: str | None = None) -> int:
        """Remove the results of one task or all, with `key` only that one; returns how many there were."""
        wanted = {"task_id = ?": task_id, "key = ?": key}
        where = " AND ".join(text for text, value in wanted.items() if value is not None) or "TRUE"
        values = [value for value in wanted.values() if value is not None]
        gone: list[int] = []
        self._db.commit(lambda: gone.append(self._db.change(f"DELETE FROM results WHERE {where}", values)))
        return gone[0]


def _result(row: Row) -> Result:
    made_at = instant(row[3])
    assert made_at is not None
    return Result(row[0], row[1], row[2], made_at, from_json(row[4]) or {})
