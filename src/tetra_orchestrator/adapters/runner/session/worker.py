"""Our end of a session's worker: a process like any other, and the pipe by which it is told what to call."""

from __future__ import annotations

import json
import os

from tetra_orchestrator.adapters.runner.spawn import not_started, pipe
from tetra_orchestrator.core.outcome import SpawnFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.runner.local import LocalRunner
    from tetra_orchestrator.ports import Call, Launch


class Worker:
    """A live worker. `ending` is true once we have decided to kill it; `unsent` waits for room in its pipe."""

    def __init__(self, handle: str, requests: int) -> None:
        self.handle = handle
        self.ending = False
        self.unsent = b""
        self._requests: int | None = requests

    def call(self, launch: Launch, call: Call, log: str) -> None:
        """Have it call the function that the launch is about, and write what that prints to `log`."""
        self._send(
            {
                "call": launch.token,
                "function": call.function,
                "input": call.env.get("TETRA_INPUT"),
                "output": call.env.get("TETRA_OUTPUT"),
                "log": log,
                "env": dict(call.env),
                "cwd": call.cwd,
            }
        )

    def cancel(self, token: str) -> None:
        """Have it interrupt the call with this token."""
        self._send({"cancel": token})

    def push(self) -> None:
        """Write what there is room for."""
        try:
            while self.unsent and self._requests is not None:
                self.unsent = self.unsent[os.write(self._requests, self.unsent) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.unsent = b""  # it has died, which its exit will tell

    def dismiss(self) -> None:
        """Tell it, by the end of the pipe, that there is nothing more to do."""
        if self._requests is not None:
            os.close(self._requests)
        self._requests = None

    def _send(self, request: dict[str, object]) -> None:
        self.unsent += json.dumps(request).encode() + b"\n"
        self.push()


def start(processes: LocalRunner, launch: Launch, call: Call, answering: int) -> Worker | SpawnFailed:
    """Start the worker that the launch describes; it writes the ends of calls to `answering`.

    Of what the launch asks for, a worker gets what is masked: everything else is one call's own.
    """
    try:
        reading, writing = pipe()
    except OSError as error:
        return not_started(error, f"no pipe can be had to the worker of session '{call.session}'")
    os.set_blocking(writing, False)
    for fd in (reading, answering):
        os.set_inheritable(fd, True)  # for this moment, in which nothing else is started
    argv = (*launch.argv, call.session, str(call.threads), str(reading), str(answering))
    (answer,) = processes.submit([launch._replace(argv=argv, call=None, bounds=None, record=None, background=False)])
    os.set_inheritable(answering, False)
    os.close(reading)
    if isinstance(answer, SpawnFailed):
        os.close(writing)
        return answer
    return Worker(answer, writing)
