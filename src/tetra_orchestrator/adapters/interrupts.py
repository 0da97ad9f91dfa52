"""Signals sent to us, turned into values that the loop takes when it is ready."""

from __future__ import annotations

import os

from tetra_orchestrator import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


#: What is written there, too, and asks for nothing.
_OTHERS = (signals.SIGCHLD, signals.SIGCONT)


def _note(signum: int, frame: FrameType | None) -> None:
    """Nothing: the interpreter has written the number to the wakeup descriptor."""


def has_terminal() -> bool:
    """Whether this process belongs to a terminal, be its streams what they may."""
    try:
        os.close(os.open(os.ctermid(), os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class SignalInterrupts:
    """Catches INT, TERM and HUP between `__enter__` and `__exit__`. Use it in the main thread.

    `children` also catches CHLD, which wakes a wait on `fileno` but is not an interrupt; runners without pidfd need
    it. HUP stays ignored under nohup(1). What a careless parent left us is undone: blocked signals, and an ignored
    CHLD, with which nobody could be waited for.
    """

    def __init__(self, *, children: bool = True) -> None:
        self._children = children

    def __enter__(self) -> SignalInterrupts:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._wakeup = signals.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._handlers = {each: signals.signal(each, _note) for each in self._caught()}
        if not self._children:
            self._handlers[signals.SIGCHLD] = signals.signal(signals.SIGCHLD, signals.SIG_DFL)
        self._mask = signals.pthread_sigmask(signals.SIG_SETMASK, ())
        return self

    def _caught(self) -> list[int]:
        caught: list[int] = [signals.SIGINT, signals.SIGTERM]
        if signals.getsignal(signals.SIGHUP) is not signals.SIG_IGN:
            caught.append(signals.SIGHUP)
        return [*caught, signals.SIGCHLD] if self._children else caught

    def __exit__(self, *exc: object) -> None:
        for signum, handler in self._handlers.items():
            # None stands for a handler that was not set from Python and cannot be set again.
            signals.signal(signum, signals.SIG_DFL if handler is None else handler)
        signals.set_wakeup_fd(self._wakeup)
        signals.pthread_sigmask(signals.SIG_SETMASK, self._mask)
        os.close(self._reader)
        os.close(self._writer)

    def fileno(self) -> int:
        """A descriptor that becomes readable when a signal has arrived."""
        return self._reader

    def take(self) -> list[int]:
        """Numbers of the signals since the last call, oldest first, without CHLD and CONT."""
        taken: list[int] = []
        while True:
            try:
                data = os.read(self._reader, 4096)
            except BlockingIOError:
                return taken
            taken += [signum for signum in data if signum not in _OTHERS]
