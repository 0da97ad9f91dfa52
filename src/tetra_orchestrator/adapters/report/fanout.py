"""Several reporters as one. One that fails is left out from then on and changes nothing about the run."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tetra_orchestrator.core.events import RunEvent
    from tetra_orchestrator.ports import Reporter


def _silent(reporter: Reporter, error: Exception) -> None:
    """Nobody is told."""


class Fanout:
    """Hands each event to every reporter that still works; `tell` is told once of each that does not."""

    def __init__(self, reporters: Iterable[Reporter], tell: Callable[[Reporter, Exception], None] = _silent):
        self._reporters = list(reporters)
        self._tell = tell

    def event(self, event: RunEvent) -> None:
        """Hand the event on."""
        self._each(lambda reporter: reporter.event(event))

    def flush(self) -> None:
        """Have all of them show what they were told."""
        self._each(lambda reporter: reporter.flush())

    def tick(self) -> None:
        """Hand the tick on."""
        self._each(lambda reporter: reporter.tick())

    def close(self) -> None:
        """Close all of them."""
        self._each(lambda reporter: reporter.close())

    def _each(self, act: Callable[[Reporter], None]) -> None:
        for reporter in list(self._reporters):
            try:
                act(reporter)
            except Exception as error:  # a full disk must not end the run
                self._reporters.remove(reporter)
                self._tell(reporter, error)
