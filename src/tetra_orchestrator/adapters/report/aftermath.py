"""What a signal means when a run is over, and only its reader is waited for: that nobody is to wait any longer."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

    from tetra_orchestrator.adapters.report.outlet import Outlet


class Aftermath:
    """Until the outlet is `settled`, INT, TERM and HUP do what they do without us; then they change no exit code.

    Use it in the main thread, around what catches signals during the run. Afterwards the process is about to end.
    """

    def __init__(self, outlet: Outlet):
        self._outlet = outlet

    def __enter__(self) -> None:
        self._before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        for each, handler in self._before.items():
            if handler in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(each, self._take)

    def __exit__(self, *exc: object) -> None:
        if not self._outlet.settled:
            for each, handler in self._before.items():
                signal.signal(each, handler)

    def _take(self, signum: int, frame: FrameType | None) -> None:
        if self._outlet.settled:
            self._outlet.hurry = True
            return
        signal.signal(signum, self._before[signal.Signals(signum)])
        os.kill(os.getpid(), signum)
