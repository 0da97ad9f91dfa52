"""The system clock and its wait."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta

import pytest

from tetra_orchestrator.adapters.clock import SystemClock


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_now_is_aware_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_wait_returns_at_once_when_a_descriptor_is_readable(pipe) -> None:
    os.write(pipe[1], b"x")
    assert SystemClock().wait([pipe[0]], 5.0) is True
    assert SystemClock().wait([pipe[0]], None) is True


def test_wait_returns_false_after_its_time_and_never_early(pipe) -> None:
    clock = SystemClock()
    for timeout_s in (0.0, -1.0, 0.0004, 0.03):
        began = clock.monotonic()
        assert clock.wait([pipe[0]], timeout_s) is False
        assert clock.monotonic() - began >= timeout_s


def test_wait_accepts_a_time_beyond_what_poll_can_count(pipe) -> None:
    os.write(pipe[1], b"x")
    assert SystemClock().wait([pipe[0]], 1e12) is True


def test_a_signal_does_not_cut_a_wait_short(pipe) -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        began = time.monotonic()
        assert SystemClock().wait([pipe[0]], 0.1) is False
        assert time.monotonic() - began >= 0.1
    finally:
        signal.signal(signal.SIGALRM, before)
