"""An attempt's output on its way through us: read from a pipe, masked, and written to a log of bounded size."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

from tetra_orchestrator.adapters.runner.output.log import Log
from tetra_orchestrator.adapters.runner.output.redaction import LONGEST_LINE, Redactor
from tetra_orchestrator.adapters.runner.spawn import pipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.ports import Launch

_CHUNK = 1 << 18
# A pattern may take seconds for a long line, and nothing can interrupt it: less at a time.
_CHUNK_MATCHED = LONGEST_LINE
# No further chunk after so many seconds: other attempts, signals and deadlines wait meanwhile.
_TURN_S = 0.03
#: Fewer switches between us and a process that writes much.
_PIPE_BYTES = 1 << 20


def is_filtered(launch: Launch) -> bool:
    """Whether the output of the launch has to pass through us; otherwise the log is the process's own descriptor."""
    return bool(launch.redact or launch.patterns or (launch.bounds and launch.bounds.log_bytes))


class Output:
    """The reading end of a pipe, and where it leads. The processes that have the other end are never held up for long.

    `reading` is not blocking. `flows` is whether anything came when we last looked, `ended` whether nobody can write to
    it any more.
    """

    def __init__(self, reading: int, launch: Launch) -> None:
        """Raises OSError, and closes `reading`, when the log cannot be opened."""
        self.reading = reading
        try:
            self._log = Log(launch.log, launch.bounds.log_bytes if launch.bounds else 0)
        except OSError:
            os.close(reading)
            raise
        masks = launch.redact or launch.patterns
        self._redactor = Redactor(launch.redact, launch.patterns) if masks else None
        self._chunk = _CHUNK_MATCHED if launch.patterns else _CHUNK
        self.flows = False
        self.ended = False

    def pump(self) -> bool:
        """Pass on what has come; True when this was the last of it."""
        self.flows = False
        until = time.monotonic() + _TURN_S
        while not self.ended and (not self.flows or time.monotonic() < until):
            try:
                data = os.read(self.reading, self._chunk)
            except BlockingIOError:
                return False
            if not data:
                self.ended = True
                return True
            self.flows = True
            self._log.write(self._redactor.feed(data) if self._redactor else data)
        return False

    def close(self) -> str | None:
        """Read no more and complete the log; returns what is to be noted about it."""
        if self._redactor:
            self._log.write(self._redactor.flush())
        os.close(self.reading)
        self._log.close()
        return self._log.note


def output_pipe() -> tuple[int, int]:
    """A pipe with a reading end that does not block, and as much room as may be had. OSError as `pipe`."""
    reading, writing = pipe()
    os.set_blocking(reading, False)
    widen(writing)
    return reading, writing


def widen(writing: int) -> None:
    """Give a pipe more room, where the kernel lets us."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # of a user who has many pipes; it works with less
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
