"""Log files that several processes write at the same time: each line is one write to the end of the file."""

from __future__ import annotations

import os
import time
from contextlib import suppress

#: In a file's name: whose lines it holds.
TENANT = "{tenant}"
#: What stands there for lines that are nobody's, or several tenants'.
SHARED = "shared"
#: Seconds within which somebody else has finished a line that he is just writing: its pages appear one by one.
SETTLE_S = 0.05
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class AppendedFile:
    """The file `path`, which is made with its folder, for nobody but us to read.

    With `{tenant}` in it there is one file for each owner. What goes wrong is raised as `OSError`. A file is opened
    once and kept, so one that is renamed meanwhile goes on being written by this run.
    """

    def __init__(self, path: str):
        self._path = path
        self._files: dict[str, int] = {}
        if TENANT not in path:
            self._file(path)

    def write(self, line: str, tenant: str | None) -> None:
        """Append the line at once."""
        data, fd = line.encode(), self._file(self._path.replace(TENANT, tenant or SHARED))
        while data:
            data = data[os.write(fd, data) :]

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Close all of it."""
        while self._files:
            os.close(self._files.popitem()[1])

    def _file(self, path: str) -> int:
        if path not in self._files:
            with suppress(FileExistsError):  # by something else: what that is says the error of opening it
                os.makedirs(os.path.dirname(path), mode=0o700)
            fd = self._files[path] = os.open(path, _FLAGS, 0o600)
            _end_cut_line(fd)
        return self._files[path]


def _end_cut_line(fd: int) -> None:
    """What a full disk has cut short gets an end, so that the next line is one of its own."""
    cut = _cut_at(fd)
    if cut:
        time.sleep(SETTLE_S)
        if _cut_at(fd) == cut:
            os.write(fd, b"\n")


def _cut_at(fd: int) -> int:
    """The size of the file where it ends within a line, else 0."""
    size = os.fstat(fd).st_size
    return size if size and os.pread(fd, 1, size - 1) != b"\n" else 0
