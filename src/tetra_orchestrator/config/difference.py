"""What changed between two documents, as paths with what was there before and is there now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tetra_orchestrator.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from tetra_orchestrator.config.problems import Path

    Kind = Literal["added", "removed", "changed"]


class Change(Record):
    """One difference; `before` is None for what was added, `after` for what was removed."""

    kind: Kind
    path: Path
    before: Any
    after: Any


def difference(before: Any, after: Any, path: Path = ()) -> Iterator[Change]:
    """Every change from `before` to `after`, which are what `json.loads` gives, in the order of the documents.

    A part that is wholly new or gone is one change; so is a list of plain values.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            yield from _of_part(before, after, key, path)
    elif isinstance(before, list) and isinstance(after, list) and _is_deep([*before, *after]):
        numbered = dict(enumerate(before)), dict(enumerate(after))
        for index in range(max(len(before), len(after))):
            yield from _of_part(*numbered, index, path)
    elif type(before) is not type(after) or before != after:
        yield Change("changed", path, before, after)


def _of_part(before: dict[Any, Any], after: dict[Any, Any], key: str | int, path: Path) -> Iterator[Change]:
    if key not in before:
        yield Change("added", (*path, key), None, after[key])
    elif key not in after:
        yield Change("removed", (*path, key), before[key], None)
    else:
        yield from difference(before[key], after[key], (*path, key))


def _is_deep(items: list[Any]) -> bool:
    return any(isinstance(item, (dict, list)) for item in items)
