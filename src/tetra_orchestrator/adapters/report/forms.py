"""An entry of a log as one line: for programs a JSON object, for people text."""

from __future__ import annotations

import json
from math import isfinite

from tetra_orchestrator.adapters.report.narration import stamp
from tetra_orchestrator.core.spoken import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from tetra_orchestrator.adapters.report.entries import Entry

    #: Takes secrets out of a text.
    Mask = Callable[[str], str]


def json_line(entry: Entry, mask: Mask) -> str:
    """One JSON object and a newline, in ASCII; a figure that JSON does not have is null."""
    row = {
        "timestamp": entry.ts.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "level": entry.level.upper(),
        "event_type": entry.event_type,
        "message": entry.message,
        **entry.fields,
    }
    # to look for all secrets takes a while, so that is done once: most lines have none
    everything = "\0".join(_texts(row))
    return json.dumps(_masked(row, str if mask(everything) == everything else mask)) + "\n"


def text_line(entry: Entry, mask: Mask) -> str:
    """`[2026-03-01 20:00:00] WARNING RUN message` in the machine's time zone; nothing in it can drive a terminal."""
    text = " ".join(f"{entry.fields.get('run_id', '-')} {entry.message}".split())
    return f"{stamp(entry.ts)} {entry.level.upper():<8} {printable(mask(text))}\n"


def _texts(value: Any) -> Iterator[str]:
    """Every text in the value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def _masked(value: Any, mask: Mask) -> Any:
    """The value with every text in it masked: before it is written as JSON, so that it stays JSON."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {mask(name): _masked(item, mask) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(item, mask) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
