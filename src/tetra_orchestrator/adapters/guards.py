"""The guards that `start --foreground` wakes: child processes, one for each wake of a schedule."""

from __future__ import annotations

import os
from contextlib import suppress

from tetra_orchestrator.errors import CannotWrite
from tetra_orchestrator.signals import SIGTERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Overheard:
    """What guards write to their standard error, for somebody who tells it in another form."""

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)

    def fileno(self) -> int:
        """A descriptor that becomes readable when there is something to take."""
        return self._reader

    def take(self) -> list[str]:
        """The lines since the last call; those that are indented belong to the one before."""
        texts: list[str] = []
        for line in self._read().decode(errors="replace").splitlines():
            if line.startswith(" ") and texts:
                texts[-1] += f"\n{line}"
            elif line.strip():
                texts.append(line)
        return texts

    def _read(self) -> bytes:
        read = bytearray()
        with suppress(BlockingIOError):
            while part := os.read(self._reader, 65536):
                read += part
        return bytes(read)


class GuardProcesses:
    """Starts `argv_for(schedule)` with our own output. As process 1 of a container it also buries orphans."""

    def __init__(
        self, argv_for: Callable[[str | None], Sequence[str]], cwd: str, overheard: Overheard | None = None
    ) -> None:
        self._argv_for = argv_for
        self._cwd = cwd
        self._overheard = overheard
        self._children: dict[int, str | None] = {}

    def start(self, name: str | None) -> None:
        """Start the guard of the schedule; None: the one that settles all of them. Raises `CannotWrite`."""
        argv = self._argv_for(name)
        try:
            os.chdir(self._cwd)
            pid = os.posix_spawn(argv[0], list(argv), os.environ, file_actions=self._streams())
        except OSError as error:
            message = f"cannot start {argv[0]} in {self._cwd}: {error.strerror}"
            raise CannotWrite(message, hint="see that both are there") from error
        self._children[pid] = name

    def _streams(self) -> list[tuple[int, int, int]]:
        return [(os.POSIX_SPAWN_DUP2, self._overheard.writer, 2)] if self._overheard else []

    def descriptors(self) -> list[int]:
        """What becomes readable when a guard has said something that is told in another form."""
        return [self._overheard.fileno()] if self._overheard else []

    def said(self) -> list[str]:
        """What that is, since the last call."""
        return self._overheard.take() if self._overheard else []

    def ended(self) -> list[str | None]:
        """The schedules of the guards that have ended since the last call."""
        found: list[str | None] = []
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return found
            if pid == 0:
                return found
            if pid in self._children:
                found.append(self._children.pop(pid))

    def running(self, name: str | None = None) -> bool:
        """Whether the guard of the schedule runs; without one, whether any does."""
        return bool(self._children) if name is None else name in self._children.values()

    def stop(self) -> None:
        """Send TERM to every guard; each ends its runs gracefully."""
        for pid in self._children:
            os.kill(pid, SIGTERM)
