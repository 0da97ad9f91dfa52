"""`{name.key}` references. Only that form is a reference; `{{` and `}}` are literal braces; other braces stay.

A value never becomes syntax: nothing is expanded twice, and a shell line gets values through its environment.
"""

from __future__ import annotations

import re

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tetra_orchestrator.core.model import Json

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_-]*"
_TOKEN = re.compile(r"\{\{|\}\}|\{(" + _NAME + r"(?:\." + _NAME + r")?)\.(" + _NAME + r")\}")


class Reference(Record):
    """`{owner.key}`: the owner is a task id, `params` or `partition`."""

    owner: str
    key: str

    def __str__(self) -> str:
        return f"{{{self.owner}.{self.key}}}"


def references(text: str) -> list[Reference]:
    """The references in `text`, in order, repeats included."""
    return [Reference(m[1], m[2]) for m in _TOKEN.finditer(text) if m[1]]


def render(text: str, value_of: Callable[[Reference], str]) -> str:
    """`text` with every reference replaced by `value_of(reference)` and doubled braces made single."""

    def replacement(match: re.Match[str]) -> str:
        if match[1]:
            return value_of(Reference(match[1], match[2]))
        return match[0][0]

    return _TOKEN.sub(replacement, text)


def rewrite(text: str, rename: Callable[[Reference], Reference]) -> str:
    """`text` with every reference replaced by `rename(reference)`; it stays a template, doubled braces included."""
    return _TOKEN.sub(lambda match: str(rename(Reference(match[1], match[2]))) if match[1] else match[0], text)


def escaped(text: str) -> str:
    """`text` as a template that stands for nothing but itself: every brace doubled."""
    return text.replace("{", "{{").replace("}", "}}")


def as_text(value: Json) -> str:
    """A value as one argument: strings as they are, everything else as JSON."""
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def render_shell(line: str, value_of: Callable[[Reference], str]) -> tuple[str, dict[str, str]]:
    """A shell line whose references are `${TETRA_REF_n}`, and the variables that hold the values."""
    variables: dict[str, str] = {}

    def variable(reference: Reference) -> str:
        name = f"TETRA_REF_{len(variables) + 1}"
        variables[name] = value_of(reference)
        return f"${{{name}}}"

    return render(line, variable), variables
