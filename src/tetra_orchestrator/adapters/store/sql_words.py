"""Words of ours as lists of SQL."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def words(values: Iterable[str]) -> str:
    """The words as an SQL list, in a stable order."""
    return ", ".join(f"'{value}'" for value in sorted(values))
