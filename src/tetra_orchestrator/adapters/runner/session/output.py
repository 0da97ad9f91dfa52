"""The output of a call, which a worker that runs already opens by a name: a named pipe beside the log."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from tetra_orchestrator.adapters.runner.output.pipe import Output, is_filtered, widen
from tetra_orchestrator.adapters.runner.spawn import log_failed
from tetra_orchestrator.core.facts import ENFORCED, UNSUPPORTED, Facts
from tetra_orchestrator.core.outcome import SpawnFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.ports import Launch

# What a call has started may go on writing.
_DRAIN_S = 2.0


class CallOutput(Output):
    """An output with a `path`. The end of the call, and not that of the pipe, is the end of it."""

    def __init__(self, launch: Launch) -> None:
        """Raises OSError when the pipe or the log cannot be opened."""
        folder, name = os.path.split(launch.log)
        self.path = os.path.join(folder, f".{name}.pipe")
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        os.mkfifo(self.path, 0o600)
        reading = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        # Without a writer of our own the pipe would seem to have ended before the call has begun.
        self._writing = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        widen(self._writing)
        try:
            super().__init__(reading, launch)
        except OSError:
            os.close(self._writing)
            os.unlink(self.path)
            raise

    def close(self) -> str | None:
        """Read what the call has left in the pipe, and complete the log; returns what is to be noted about it."""
        until = time.monotonic() + _DRAIN_S
        self.pump()
        while self.flows and time.monotonic() < until:
            self.pump()
        os.close(self._writing)
        os.unlink(self.path)
        return super().close()


def open_output(launch: Launch) -> CallOutput | SpawnFailed | None:
    """The call's output, or why it cannot be had; None where the worker writes the log itself."""
    if not is_filtered(launch):
        return None
    try:
        return CallOutput(launch)
    except OSError as error:
        return log_failed(error, launch.log)


def facts_of(launch: Launch, note: str | None) -> Facts:
    """How the limits of a call were kept: only its log is its own, everything else it shares with its worker."""
    asked = launch.bounds._asdict().items() if launch.bounds else ()
    keys = ["log_limit" if key == "log_bytes" else key.removesuffix("_bytes") for key, limit in asked if limit]
    limits = tuple((key, ENFORCED if key == "log_limit" else UNSUPPORTED) for key in keys if key != "folder")
    return Facts(limits=limits, note=note)
