"""How wide the terminal is."""

from __future__ import annotations

import os
import sys

#: The width of a terminal that does not tell its own.
USUAL = 80


def columns() -> int:
    """How many columns the terminal has."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or USUAL
    except (OSError, ValueError):
        return USUAL
