"""Hooks as processes: each in a group of its own, beside the run, for a limited time."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from contextlib import suppress
from select import POLLHUP, POLLIN, poll
from tempfile import TemporaryFile
from threading import Condition, Thread
from time import monotonic

from tetra_orchestrator.signals import SIGKILL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from tetra_orchestrator.watch_ports import HookCall

    class Sink(Protocol):
        """Takes what a hook says."""

        def write(self, data: bytes) -> None: ...

        def close(self) -> None: ...


#: Seconds between two looks at a hook that says nothing.
LOOK_S = 0.05
#: Seconds for which the output of what a hook has left behind is still read.
DRAIN_S = 2.0
_CHUNK = 1 << 16


class HookProcesses:
    """Starts hooks, of one line one after the other. `log` opens what takes the output; it may raise `OSError`.

    They stay in our session: what we adopt of other sessions may be a leftover of a task, and would be ended.
    """

    def __init__(self, log: Callable[[HookCall], Sink]):
        self._log = log
        self._changed = Condition()
        self._lines: dict[str, deque[HookCall]] = {}
        self._faults: list[str] = []
        self._killed = False

    def start(self, call: HookCall) -> None:
        """Start it, once those before it in its line are over. Raises `RuntimeError` where no thread can be had."""
        with self._changed:
            waiting = self._lines.get(call.line)
            if waiting is not None:
                waiting.append(call)
                return
            self._lines[call.line] = deque([call])
        try:
            Thread(target=self._work, args=(call.line,), daemon=True).start()
        except RuntimeError:
            with self._changed:
                del self._lines[call.line]  # else it would be waited for
            raise

    def busy(self) -> bool:
        """Whether any is not over yet."""
        with self._changed:
            return bool(self._lines)

    def faults(self) -> list[str]:
        """What went wrong with those that are over, since the last call."""
        with self._changed:
            found, self._faults = self._faults, []
            return found

    def kill(self) -> None:
        """End those that run, and start no others."""
        self._killed = True

    def _work(self, line: str) -> None:
        while (call := self._next(line)) is not None:
            try:
                fault = self._perform(call)
            except Exception as error:  # whatever it is, those behind it have their turn
                fault = f"could not be started: {call.argv[0]}: {getattr(error, 'strerror', None) or error}"
            if fault is not None:
                with self._changed:
                    self._faults.append(f"the hook {call.name} {fault}")

    def _next(self, line: str) -> HookCall | None:
        with self._changed:
            if self._lines[line] and not self._killed:
                return self._lines[line].popleft()
            del self._lines[line]
            return None

    def _perform(self, call: HookCall) -> str | None:
        """What is wrong with how it ended, None where nothing is."""
        sink = self._log(call)
        try:
            with TemporaryFile() as given:
                given.write(call.given)
                given.seek(0)
                process = subprocess.Popen(
                    call.argv, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    env=call.env, cwd=call.cwd, process_group=0,
                )  # fmt: skip
            fault = None
            try:
                fault = self._attend(process, call, sink)
            finally:
                fault = _gone(process) or fault
        finally:
            sink.close()
        if fault is None and process.returncode:
            code = process.returncode
            fault = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
        return fault and f"{fault}; its output is in {call.log}"

    def _attend(self, process: subprocess.Popen[bytes], call: HookCall, sink: Sink) -> str | None:
        """Read what it says until it is over; returns why it was ended, if it was."""
        assert process.stdout is not None
        look, fd = poll(), process.stdout.fileno()
        look.register(fd, POLLIN | POLLHUP)
        until, is_open = monotonic() + call.timeout_s, True
        while process.poll() is None:
            if self._killed or monotonic() >= until:
                _end(process.pid)
                return "was ended by a signal" if self._killed else f"was ended by its limit of {call.timeout_s:g} s"
            if not is_open:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(LOOK_S)
            elif look.poll(LOOK_S * 1000):
                is_open = _take(fd, sink)
        until = monotonic() + DRAIN_S
        while is_open and monotonic() < until and not self._killed:
            if look.poll(LOOK_S * 1000):
                is_open = _take(fd, sink)
        if is_open:
            _end(process.pid)
        return None


def _take(fd: int, sink: Sink) -> bool:
    """Hand on what there is to read; False at its end."""
    data = os.read(fd, _CHUNK)
    sink.write(data)
    return bool(data)


def _gone(process: subprocess.Popen[bytes]) -> str | None:
    """Take its end; what is wrong where not even KILL ends it, as while it waits for a disk that does not answer."""
    assert process.stdout is not None
    process.stdout.close()
    if process.poll() is None:
        _end(process.pid)
    try:
        process.wait(DRAIN_S)
    except subprocess.TimeoutExpired:
        return "does not end although it was killed"
    return None


def _end(group: int) -> None:
    """End all of the group, which has members: its first process, or one that holds its output open."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, SIGKILL)
