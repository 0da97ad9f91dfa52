"""The guards that `start --foreground` wakes: child processes, one for each wake of a schedule."""

from __future__ import annotations

import os

from tetra_orchestrator.errors import CannotWrite
from tetra_orchestrator.signals import SIGTERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class GuardProcesses:
    """Starts `argv_for(schedule)` with our own output. As process 1 of a container it also buries orphans."""

    def __init__(self, argv_for: Callable[[str | None], Sequence[str]], cwd: str) -> None:
        self._argv_for = argv_for
        self._cwd = cwd
        self._children: dict[int, str | None] = {}

    def start(self, name: str | None) -> None:
        """Start the guard of the schedule; None: the one that settles all of them. Raises `CannotWrite`."""
        argv = self._argv_for(name)
        try:
            os.chdir(self._cwd)
            pid = os.posix_spawn(argv[0], list(argv), os.environ)
        except OSError as error:
            message = f"cannot start {argv[0]} in {self._cwd}: {error.strerror}"
            raise CannotWrite(message, hint="see that both are there") from error
        self._children[pid] = name

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
