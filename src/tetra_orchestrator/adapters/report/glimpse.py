"""What running attempts are doing: the last line of each log, and what the latest looks have found that they take."""

from __future__ import annotations

import os
import re

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.samples import FILE, samples

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.samples import Sample
    from tetra_orchestrator.ports import Subject

#: Bytes of the file with the samples that are read at a time: far more than one look adds.
CHUNK = 1 << 16
#: What a log has to drive a terminal, as it is spelled where that is made harmless.
_CONTROLS = re.compile(r"\\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\\]*(?:\\x07|\\x1b\\)|.)")
_RETURN = "\\x0d"


class Glimpse(Record):
    """`cpu` is the share of one processor since the look before; None, as `rss_bytes`, before there were two."""

    line: str
    cpu: float | None
    rss_bytes: int | None


class Window:
    """Looks at the attempts of one run; what cannot be read is not there."""

    def __init__(self, subject: Subject):
        self._subject = subject
        self._read = 0
        self._last: dict[tuple[str, int], Sample] = {}
        self._share: dict[tuple[str, int], float] = {}

    def look(self) -> None:
        """Take in what has been added to the samples since."""
        for sample in self._new():
            key = sample.task, sample.attempt
            before = self._last.get(key)
            if before and (passed := (sample.at - before.at).total_seconds()) > 0:
                self._share[key] = max(sample.cpu_s - before.cpu_s, 0.0) / passed
            self._last[key] = sample

    def glimpse(self, task: str, attempt: int) -> Glimpse:
        """What the attempt is doing now."""
        key = task, attempt
        sample = self._last.get(key)
        text = last_line(self._subject.tail_of(self._subject.log_of(task, attempt)))
        return Glimpse(text, self._share.get(key), sample.rss_bytes if sample else None)

    def _new(self) -> list[Sample]:
        path = os.path.join(os.path.dirname(self._subject.log_of("", 1)), FILE)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return []
        try:
            end = os.fstat(fd).st_size
            begin = self._read if self._read <= end else 0  # it has been thinned
            begin = max(begin, end - CHUNK)
            data = os.pread(fd, end - begin, begin)
        except OSError:
            return []
        finally:
            os.close(fd)
        whole = data[: data.rfind(b"\n") + 1]
        self._read = begin + len(whole)
        return samples(whole.decode(errors="replace").splitlines())


def last_line(text: str) -> str:
    """The last line of a log that is not empty."""
    for line in reversed(text.splitlines()):
        if shown := " ".join(final(line).split()):
            return shown
    return ""


def final(line: str) -> str:
    """A line of a log without what drives a terminal; of one that is drawn over itself, as bars are, the last state."""
    parts = [part for part in _CONTROLS.sub("", line).split(_RETURN) if part.strip()]
    return parts[-1].rstrip() if parts else ""
