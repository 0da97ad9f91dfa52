"""States as the pages show them: symbol, colour and word together."""

from __future__ import annotations

from functools import cache

from tetra_orchestrator.core.signs import SLOTS, STATES, Sign
from tetra_orchestrator.report.markup import join, tag

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
    return _worded(sign(state), state or "unknown")


def slot_shown(outcome: str) -> Html:
    """What became of a slot, likewise."""
    return _worded(SLOTS.get(outcome, UNKNOWN), outcome)


def symbol(of: Sign) -> Html:
    """The symbol alone, for where the word stands beside it or is said otherwise."""
    return tag("span", of.symbol, class_="symbol", aria_hidden="true")


def legend(states: Iterable[str], of: dict[str, Sign] = STATES) -> Html:
    """What the symbols mean that occur, each once, in the order of the table."""
    found = set(states)
    return tag(
        "ul",
        *(
            tag("li", tag("span", symbol(one), " ", _spaced(name), class_=f"state {one.colour}"), f" {one.meaning}")
            for name, one in of.items()
            if name in found
        ),
        class_="legend",
    )


def _worded(of: Sign, word: str) -> Html:
    return tag("span", join((symbol(of), " ", _spaced(word))), class_=f"state {of.colour}")


def _spaced(word: str) -> str:
    return word.replace("_", " ")
