"""States as the pages show them: symbol, colour and word together."""

from __future__ import annotations

from functools import cache

from tetra_orchestrator.core.signs import SLOTS, STATES, Sign
from tetra_orchestrator.report.markup import tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tetra_orchestrator.report.markup import Html

UNKNOWN = Sign("?", "dim", "is not known")


def sign(state: str | None) -> Sign:
    """That of a task or run."""
    return STATES.get(state or "", UNKNOWN)


@cache
def shown(state: str | None) -> Html:
    """The state of a task or run as a symbol and its word."""
    return worded(sign(state), state or "unknown")


def slot_shown(outcome: str) -> Html:
    """What became of a slot, likewise."""
    return worded(SLOTS.get(outcome, UNKNOWN), outcome)


def symbol(of: Sign) -> Html:
    """The symbol alone, for where the word stands beside it or is said otherwise."""
    return tag("span", of.symbol, class_="symbol", aria_hidden="true")


def legend(states: Iterable[str], of: dict[str, Sign] = STATES) -> Html:
    """What the symbols mean that occur, in the order of the table."""
    found = set(states)
    signs = (one for name, one in of.items() if name in found)
    items = (tag("li", tag("span", symbol(one), class_=one.colour), " ", one.meaning) for one in signs)
    return tag("ul", *items, class_="legend")


def worded(of: Sign, word: str) -> Html:
    """A symbol and the word that it stands for."""
    return tag("span", symbol(of), " ", word.replace("_", " "), class_=f"state {of.colour}")
