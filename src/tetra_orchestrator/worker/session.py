"""The worker of a session: one process in which functions run as calls and leave objects for each other.

Requests come as JSON lines through one pipe, the ends of calls go back through another. The pipe of requests closes
when our owner wants us to end, or has died.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from queue import SimpleQueue

from tetra_orchestrator.worker.function import perform
from tetra_orchestrator.worker.kept import Kept
from tetra_orchestrator.worker.taken import Meter, ThreadMeter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    Request = Mapping[str, Any]

#: How long threads of a user's own may keep us once the pipe has closed.
_GRACE_S = 2.0
_LOG_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW


def main(argv: Sequence[str]) -> int:
    """`NAME THREADS REQUESTS REPLIES`, the last two descriptors: serve calls until the requests end."""
    requests, replies = int(argv[2]), int(argv[3])
    for fd in (requests, replies):
        os.set_inheritable(fd, False)
    atexit.register(_end_what_calls_left, os.getpid())
    (Worker if argv[1] == "1" else ThreadedWorker)(argv[0], requests, replies).serve()
    return 0


def _end_what_calls_left(worker: int) -> None:
    if os.getpid() == worker:  # not in a fork of it
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)


class Worker:
    """Takes one call at a time, in the main thread: with its own log, environment and working folder."""

    def __init__(self, name: str, requests: int, replies: int) -> None:
        self._name = name
        self._pid = os.getpid()
        self._data: dict[str, Any] = {}
        self._requests = requests
        self._replies = replies
        self._todo: SimpleQueue[Request | None] = SimpleQueue()
        self._open: set[str] = set()
        self._cancelled: set[str] = set()
        self._running: dict[str, threading.Thread] = {}
        self._guard = threading.Lock()

    def serve(self) -> None:
        """Perform calls until there are no more requests. Calls that are open by then end with us."""
        self._prepare()
        threading.Thread(target=self._listen, daemon=True).start()
        for request in iter(self._todo.get, None):
            self._begin(request)

    @contextmanager
    def _interruptible(self, call: str) -> Iterator[None]:
        # while this lasts, cancelling the call raises KeyboardInterrupt in this thread
        self._running[call] = threading.current_thread()
        try:
            if call in self._cancelled:
                raise KeyboardInterrupt("cancelled before it began")
            yield
        finally:
            with self._guard:
                self._running.pop(call, None)

    def _listen(self) -> None:
        try:
            with open(self._requests, "rb") as lines:
                for line in lines:
                    self._take(json.loads(line))
        finally:
            if not self._open:
                self._todo.put(None)
                time.sleep(_GRACE_S)
            os.killpg(0, signal.SIGKILL)

    def _take(self, request: Request) -> None:
        if "cancel" not in request:
            self._open.add(request["call"])
            self._todo.put(request)
            return
        self._cancelled.add(request["cancel"])
        with self._guard:
            if request["cancel"] in self._running:
                self._interrupt(self._running[request["cancel"]])

    def _perform(self, request: Request) -> None:
        call = request["call"]
        meter = self._meter()
        code = perform(
            request["function"],
            request["input"],
            request["output"],
            Kept(self._name, self._data, self._interruptible(call)),
        )
        if os.getpid() != self._pid:
            os._exit(code)  # a fork that came back from the function is not a second worker
        self._running.pop(call, None)
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # the call may have closed it, or put anything in its place
                stream.flush()
        self._let_go()
        self._reply(call, code, meter.taken())

    def _reply(self, call: str, code: int, usage: Mapping[str, float | int | None]) -> None:
        self._open.discard(call)
        os.write(self._replies, json.dumps({"call": call, "code": code, "usage": usage}).encode() + b"\n")

    # -- what differs with threads ------------------------------------------------------------------------------

    def _meter(self) -> Meter | ThreadMeter:
        return Meter()

    def _prepare(self) -> None:
        self._own = os.dup(1)
        self._streams = sys.stdout, sys.stderr
        signal.signal(signal.SIGINT, self._interrupted)

    def _let_go(self) -> None:
        """Write to the call's log no longer: its owner may read it through a pipe, and close that now."""
        _write_to(self._own)

    def _interrupted(self, signum: int, frame: object) -> None:
        if self._cancelled & self._running.keys():  # else the call has ended in the meantime
            raise KeyboardInterrupt("cancelled")

    def _interrupt(self, thread: threading.Thread) -> None:
        signal.pthread_kill(thread.ident or 0, signal.SIGINT)

    def _begin(self, request: Request) -> None:
        log = os.open(request["log"], _LOG_FLAGS, 0o600)
        _write_to(log)
        if log > 2:  # a call may have closed one of the two
            os.close(log)
        self._streams = sys.stdout, sys.stderr = _usable(self._streams[0], 1), _usable(self._streams[1], 2)
        home = os.getcwd()
        before = {name: os.environ.get(name) for name in request["env"]}
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        try:
            self._perform(request)
        finally:
            os.chdir(home)
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def _write_to(fd: int) -> None:
    """Have what this process prints from now on go there."""
    for standard in (1, 2):
        os.dup2(fd, standard)


def _usable(stream: Any, fd: int) -> Any:
    """The stream, or a new one where a call has closed it."""
    if stream is not None and not stream.closed:
        return stream
    return open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


class ThreadedWorker(Worker):
    """Takes several calls at a time, each in a thread of its own. Environment and folder are the worker's for all."""

    def _meter(self) -> Meter | ThreadMeter:
        return ThreadMeter()

    def _prepare(self) -> None:
        self._logs = threading.local()
        sys.stdout = Routed(sys.stdout, self._logs)
        sys.stderr = Routed(sys.stderr, self._logs)

    def _let_go(self) -> None:
        """Nothing: the call's stream is its own."""

    def _interrupt(self, thread: threading.Thread) -> None:
        from ctypes import c_ulong, py_object, pythonapi

        pythonapi.PyThreadState_SetAsyncExc(c_ulong(thread.ident or 0), py_object(KeyboardInterrupt))

    def _begin(self, request: Request) -> None:
        threading.Thread(target=self._call, args=(request,), daemon=True).start()

    def _call(self, request: Request) -> None:
        try:
            descriptor = os.open(request["log"], _LOG_FLAGS, 0o600)
        except OSError:
            self._reply(request["call"], 1, {})  # without an answer its owner would wait for ever
            raise
        with open(descriptor, "a", buffering=1, encoding="utf-8") as self._logs.stream:
            self._perform(request)


class Routed:
    """A text stream that goes to the log of the call whose thread writes, and otherwise where it went before."""

    def __init__(self, own: object, logs: threading.local) -> None:
        self._own = own
        self._logs = logs

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(self._logs, "stream", self._own), name)
