"""What becomes of alerts because of a run, behind its own events in the stream of `run --json`."""

from __future__ import annotations

from tetra_orchestrator.adapters.report.jsonl import line
from tetra_orchestrator.core.model import Reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.report.outlet import Outlet
    from tetra_orchestrator.core.alerts import Alert
    from tetra_orchestrator.core.events import RunEvent


class AlertLines:
    """A reporter that only remembers where the stream of the run has come to, and goes on from there."""

    def __init__(self, stream: Outlet):
        self._stream = stream
        self._last: RunEvent | None = None

    def event(self, event: RunEvent) -> None:
        """Remember it."""
        self._last = event

    def flush(self) -> None:
        """Nothing is held back."""

    def tick(self) -> None:
        """Nothing changes with time."""

    def close(self) -> None:
        """The stream is not ours."""

    def hear(self, event: str, alert: Alert) -> None:
        """Write that an alert was raised, or is over."""
        if self._last is None:
            return
        at, why = alert.resolved_at or alert.raised_at or self._last.ts, Reason(alert.code, alert.title)
        self._last = self._last._replace(
            event=event, seq=self._last.seq + 1, ts=at, task=None, attempt=None, state=None, reason=why
        )
        self._stream.write(line(self._last))
        self._stream.flush()
