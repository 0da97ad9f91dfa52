"""Standard output that never blocks a run: what its reader does not take waits in a buffer, and then is left out.

A descriptor that other programs share must not become non-blocking: that is a property of the open file, theirs as
well as ours. So a pipe or terminal is opened once more where that can be done, and that one is made non-blocking;
elsewhere poll(2) is asked first, and no write is larger than PIPE_BUF, which then fits (pipe(7)).
"""

from __future__ import annotations

import os
import select
from stat import S_ISFIFO
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes that wait for a slow reader before anything is left out.
LIMIT = 8_000_000
#: At the end, seconds after which a reader that takes nothing is given up.
PATIENCE_S = 2.0
_STEP_MS = 20


def _lines_left_out(lines: int) -> str:
    return f"... {lines} lines are left out here, because nobody read them in time\n"


class Outlet:
    """A text stream to the descriptor `fd`, which stays open. Nothing here raises: `fault` says what went wrong.

    `gap(lines)` is the text that is shown in the place of so many lines that were left out. Text is left out by whole
    writes, from when the buffer is full until half of it is free again. `settled` says that the run is over, `hurry`
    that its reader is not to be waited for, `disturbed` that others have written to the same terminal.
    """

    def __init__(self, fd: int, *, encoding: str = "utf-8", limit: int = LIMIT, patience_s: float = PATIENCE_S):
        self.encoding = encoding
        self.gap: Callable[[int], str] = _lines_left_out
        self.left_out = 0
        self.fault: OSError | None = None
        self.settled = self.hurry = self.disturbed = False
        self._limit = limit
        self._patience_s = patience_s
        self._waiting = bytearray()
        self._given = fd
        self._own = _opened_again(fd)
        self._fd = fd if self._own is None else self._own
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLOUT)

    def __enter__(self) -> Outlet:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def behind(self) -> bool:
        """True while the reader has not taken everything."""
        return bool(self._waiting)

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._given)

    def fileno(self) -> int:
        """The descriptor that was given."""
        return self._given

    def write(self, text: str) -> int:
        """Take the text, or leave all of it out (0) where the reader is too far behind."""
        room = self._limit // 2 if self.left_out else self._limit
        data = self._encoded(text)
        if self.fault or len(self._waiting) + len(data) > room:
            self.left_out += text.count("\n")
            return 0
        self._close_gap()
        self._waiting += data
        return len(text)

    def flush(self) -> None:
        """Hand on what the reader takes at once: all of it, or in whole lines where they are not too long."""
        while self._waiting:
            most = select.PIPE_BUF
            end = self._waiting.rfind(b"\n", 0, most) + 1 if len(self._waiting) > most else most
            taken = self._send(self._waiting[: end or most])
            if not taken:
                return
            del self._waiting[:taken]

    def close(self) -> None:
        """Hand on the rest for as long as the reader goes on reading and nobody is in a hurry."""
        self._drain()
        if not self._waiting:
            self._close_gap()
            self._drain()
        self.left_out += self._waiting.count(b"\n")
        self._waiting.clear()
        if self._own is not None:
            os.close(self._own)
            self._own, self._fd = None, self._given

    def _drain(self) -> None:
        seen, until = None, monotonic() + self._patience_s
        self.flush()
        while self._waiting and not self.hurry and monotonic() < until:
            self._poll.poll(_STEP_MS)
            self.flush()
            left = len(self._waiting), self._unread()
            if left != seen:
                seen, until = left, monotonic() + self._patience_s

    def _unread(self) -> int | None:
        """Bytes that the reader of a pipe has not taken yet; it takes many before there is room for more."""
        import fcntl
        import termios

        try:
            return int.from_bytes(fcntl.ioctl(self._fd, termios.FIONREAD, bytes(4)), "little")
        except OSError:
            return None

    def _close_gap(self) -> None:
        if self.left_out and not self.fault:
            self._waiting += self._encoded(self.gap(self.left_out))
            self.left_out = 0

    def _encoded(self, text: str) -> bytes:
        return text.encode(self.encoding, "backslashreplace")

    def _send(self, data: bytearray) -> int:
        try:
            if self._own is None and not self._poll.poll(0):
                return 0
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self.fault = error
            self.left_out += self._waiting.count(b"\n")
            self._waiting.clear()
            return 0


def _opened_again(fd: int) -> int | None:
    """A pipe or terminal once more, non-blocking for us alone; None for other files and where it cannot be had."""
    paths = [f"/proc/self/fd/{fd}"]
    try:
        if os.isatty(fd):
            paths.append(os.ttyname(fd))
        elif not S_ISFIFO(os.fstat(fd).st_mode):
            return None
    except OSError:
        pass  # a terminal without a name
    for path in paths:
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            continue
    return None
