"""Several processes of the same command, side by side, with our own output."""

from __future__ import annotations

import os

from tetra_orchestrator.errors import CannotWrite
from tetra_orchestrator.signals import SIGTERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class CrewProcesses:
    """Starts `argv` a number of times, in the folder in which we are. See `engine.backfill.Crew`."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = list(argv)
        self._pids: set[int] = set()

    def start(self, number: int) -> None:
        """Start so many. Raises `CannotWrite` where one cannot be."""
        for _ in range(number):
            try:
                self._pids.add(os.posix_spawn(self._argv[0], self._argv, os.environ))
            except OSError as error:
                self.stop()
                message = f"cannot start {self._argv[0]}: {error.strerror}"
                raise CannotWrite(message, hint="see that it is there") from error

    def ended(self) -> list[int]:
        """The exit codes of those that have ended since the last call, negative for a signal's number."""
        codes = []
        for pid in list(self._pids):
            gone, status = os.waitpid(pid, os.WNOHANG)
            if gone:
                self._pids.remove(pid)
                codes.append(os.waitstatus_to_exitcode(status))
        return codes

    def running(self) -> bool:
        """Whether any is left."""
        return bool(self._pids)

    def stop(self) -> None:
        """Send TERM to each; it ends its run gracefully."""
        for pid in self._pids:
            os.kill(pid, SIGTERM)
