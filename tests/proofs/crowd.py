"""Processes that wait together and then all act at once, and what each of them said.

They are forked, so that whatever is imported here is imported there. Linux only: pidfd_open(2) and memfd_create(2).
"""

from __future__ import annotations

import ctypes
import gc
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

PR_SET_PDEATHSIG = 1


class Ended(NamedTuple):
    """A process that has ended: its exit code, or minus the signal; seconds from the common start until we noticed."""

    pid: int
    code: int
    seconds: float
    out: str
    err: str


class Crowd:
    """Children that stand in `folder` with `environ` and nothing else, and call `act` when `release` is called.

    `act` returns the exit code. The time of an end is taken here, after we had a turn on the processor ourselves, so
    it is never too short.
    """

    def __init__(self, count: int, folder: Path, environ: Mapping[str, str], act: Callable[[], int]):
        self._folder, self._environ, self._act = folder, environ, act
        self._streams: dict[int, tuple[int, int]] = {}
        self._exits = selectors.DefaultSelector()
        self._count = count
        ready, self._ready = os.pipe()
        self._barrier, self._release = os.pipe()
        for _ in range(count):
            self._fork()
        waiting = 0
        while waiting < count:
            waiting += len(os.read(ready, count))
        os.close(ready)
        os.close(self._ready)

    @property
    def pids(self) -> tuple[int, ...]:
        """Those that have not been seen to end."""
        return tuple(self._streams)

    def release(self) -> None:
        """Let them all go; their times count from here."""
        self._released = time.monotonic()
        os.write(self._release, b"." * self._count)  # one for each
        os.close(self._release)
        os.close(self._barrier)

    def ended(self, within_s: float) -> Iterator[Ended]:
        """Those that have ended, as soon as one of them has; none when the time is over."""
        for key, _ in self._exits.select(within_s):
            yield self._reap(key.fd, key.data)

    def signal(self, number: int) -> None:
        """Send it to all that are left."""
        for pid in self.pids:
            os.kill(pid, number)

    def _fork(self) -> None:
        streams = os.memfd_create("out"), os.memfd_create("err")
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                _settle(self._folder, self._environ, streams)
                os.write(self._ready, b".")
                os.read(self._barrier, 1)
                code = self._act()
                sys.stdout.flush()
            finally:
                os._exit(code)
        self._streams[pid] = streams
        self._exits.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)

    def _reap(self, pidfd: int, pid: int) -> Ended:
        _, status = os.waitpid(pid, 0)
        seconds = time.monotonic() - self._released
        self._exits.unregister(pidfd)
        os.close(pidfd)
        out, err = map(_content, self._streams.pop(pid))
        return Ended(pid, os.waitstatus_to_exitcode(status), seconds, out, err)


def _settle(folder: Path, environ: Mapping[str, str], streams: tuple[int, int]) -> None:
    """Be as a process that a shell has started: our own streams, environment and folder."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # nobody else would end us
    gc.disable()  # as the command does for itself
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream, number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - until the end of the process
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)


def _content(descriptor: int) -> str:
    try:
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode()
    finally:
        os.close(descriptor)
