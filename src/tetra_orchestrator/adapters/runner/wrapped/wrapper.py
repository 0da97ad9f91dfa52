"""The wrapper of one attempt that is to outlive the orchestrator: it starts it, waits, and leaves how it ended.

It reads a launch as JSON from its standard input. TERM has it end the task with its grace, INT without.
"""

from __future__ import annotations

import os
import select
import signal
import sys

from tetra_orchestrator.adapters.runner.local import NEVER, LocalRunner
from tetra_orchestrator.adapters.runner.process import become_subreaper
from tetra_orchestrator.adapters.runner.waiters import choose_waiter
from tetra_orchestrator.adapters.runner.wrapped.record import write_record, write_whole
from tetra_orchestrator.core.facts import NO_FACTS, Bounds
from tetra_orchestrator.core.outcome import SpawnFailed
from tetra_orchestrator.ports import MASKED, Ended, Launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.runner.waiters import Waiter

#: The variable that names the file of the task's outputs.
OUTPUT = "TETRA_OUTPUT"


def main() -> int:
    """Run the attempt; 0 when its record was written, 73 when it could not be, 70 when there is nothing to run."""
    signals = Signals()
    try:
        launch, record = read_launch(sys.stdin.buffer.read())
    except ValueError:
        return 70  # whoever started us died before it had told us everything
    become_subreaper()
    ended = run(launch, choose_waiter(os.environ.get("TETRA_WAITER")), signals)
    try:
        leave(launch, record, ended)
    except OSError as error:
        # its errors go to the attempt's log
        os.write(2, f"cannot write how the attempt ended to {record}: {error.strerror}\n".encode())
        return 73
    return 0


def read_launch(request: bytes) -> tuple[Launch, str]:
    """The launch that was asked for, now to be performed by ourselves, and the path of its record."""
    from json import loads

    content = loads(request)
    content["argv"] = tuple(content["argv"])
    for name in ("redact", "patterns"):
        content[name] = tuple(map(bytes.fromhex, content[name]))
    content["bounds"] = content["bounds"] and Bounds(**content["bounds"])
    record = content.pop("record")
    return Launch(**content), record


def leave(launch: Launch, record: str, ended: Ended) -> None:
    """Leave how the attempt ended, after its outputs, durably. Raises OSError when that cannot be done."""
    if launch.redact and OUTPUT in launch.env:
        mask_outputs(launch.env[OUTPUT], launch.redact)
    elif os.path.isfile(outputs := launch.env.get(OUTPUT, "")):
        sync(outputs)
    write_record(record, launch.token, ended.outcome, ended.facts)


def mask_outputs(path: str, secrets: tuple[bytes, ...]) -> None:
    """Leave the outputs without secrets beside them: whoever takes them up after our owner's death knows no secret."""
    from tetra_orchestrator.adapters.runner.output.redaction import Redactor

    redactor = Redactor(secrets)
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            data = file.read()
    except OSError:
        return  # it has none
    write_whole(f"{path}{MASKED}", redactor.feed(data) + redactor.flush())


def sync(path: str) -> None:
    """Have a file survive a power cut, before a record does that says that the attempt succeeded."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Signals:
    """TERM, INT and CHLD, as numbers that are taken when we are ready; HUP is ignored.

    TERM and INT were blocked when we were started, so that none is lost before.
    """

    #: Seconds after which to look although none has come; None where there is no need to.
    within_s: float | None = None
    #: Whether we were told to end.
    ending = False

    def __init__(self) -> None:
        self.fd, writing = os.pipe()
        for fd in (self.fd, writing):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(signum, lambda number, frame: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def take(self) -> bytes:
        """Those that have come since the last call."""
        try:
            return os.read(self.fd, 4096)
        except BlockingIOError:
            return b""


def run(launch: Launch, waiter: Waiter, signals: Signals) -> Ended:
    """Carry the launch to its end."""
    runner = LocalRunner(waiter, NEVER)
    try:
        (handle,) = runner.submit([launch])
        if isinstance(handle, SpawnFailed):
            return Ended("", handle, NO_FACTS)
        while not (ended := runner.poll([handle])):
            _wait(runner, signals)
            for signum in signals.take():
                if signum == signal.SIGTERM:
                    runner.cancel(handle)
                elif signum == signal.SIGINT:
                    runner.kill(handle)
        return ended[0]
    finally:
        runner.close()


def _wait(runner: LocalRunner, signals: Signals) -> None:
    wakeup = runner.wakeup()
    within_s = min((s for s in (wakeup.within_s, signals.within_s) if s is not None), default=None)
    poll = select.poll()
    for fd in (signals.fd, wakeup.fd):
        if fd is not None:
            poll.register(fd, select.POLLIN)
    poll.poll(None if within_s is None else within_s * 1000)


if __name__ == "__main__":
    sys.exit(main())
