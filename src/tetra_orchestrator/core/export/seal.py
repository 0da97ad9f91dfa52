"""One comment at the top of an exported file by which a changed one is told from one as we wrote it.

It is not the marker of installed timers: `schedule prune` has to leave these files alone.
"""

from __future__ import annotations

import re

from tetra_orchestrator.core.marker import body_digest

_SEAL = re.compile(r"# Made by `tetra export \w+`; digest ([0-9a-f]{32})\n")


def sealed(text: str, to: str) -> str:
    """The text with its seal in front."""
    return f"# Made by `tetra export {to}`; digest {body_digest(text)}\n{text}"


def is_as_made(text: str) -> bool:
    """Whether we made it, and nobody has changed it since."""
    found = _SEAL.match(text)
    return found is not None and body_digest(text[found.end() :]) == found[1]
