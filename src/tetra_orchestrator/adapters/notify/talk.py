"""What is said between us and the process that sends: nothing of it can make us wait longer than we want to."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

#: So long the process has to end its commands and itself when it is told to.
_GRACE_S = 0.2
_CHUNK, _TAIL = 65536, 4096


class Talk:
    """Writes the request to the process and reads its lines. `complaint` is the end of what it said on its stderr."""

    def __init__(self, child: subprocess.Popen[bytes], request: bytes) -> None:
        self._child = child
        self._request = memoryview(request)
        self._said = b""
        self.complaint = b""
        self._selector = selectors.DefaultSelector()
        for pipe, event in (
            (child.stdin, selectors.EVENT_WRITE),
            (child.stdout, selectors.EVENT_READ),
            (child.stderr, selectors.EVENT_READ),
        ):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, event)

    def lines(self, until: float) -> Iterator[bytes]:
        """Its lines, until it has closed both its outputs or the monotonic clock says `until`."""
        while len(self._selector.get_map()):
            ready = self._selector.select(max(until - time.monotonic(), 0.0))
            for key, event in ready:
                self._move(key.fileobj, event)  # type: ignore[arg-type]
            *lines, self._said = self._said.split(b"\n")
            yield from lines
            if time.monotonic() >= until:
                return

    def _move(self, pipe: IO[bytes], event: int) -> None:
        if event & selectors.EVENT_WRITE:
            self._write(pipe)
            return
        data = os.read(pipe.fileno(), _CHUNK)
        if not data:
            self._close(pipe)
        elif pipe is self._child.stdout:
            self._said += data
        else:
            self.complaint = (self.complaint + data)[-_TAIL:]

    def _write(self, pipe: IO[bytes]) -> None:
        try:
            self._request = self._request[os.write(pipe.fileno(), self._request[:_CHUNK]) :]
        except BrokenPipeError:
            self._request = self._request[:0]
        if not len(self._request):
            self._close(pipe)

    def _close(self, pipe: IO[bytes]) -> None:
        self._selector.unregister(pipe)
        pipe.close()

    def end(self) -> None:
        """End the process and what it has started, and let go of it."""
        with suppress(ProcessLookupError):
            self._child.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_GRACE_S)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(1.0)
        for key in tuple(self._selector.get_map().values()):
            self._close(key.fileobj)  # type: ignore[arg-type]
        self._selector.close()
