"""A log of which secrets and patterns are kept out, for output that we read ourselves."""

from __future__ import annotations

import os
from contextlib import suppress

from tetra_orchestrator.adapters.runner.output.log import Log
from tetra_orchestrator.adapters.runner.output.redaction import Redactor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class MaskedLog:
    """The file `path`, for nobody but us to read, with its folder. `limit` is that of `Log`; raises `OSError`."""

    def __init__(self, path: str, secrets: Iterable[bytes], patterns: tuple[bytes, ...], limit: int):
        folder = os.path.dirname(path)
        for each in (os.path.dirname(folder), folder):
            with suppress(FileExistsError):
                os.mkdir(each, 0o700)
        self._log = Log(path, limit)
        self._redactor = Redactor(secrets, patterns)

    def write(self, data: bytes) -> None:
        """Take `data` in."""
        self._log.write(self._redactor.feed(data))

    def close(self) -> None:
        """Write what was held back."""
        self._log.write(self._redactor.flush())
        self._log.close()
