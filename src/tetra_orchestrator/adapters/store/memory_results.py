"""The results of tasks in memory."""

from __future__ import annotations

from tetra_orchestrator.adapters.store.rows import from_json, to_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.history import Result


class MemoryResults:
    """The `Results` in a dictionary."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Result] = {}

    def get(self, task_id: str, key: str) -> Result | None:
        """What the task made of what the key stands for, or None."""
        return self._rows.get((task_id, key))

    def all(self, task_id: str | None = None) -> list[Result]:
        """The results of one task or all, newest first."""
        found = [row for row in self._rows.values() if task_id in (None, row.task_id)]
        found.sort(key=lambda row: (row.task_id, row.key))
        return sorted(found, key=lambda row: row.made_at, reverse=True)

    def put(self, result: Result, most: int) -> None:
        """Keep the result in place of what there is under its key; of each task the newest `most` stay."""
        kept = result._replace(outputs=from_json(to_json(result.outputs)) or {})
        self._rows[result.task_id, result.key] = kept
        for old in self.all(result.task_id)[most:]:
            del self._rows[old.task_id, old.key]

    def clear(self, task_id: str | None = None, key: str | None = None) -> int:
        """Remove the results of one task or all, with `key` only that one; returns how many there were."""
        gone = [row for row in self.all(task_id) if key in (None, row.key)]
        for row in gone:
            del self._rows[row.task_id, row.key]
        return len(gone)
