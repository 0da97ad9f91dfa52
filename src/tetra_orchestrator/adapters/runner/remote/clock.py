"""Seconds that never jump, and go on while the machine sleeps."""

from __future__ import annotations

import time

# Where there is no such clock (macOS), the monotonic one goes on.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds since some moment."""
    return time.clock_gettime(_CLOCK)
