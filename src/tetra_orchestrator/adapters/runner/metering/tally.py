"""What is known of the use of one attempt from looks at its processes, each of which may have come and gone between."""

from __future__ import annotations

from tetra_orchestrator.adapters.runner.metering.census import proportional, transferred
from tetra_orchestrator.core.facts import Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.adapters.runner.metering.census import Row, Start

#: What it costs to learn how memory is shared, in seconds for a process and for a byte: measured, rounded up.
_EACH_S, _BYTE_S = 5e-5, 2e-11
#: It is asked again when so much more memory is in use, or so many seconds have passed.
_GROWN, _AGAIN_S = 1.05, 10.0


class Tally:
    """The sums and peaks of one attempt. `asked_at` says when, in monotonic seconds, it was last looked at deeply."""

    def __init__(self) -> None:
        self._rows: Sequence[Row] = ()
        self._own: dict[tuple[int, Start], float] = {}
        self._ended_s = 0.0
        self._cpu_s = 0.0
        self._rss = 0
        self._peak_rss: int | None = None
        self._peak_pss: int | None = None
        self.asked_at = self._asked_rss = 0.0
        self._moved: tuple[int, int] | None = None

    def add(self, rows: Sequence[Row]) -> None:
        """Take in its processes as one look found them.

        Two accounts of processor time are kept, as each misses something: what its processes took as far as anybody
        saw them, and what the living took with all whom they waited for. The higher one is nearer.
        """
        own = {(row.pid, row.start): row.own_s for row in rows}
        self._ended_s += sum(took for who, took in self._own.items() if who not in own)
        self._own, self._rows = own, rows
        alone = self._ended_s + sum(own.values())
        self._cpu_s = max(self._cpu_s, alone, sum(row.own_s + row.waited_s for row in rows))
        self._rss = sum(row.rss_bytes for row in rows)
        if rows:
            self._peak_rss = max(self._peak_rss or 0, self._rss)

    def deep_cost_s(self, now: float) -> float | None:
        """About how long `look_deep` would take; None where that would tell nothing new."""
        if self._rss <= (self._peak_pss or 0):  # no process has more memory in its part than in all
            return None
        if self._peak_pss is not None and self._rss < self._asked_rss * _GROWN and now < self.asked_at + _AGAIN_S:
            return None
        return len(self._rows) * _EACH_S + self._rss * _BYTE_S

    def look_deep(self, now: float) -> None:
        """Look at what costs more: how its memory is shared, and what it has moved from and to disks."""
        self.asked_at, self._asked_rss = now, self._rss
        shares = [proportional(row.pid, row.rss_bytes) for row in self._rows]
        if known := [share for share in shares if share is not None]:
            self._peak_pss = max(self._peak_pss or 0, sum(known))
        moved = [transferred(row.pid) for row in self._rows]
        if pairs := [pair for pair in moved if pair is not None]:
            read, written = self._moved or (0, 0)
            self._moved = max(read, sum(r for r, _ in pairs)), max(written, sum(w for _, w in pairs))

    def now(self) -> tuple[float, int] | None:
        """Processor time so far in seconds and resident bytes as last seen; None where no process was there."""
        return (self._cpu_s, self._rss) if self._rows else None

    def usage(self) -> Usage:
        """What is known by now; processor time None where no process was seen."""
        seen = self._peak_rss is not None
        return Usage(self._cpu_s if seen else None, self._peak_rss, self._peak_pss, *(self._moved or (None, None)))
