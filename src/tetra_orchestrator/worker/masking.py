"""Secrets of a tenant: read from `.env` files, and masked in what a job writes. Standard library only."""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

#: Shorter values are not masked: they would be found in everything.
SHORTEST = 6
MASK = "***"
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")


def read_variables(folder: str) -> dict[str, str]:
    """The variables of every `*.env` file in a folder, by name; none where there is no such folder."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".env"))
    except OSError:
        return {}
    found: dict[str, str] = {}
    for name in names:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            matches = [_LINE.fullmatch(line) for line in file.read().splitlines()]
        found.update((match[1], _unquoted(match[2])) for match in matches if match)
    return found


class Masked:
    """A text stream that masks secrets; everything else is the stream's own."""

    def __init__(self, stream: Any, secrets: Iterable[str]):
        """Values that are too short are left alone."""
        self._stream = stream
        values = sorted((value for value in secrets if len(value) >= SHORTEST), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, values))) if values else None

    def write(self, text: str) -> int:
        """Write the text with its secrets masked."""
        self._stream.write(self._pattern.sub(MASK, text) if self._pattern else text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
