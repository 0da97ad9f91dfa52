"""The system's clock, and waiting for descriptors on it."""

from __future__ import annotations

import select
import time
from datetime import UTC, datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

# poll(2) counts milliseconds in an int; whoever waits longer looks again.
_LONGEST_S = 1_000_000.0
# clock_gettime(2) on Linux; what macOS calls CLOCK_MONOTONIC goes on during sleep, other than time.monotonic() there.
_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The `Clock` of a real run."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never jump; they stand still while the machine sleeps."""
        return time.monotonic()

    def elapsed(self) -> float:
        """Seconds that never jump and go on while the machine sleeps."""
        return time.clock_gettime(_BOOTTIME)

    def wait(self, fds: Collection[int], timeout_s: float | None) -> bool:
        """Wait for one of `fds` to become readable (True) or for `timeout_s` seconds to pass (False).

        None waits without limit. A signal whose handler returns does not end the wait: PEP 475.
        """
        poll = select.poll()
        for fd in fds:
            poll.register(fd, select.POLLIN)
        return bool(poll.poll(None if timeout_s is None else min(max(timeout_s, 0.0), _LONGEST_S) * 1000))
