"""`run --json`: one event per line, in the shape of DESIGN.md section 11."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from tetra_orchestrator.core.events import RunEvent


class JsonReporter:
    """Writes each event as one JSON object per line."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def event(self, event: RunEvent) -> None:
        """Write the event and flush."""
        reason = event.reason._asdict() if event.reason else None
        ts = event.ts.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        row = {"schema": "tetra.run/1", **event._asdict(), "ts": ts, "reason": reason}
        self._stream.write(json.dumps(row) + "\n")
        self._stream.flush()

    def tick(self) -> None:
        """Nothing happens between events."""

    def close(self) -> None:
        """The stream is not ours."""
