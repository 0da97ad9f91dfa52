"""Records as lines of text, and back.

One line for each value: its first character says what it is. Importing `json` for it would cost half a bare
interpreter, as it compiles six regular expressions.
"""

from __future__ import annotations

from tetra_orchestrator.core import model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_NOTHING = object()
_WORDS = {"-": None, "T": True, "F": False}
_LETTERS = {value: letter for letter, value in _WORDS.items()}


def to_lines(value: object) -> list[str]:
    """The lines of a value: nothing, a truth, a number, a text, or a record of the model or a sequence of such.

    A sequence comes back as a tuple; a record is written without the defaults at its end. Raises `TypeError` for
    anything else.
    """
    if value is None or isinstance(value, bool):
        return [_LETTERS[value]]
    if isinstance(value, str):
        return [f"={value}" if value.isprintable() else f"!{value.encode('unicode_escape').decode()}"]
    if isinstance(value, (int, float)):
        return [f"{'#' if isinstance(value, int) else '~'}{value!r}"]
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{type(value).__name__} cannot be kept")
    name = f"@{type(value).__name__} " if hasattr(value, "_fields") else "("
    items = _without_defaults(value) if hasattr(value, "_fields") else value
    return [f"{name}{len(items)}", *(line for item in items for line in to_lines(item))]


def from_lines(lines: Iterable[str]) -> Any:
    """The reverse of `to_lines`. For other lines: `ValueError`, `LookupError`, `TypeError` or `AttributeError`."""
    rest = iter(lines)
    try:
        value = _reader(rest.__next__)()
    except StopIteration:
        raise ValueError("the end is missing") from None
    if next(rest, None) is not None:
        raise ValueError("more than one value")
    return value


def _reader(take: Callable[[], str]) -> Callable[[], Any]:
    """What reads one value from the lines that `take` gives. A file may have a million of them: no call too many."""
    shapes: dict[str, tuple[Any, list[None], tuple[Any, ...]]] = {}

    def read() -> Any:
        line = take()
        kind = line[:1]
        if kind == "=":
            return line[1:]
        if kind == "(":
            return tuple([read() for _ in range(int(line[1:]))])
        if kind == "@":
            if line not in shapes:
                shapes[line] = _shape(line)
            record, given, defaults = shapes[line]
            return tuple.__new__(record, [*[read() for _ in given], *defaults])
        if kind == "#":
            return int(line[1:])
        if kind == "~":
            return float(line[1:])
        return _escaped(line) if kind == "!" else _WORDS[line]

    return read


def _escaped(line: str) -> str:
    return line[1:].encode().decode("unicode_escape")


def _shape(line: str) -> tuple[Any, list[None], tuple[Any, ...]]:
    """Of the records that begin so: the class, a None for each value that follows, and the defaults for the rest."""
    name, _, count = line[1:].partition(" ")
    record = getattr(model, name, None) or _seldom(name)
    given, defaults = int(count), tuple(record._field_defaults.values())
    missing = len(record._fields) - given
    if not 0 <= missing <= len(defaults):
        raise ValueError(f"{name} is not made of {given} values")
    return record, [None] * given, defaults[len(defaults) - missing :]


def _seldom(name: str) -> Any:
    """A record of what most projects do not have, so that they do not pay for its import."""
    from tetra_orchestrator.core import runners, watching

    return getattr(watching, name, None) or getattr(runners, name)


def _without_defaults(record: Any) -> list[Any]:
    given, names, defaults = list(record), record._fields, record._field_defaults
    while given and defaults.get(names[len(given) - 1], _NOTHING) == given[-1]:
        given.pop()
    return given
