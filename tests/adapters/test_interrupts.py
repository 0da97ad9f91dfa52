"""Signals as values."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tetra_orchestrator.adapters.clock import SystemClock
from tetra_orchestrator.adapters.interrupts import SignalInterrupts


def send(*signals: int) -> None:
    for each in signals:
        os.kill(os.getpid(), each)


@pytest.fixture
def hearing() -> Iterator[None]:
    """HUP as it is on a terminal; under nohup(1) it is ignored, also by us."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hearing")
def test_signals_are_taken_once_in_the_order_in_which_they_came() -> None:
    with SignalInterrupts() as interrupts:
        assert interrupts.take() == []
        send(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGINT)
        assert interrupts.take() == [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGINT]
        assert interrupts.take() == []


def test_a_signal_wakes_the_clock() -> None:
    with SignalInterrupts() as interrupts:
        send(signal.SIGINT)
        assert SystemClock().wait([interrupts.fileno()], 5.0)
        interrupts.take()
        assert not SystemClock().wait([interrupts.fileno()], 0.0)


def test_an_ended_child_wakes_but_is_no_interrupt() -> None:
    with SignalInterrupts() as interrupts:
        send(signal.SIGCHLD)
        assert SystemClock().wait([interrupts.fileno()], 5.0)
        assert interrupts.take() == []


def test_children_wake_nobody_where_a_pidfd_does() -> None:
    with SignalInterrupts(children=False) as interrupts:
        send(signal.SIGCHLD)
        assert not SystemClock().wait([interrupts.fileno()], 0.0)


def test_more_signals_than_the_pipe_holds_neither_block_nor_raise() -> None:
    with SignalInterrupts() as interrupts:
        send(*[signal.SIGTERM] * 70_000)
        assert set(interrupts.take()) == {signal.SIGTERM}


def test_everything_is_as_before_afterwards() -> None:
    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
    before = [signal.getsignal(each) for each in watched], signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with SignalInterrupts():
        pass
    assert ([signal.getsignal(each) for each in watched], signal.pthread_sigmask(signal.SIG_BLOCK, ())) == before
    assert signal.set_wakeup_fd(-1) == -1


@pytest.fixture
def nohup():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("nohup")
def test_under_nohup_a_hangup_stays_ignored() -> None:
    with SignalInterrupts() as interrupts:
        send(signal.SIGHUP)
        assert interrupts.take() == []


@pytest.mark.parametrize("children", [True, False])
def test_fault_113_an_ignored_chld_is_undone(children: bool) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with SignalInterrupts(children=children):
            assert signal.getsignal(signal.SIGCHLD) is not signal.SIG_IGN
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_fault_114_inherited_blocked_signals_are_unblocked_and_blocked_again() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        with SignalInterrupts() as interrupts:
            send(signal.SIGTERM)
            assert interrupts.take() == [signal.SIGTERM]
        assert signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
