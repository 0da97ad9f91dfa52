"""Keeps what the looks at a run's attempts have found in a file beside their logs.

Nothing about it is waited for or told: a run goes on as well without it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime

from tetra_orchestrator.core.samples import FILE, Sample, line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tetra_orchestrator.ports import Launch

#: Bytes of the file beyond which only every second look of it is kept, and from then on half as many are added.
LIMIT = 5_000_000
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class SampleFile:
    """The file of one run. Every look that is not left out is written at once; what fails is not tried again."""

    def __init__(self, limit: int = LIMIT, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._limit = limit
        self._now = now
        self._every = 1
        self._looks = 0

    def add(self, found: Iterable[tuple[Launch, tuple[float, int] | None]]) -> None:
        """Write a line for each attempt of which something is known: processor seconds so far, resident bytes."""
        self._looks += 1
        if self._looks % self._every:
            return
        now, folder, lines = self._now(), "", []
        for launch, figures in found:
            task = launch.env.get("TETRA_TASK")  # the worker of a session has none: it is no attempt
            if task and figures:
                folder = os.path.dirname(launch.log)
                lines.append(line(Sample(now, task, int(launch.env["TETRA_ATTEMPT"]), *figures)))
        if lines:
            with suppress(OSError):
                self._write(os.path.join(folder, FILE), "".join(lines).encode())

    def _write(self, path: str, data: bytes) -> None:
        fd = os.open(path, _FLAGS, 0o600)
        try:
            size = os.fstat(fd).st_size
            if os.write(fd, data) < len(data):
                os.ftruncate(fd, size)  # a full disk has cut a line
        finally:
            os.close(fd)
        if size + len(data) > self._limit:
            self._every *= 2
            _thin(path)


def _thin(path: str) -> None:
    """Leave out every second look; the last one stays."""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = file.readlines()
    looks = list(dict.fromkeys(map(_when, lines)))
    kept = set(looks[::-2])
    draft = f"{path}.new"
    try:
        with open(draft, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.writelines(each for each in lines if _when(each) in kept)
        os.replace(draft, path)
    except OSError:
        os.unlink(draft)
        raise


def _when(text: str) -> str:
    """The beginning of a line, which is the time of the look."""
    return text.partition(",")[0]
