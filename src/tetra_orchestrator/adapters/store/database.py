"""What an SQL store asks of its database.

Statements are written with `?` for each value. `INDEXED BY` is for SQLite only; other databases leave it out.
"""

from __future__ import annotations


class Refused(Exception):
    """A change breaks a rule of the tables: its key is there already, what it refers to is not, or a row is final."""


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, Protocol

    class Database(Protocol):
        """One connection. Every method raises `StoreError` or `CannotWrite` where the database fails."""

        # All rows at once. Inside `commit` it may also be a change that returns rows; then it may raise `Refused`.
        def rows(self, query: str, *values: Any) -> list[Any]: ...

        # Inside `commit`: how many rows were changed. After `Refused` the transaction can still be asked.
        def change(self, statement: str, values: Sequence[Any] = ()) -> int: ...

        # Inside `commit`: the same statement for all of the rows.
        def change_all(self, statement: str, rows: Iterable[Sequence[Any]]) -> None: ...

        # Does `work` in one durable transaction that has the right to write from its start, or nothing of it.
        def commit(self, work: Callable[[], object]) -> None: ...
