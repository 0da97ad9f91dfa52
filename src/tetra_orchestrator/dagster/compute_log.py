"""What a task prints, copied to our standard output while it runs: Dagster keeps that as the log of the step."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

#: So many bytes of it are copied; all of it is in the attempt's own log.
MOST = 1 << 20


class Copied:
    """Copies what is in the log so far with each call of `copy`, and once more at the end."""

    def __init__(self) -> None:
        self._path: str | None = None
        self._file: IO[bytes] | None = None
        self._left = MOST

    def __enter__(self) -> Copied:
        return self

    def __exit__(self, *_: object) -> None:
        self.copy()
        if self._file is not None:
            self._file.close()

    def follow(self, path: str | None) -> None:
        """Copy the log at that path from now on."""
        self._path = self._path or path

    def copy(self) -> None:
        """Copy what has come since the last time."""
        if self._file is None and self._path is not None and os.path.exists(self._path):
            self._file = open(self._path, "rb")  # noqa: SIM115 - closed at the end
        if self._file is None or self._left <= 0:
            return
        piece = self._file.read(self._left)
        self._left -= len(piece)
        sys.stdout.write(piece.decode(errors="replace"))
        if self._left <= 0:
            sys.stdout.write(f"\n... the rest is in {self._path}\n")
        sys.stdout.flush()
