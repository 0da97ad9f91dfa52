"""A log of entries: who writes them, in which form, from which level on, and where to."""

from __future__ import annotations

from tetra_orchestrator.adapters.report.entries import LEVELS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, TextIO

    from tetra_orchestrator.adapters.report.entries import Entry
    from tetra_orchestrator.adapters.report.outlet import Outlet
    from tetra_orchestrator.core.events import RunEvent

    class Writer(Protocol):
        """Says of events what is to be said."""

        def entries(self, event: RunEvent) -> list[Entry]: ...

    class Sink(Protocol):
        """Takes the lines of entries."""

        def write(self, line: str, tenant: str | None) -> None: ...

        def flush(self) -> None: ...

        def close(self) -> None: ...


class EntryReporter:
    """Writes what a scribe says of each event, a line per entry. Entries below the level `least` are left out."""

    def __init__(self, scribe: Writer, form: Callable[[Entry], str], sink: Sink, least: str):
        self._scribe = scribe
        self._form = form
        self._sink = sink
        self._least = LEVELS.index(least)

    def event(self, event: RunEvent) -> None:
        """Write its lines."""
        for entry in self._scribe.entries(event):
            if LEVELS.index(entry.level) >= self._least:
                self._sink.write(self._form(entry), entry.tenant)

    def flush(self) -> None:
        """Hand on what was written."""
        self._sink.flush()

    def tick(self) -> None:
        """Hand on what waits."""
        self._sink.flush()

    def close(self) -> None:
        """Close what is ours."""
        self._sink.close()


class StreamSink:
    """A text stream that takes everybody's lines; it is closed where it is our `own`."""

    def __init__(self, stream: TextIO | Outlet, *, own: bool = False):
        self._stream = stream
        self._own = own

    def write(self, line: str, tenant: str | None) -> None:
        """Write the line."""
        self._stream.write(line)

    def flush(self) -> None:
        """Hand on what was written."""
        self._stream.flush()

    def close(self) -> None:
        """Close it where it is ours."""
        if self._own:
            self._stream.close()
