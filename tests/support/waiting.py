"""Waiting for what another process or thread does."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil


def until(condition: Callable[[], object], within_s: float = 30.0) -> None:
    """Return as soon as the condition holds; fail where it does not within the time."""
    limit = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < limit, "it did not come to that in time"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Whether the process has ended; one that waits to be reaped has, and a worker that adopts reaps it late."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
