"""Which timers of a block are on: the lines of the others are comments, which is all that cron has for it."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

OFF = "#off "
#: What stands above the lines of a timer.
_NAME = re.compile(r"# (\S+)")


def switches(block: str) -> dict[str, bool]:
    """Timer name -> whether it is on."""
    found: dict[str, bool] = {}
    name = None
    for line in block.splitlines():
        if named := _NAME.fullmatch(line):
            name = named[1]
        elif name is not None and (line.startswith(OFF) or not line.startswith("#")):
            found[name] = not line.startswith(OFF)
    return found


def switched(block: str, off: Collection[str]) -> str:
    """The block with just these timers off."""
    lines, name = [], None
    for line in block.splitlines(keepends=True):
        if named := _NAME.fullmatch(line.rstrip("\r\n")):
            name = named[1]
        bare = line.removeprefix(OFF)
        lines.append(OFF + bare if name in off and not bare.startswith("#") else bare)
    return "".join(lines)
