"""Symbols and colours on a terminal. What is piped gets the bare words; no colour ever says what no word says.

Hot commands import this module: nothing heavy here.
"""

from __future__ import annotations

import os
import sys

from tetra_orchestrator.core.signs import CODES, SIGNS


class Signed(str):
    """A word for a state as a cell of a table: with its symbol on a terminal, and its colour beside the text."""

    __slots__ = ("colour",)
    colour: str | None


def on_terminal() -> bool:
    """Whether people see standard output on a terminal."""
    return sys.stdout.isatty()


def is_coloured() -> bool:
    """Whether standard output is to have colours: on a terminal that can, unless NO_COLOR is set to anything.

    FORCE_COLOR or CLICOLOR_FORCE, set to other than `0`, ask for them anywhere.
    """
    environ = os.environ
    if environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return environ.get("TERM") != "dumb" and on_terminal()


def painted(text: str, colour: str | None) -> str:
    """The text in that colour where there are any."""
    return f"\x1b[{CODES[colour]}m{text}\x1b[0m" if text and colour and is_coloured() else text


def cell(word: str) -> Signed:
    """A state's word for a table; one that is none of ours stays as it is."""
    sign = SIGNS.get(word)
    found = Signed(f"{sign.symbol} {word}" if sign and on_terminal() else word)
    found.colour = sign.colour if sign else None
    return found


def signed(word: str) -> str:
    """The same for prose, in its colour."""
    found = cell(word)
    return painted(found, found.colour)
