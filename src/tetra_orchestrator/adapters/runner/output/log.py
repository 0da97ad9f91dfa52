"""Writing a log of which only the beginning and the end are kept."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 16
#: Room for the line between the two halves.
_BETWEEN = 64


class Log:
    """A log that takes everything, and never fails once it is open: `note` says what became of the rest.

    With a `limit` (bytes; 0 is none) the first half is written as it comes. Of what follows, the last half is kept in
    an unnamed file in the same folder, and put behind a line that counts what was left out when the log is closed.
    """

    def __init__(self, path: str, limit: int = 0) -> None:
        """Raises OSError when the file cannot be opened."""
        self._fd = os.open(path, _FLAGS, 0o600)
        self._folder = os.path.dirname(path)
        self._limited = limit > 0
        self._head = limit // 2
        self._tail_bytes = max(limit - self._head - _BETWEEN, 0)
        self._tail: Ring | None = None
        self._last = b"\n"
        self._lost = 0
        self._error = ""
        self.left_out = 0

    def write(self, data: bytes) -> None:
        """Take `data` in."""
        if self._limited:
            head, data = data[: self._head], data[self._head :]
            self._head -= len(head)
            self._last = head[-1:] or self._last
            self._append(head)
            if data:
                self._keep(data)
        else:
            self._append(data)

    def close(self) -> None:
        """Write what was kept of the end."""
        if self._tail is not None:
            self.left_out = self._tail.written - self._tail.kept
            if self.left_out:
                newline = b"" if self._last == b"\n" else b"\n"
                self._append(newline + b"... %d bytes left out ...\n" % self.left_out)
            for chunk in self._tail.chunks():
                self._append(chunk)
            self._tail.close()
            self._tail = None
        os.close(self._fd)

    @property
    def note(self) -> str | None:
        """What a reader of the log should know; None when all of it is there."""
        notes = [f"{self.left_out} bytes of output were left out of the log"] if self.left_out else []
        if self._lost:
            notes.append(f"{self._lost} bytes of output could not be written to the log: {self._error}")
        return "; ".join(notes) or None

    def _keep(self, data: bytes) -> None:
        try:
            if self._tail is None:
                self._tail = Ring(self._folder, self._tail_bytes)
            self._tail.write(data)
        except OSError as error:
            self._lose(len(data), error)

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            self._lose(len(view), error)

    def _lose(self, count: int, error: OSError) -> None:
        self._lost += count
        self._error = error.strerror or "unknown error"


class Ring:
    """The last `size` bytes of what is written, on disk."""

    def __init__(self, folder: str, size: int) -> None:
        """Raises OSError when the folder takes no new file."""
        path = os.path.join(folder, f".tail.{os.getpid()}.{os.urandom(4).hex()}")
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.unlink(path)
        self._size = size
        self.written = 0

    @property
    def kept(self) -> int:
        """How many bytes are there to be read."""
        return min(self.written, self._size)

    def write(self, data: bytes) -> None:
        """Take `data` in. Raises OSError on a full disk, and then holds what it held."""
        view = memoryview(data)[-self._size :] if self._size else memoryview(b"")
        at = self.written + len(data) - len(view)
        while view:
            place = at % self._size
            done = os.pwrite(self._fd, view[: self._size - place], place)
            view, at = view[done:], at + done
        self.written += len(data)

    def chunks(self) -> Iterator[bytes]:
        """What is kept, in the order in which it came."""
        at = self.written - self.kept
        while at < self.written:
            place = at % self._size
            chunk = os.pread(self._fd, min(_CHUNK, self._size - place, self.written - at), place)
            if not chunk:
                return
            yield chunk
            at += len(chunk)

    def close(self) -> None:
        """Give the room on disk back."""
        os.close(self._fd)
