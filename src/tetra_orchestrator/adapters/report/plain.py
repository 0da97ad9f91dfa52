"""Prints the documented lines, so that a pipe shows each when it happens."""

from __future__ import annotations

from tetra_orchestrator.adapters.report.narration import lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

    from tetra_orchestrator.adapters.report.outlet import Outlet
    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.ports import Subject


class LineReporter:
    """Writes every line to `stream`: standard output, or the run's own log file."""

    def __init__(self, subject: Subject, stream: TextIO | Outlet, *, own: bool = False):
        self._subject = subject
        self._stream = stream
        self._own = own

    def event(self, event: RunEvent) -> None:
        """Write the lines of the event."""
        text = "".join(f"{line}\n" for line in lines(event, self._subject))
        if text:
            self._stream.write(text)

    def flush(self) -> None:
        """Hand on what was written."""
        self._stream.flush()

    def tick(self) -> None:
        """Hand on what waits."""
        self._stream.flush()

    def close(self) -> None:
        """Close the stream where it is ours."""
        if self._own:
            self._stream.close()
