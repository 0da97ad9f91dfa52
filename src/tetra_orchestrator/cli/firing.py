"""A plain call of `fire`, as units make it: read here, as a timer waits for it. Typer reads any other."""

from __future__ import annotations

from tetra_orchestrator.fire import Wake, fire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

_TEXTS = {"--config": "config", "--by": "by", "--slot": "slot"}


def quick_answer(argv: Sequence[str]) -> int | None:
    """Do what plain options ask for; None where there is any other word."""
    fields: dict[str, Any] = {}
    words = iter(argv)
    for word in words:
        if word in _TEXTS:
            value = next(words, "-")
            if value.startswith("-"):
                return None
            fields[_TEXTS[word]] = instant_of(value) if word == "--slot" else value
        elif word == "--boot":
            fields["boot"] = True
        elif "name" in fields or word.startswith("-"):
            return None
        else:
            fields["name"] = word
    if ("name" in fields) == ("boot" in fields):
        return None
    return fire(Wake(**{"name": None, **fields}))


def instant_of(text: str) -> datetime:
    """The slot that `--slot` names; raises `UsageError` for one that cannot be read."""
    from tetra_orchestrator.cli.times import INSTANT, Reader

    return Reader("--slot", f"write it like {INSTANT}", dates=False, times=False).read(text)
