"""What the two waiters promise beyond the runner's contract."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from tetra_orchestrator.adapters.runner.waiters import LOOK_S, PortableWaiter, choose_waiter, reap
from tetra_orchestrator.core.outcome import Exited, Lost

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs pidfd")


def spawn(*argv: str) -> int:
    return os.posix_spawnp(argv[0], argv, os.environ)


def collect(waiter):
    limit = time.monotonic() + 3
    while not (ended := waiter.ended()):
        assert time.monotonic() < limit
        time.sleep(0.002)
    return ended


def test_a_waiter_is_chosen_by_name() -> None:
    assert isinstance(choose_waiter("portable"), PortableWaiter)
    assert choose_waiter("portable").fd is None
    with pytest.raises(ValueError, match="no waiter is called 'poll'"):
        choose_waiter("poll")


@linux
def test_linux_waits_by_descriptor() -> None:
    assert choose_waiter().fd is not None


def test_without_a_handler_for_chld_the_portable_waiter_asks_to_look_again() -> None:
    waiter = PortableWaiter()
    before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        assert waiter.within_s is None
        waiter.watch(spawn("true"))
        assert waiter.within_s == LOOK_S
        signal.signal(signal.SIGCHLD, lambda *_: None)
        assert waiter.within_s is None
    finally:
        signal.signal(signal.SIGCHLD, before)
    collect(waiter)


@linux
def test_fault_42_without_a_free_descriptor_a_child_is_watched_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    waiter = choose_waiter("pidfd")

    def exhausted(pid: int, flags: int = 0) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pidfd_open", exhausted)
    pid = spawn("false")
    waiter.watch(pid)
    assert waiter.within_s == LOOK_S
    assert [end[:2] for end in collect(waiter)] == [(pid, Exited(1))]
    waiter.close()


@linux
def test_where_pidfd_is_forbidden_the_portable_waiter_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(pid: int, flags: int = 0) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "pidfd_open", forbidden)
    assert choose_waiter().fd is None


def test_a_status_that_somebody_else_has_collected_is_lost() -> None:
    pid = spawn("true")
    os.waitpid(pid, 0)
    assert isinstance(reap(pid), tuple)
    assert isinstance(reap(pid)[0], Lost)


@linux
def test_closing_leaks_no_descriptor() -> None:
    before = len(os.listdir("/dev/fd"))
    waiter = choose_waiter("pidfd")
    pids = [spawn("sleep", "60") for _ in range(3)]
    for pid in pids:
        waiter.watch(pid)
    waiter.close()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert len(os.listdir("/dev/fd")) == before
