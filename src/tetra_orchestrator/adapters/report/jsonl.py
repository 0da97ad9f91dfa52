"""`run --json`: one event per line, in the shape of DESIGN.md section 11."""

from __future__ import annotations

import json

from tetra_orchestrator.core import events
from tetra_orchestrator.core.model import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.report.outlet import Outlet
    from tetra_orchestrator.core.events import RunEvent


class JsonReporter:
    """Writes each event as one JSON object per line; in the place of those that nobody read in time stands one too."""

    def __init__(self, stream: Outlet):
        self._stream = stream
        self._stream.gap = self._gap
        self._missed: RunEvent | None = None

    def event(self, event: RunEvent) -> None:
        """Write the event."""
        if not self._stream.write(line(event)):
            self._missed = event

    def flush(self) -> None:
        """Hand on what was written."""
        self._stream.flush()

    def tick(self) -> None:
        """Hand on what waits."""
        self._stream.flush()

    def close(self) -> None:
        """The stream is not ours."""

    def _gap(self, lines: int) -> str:
        """An event with the number of the last one that was left out."""
        assert self._missed is not None
        reason = Reason("reader_too_slow", f"{lines} events are left out here, because nobody read them in time")
        _, seq, ts, run_id, *_ = self._missed
        return line(events.RunEvent(events.STREAM_GAP, seq, ts, run_id, reason=reason))


def line(event: RunEvent) -> str:
    """The event as it stands in the stream."""
    reason = event.reason._asdict() if event.reason else None
    ts = event.ts.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    row = {"schema": "tetra.run/1", **event._asdict(), "ts": ts, "reason": reason}
    return json.dumps(row) + "\n"
