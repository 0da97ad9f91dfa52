"""HTML and SVG as text that is escaped exactly once: what is not `Html` already is data."""

from __future__ import annotations

from functools import lru_cache
from html import escape

from tetra_orchestrator.core.spoken import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import TypeAlias

    Content: TypeAlias = "Html | str | float | None"

_VOID = frozenset(("meta", "input"))
_DRAWN = frozenset(("line", "rect", "path"))


class Html(str):
    """Markup that is complete and safe to stand anywhere in a page."""

    __slots__ = ()


NOTHING = Html()


def text(content: Content) -> Html:
    """The content as markup: texts with control characters and marks of direction as `\\x1b`, then escaped."""
    if isinstance(content, Html):
        return content
    return NOTHING if content is None else _escaped(str(content))


@lru_cache(maxsize=4096)
def _escaped(content: str) -> Html:
    return Html(escape(printable(content)))


def tag(name: str, /, *content: Content, **attributes: Content | bool) -> Html:
    """An element. `_` in an attribute's name is `-` (`class_` is `class`); None and False leave it out."""
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Html(f"<{name}{given}>")
    if name in _DRAWN:
        return Html(f"<{name}{given}/>")
    return Html(f"<{name}{given}>{''.join(map(text, content))}</{name}>")


def join(parts: Iterable[Content], between: str = "") -> Html:
    """The parts one after the other."""
    return Html(text(between).join(map(text, parts)))


def number(value: float) -> str:
    """A length or place in a drawing, short."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def hidden(content: Content) -> Html:
    """What only a screen reader says."""
    return tag("span", content, class_="sr")


def local(when: datetime | None) -> str:
    """A time in the reader's own zone, with the zone shown."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z") if when else "-"


def moment(when: datetime | None) -> Html:
    """The same on one line."""
    return tag("span", local(when), class_="line")


def run_id(of: str) -> Html:
    """The id of a run, on one line."""
    return tag("code", of, class_="line")
