"""Lists of numbers as systemd.time(7) writes them: `00,30`, `09..17`; and times of day that share them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence
    from typing import TypeVar

    Key = TypeVar("Key", bound=Hashable)


def numbers(values: Iterable[int], everything: Sequence[int] = ()) -> str:
    """The values in two digits, ascending; `*` where they are all there is."""
    chosen = sorted(values)
    return "*" if chosen == list(everything) else spans(chosen, "{:02d}".format)


def spans(ascending: Iterable[int], written: Callable[[int], str]) -> str:
    """The values with commas, three and more in a row as `first..last`."""
    rows: list[list[int]] = []
    for value in ascending:
        if rows and value == rows[-1][-1] + 1:
            rows[-1].append(value)
        else:
            rows.append([value])
    parts = [f"{written(row[0])}..{written(row[-1])}" if len(row) > 2 else ",".join(map(written, row)) for row in rows]
    return ",".join(parts)


def gathered(pairs: Iterable[tuple[Key, int]]) -> list[tuple[Key, tuple[int, ...]]]:
    """Every key once, in the order in which they come, with its numbers, ascending and each once."""
    found: dict[Key, set[int]] = {}
    for key, number in pairs:
        found.setdefault(key, set()).add(number)
    return [(key, tuple(sorted(every))) for key, every in found.items()]
