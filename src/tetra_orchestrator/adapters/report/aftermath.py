"""What a signal means when a run is over, and only its reader is waited for: that nobody is to wait any longer."""

from __future__ import annotations

import os

from tetra_orchestrator import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from tetra_orchestrator.adapters.report.outlet import Outlet

_CAUGHT: tuple[int, ...] = (signals.SIGINT, signals.SIGTERM, signals.SIGHUP)


class Aftermath:
    """Until the outlet is `settled`, INT, TERM and HUP do what they do without us; then they change no exit code.

    Use it in the main thread, around what catches signals during the run. Afterwards the process is about to end.
    """

    def __init__(self, outlet: Outlet):
        self._outlet = outlet

    def __enter__(self) -> None:
        self._before = {each: signals.getsignal(each) for each in _CAUGHT}
        for each, handler in self._before.items():
            if handler in (signals.SIG_DFL, signals.default_int_handler):
                signals.signal(each, self._take)

    def __exit__(self, *exc: object) -> None:
        if not self._outlet.settled:
            for each, handler in self._before.items():
                signals.signal(each, handler)

    def _take(self, signum: int, frame: FrameType | None) -> None:
        if self._outlet.settled:
            self._outlet.hurry = True
            return
        signals.signal(signum, self._before[signum])
        os.kill(os.getpid(), signum)
