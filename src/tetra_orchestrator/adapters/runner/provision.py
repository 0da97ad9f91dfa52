"""What some attempts have besides their process: a filter for their output, a guard of their limits, or a wrapper."""

from __future__ import annotations

import os
from contextlib import suppress

from tetra_orchestrator.adapters.runner.output.pipe import Output, is_filtered, output_pipe, widen
from tetra_orchestrator.adapters.runner.spawn import Means, log_failed, not_started, pipe
from tetra_orchestrator.core.facts import ENFORCED
from tetra_orchestrator.core.outcome import SpawnFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.runner.limits.guard import Guard
    from tetra_orchestrator.ports import Launch


class Provision:
    """`means` is what to spawn; `output` and `guard` are ours while the attempt lasts."""

    def __init__(self, means: Means) -> None:
        self.means = means
        self.output: Output | None = None
        self.guard: Guard | None = None
        self.limits: tuple[tuple[str, str], ...] = ()
        self._request: tuple[int, bytes] | None = None

    def spawned(self) -> None:
        """Close the child's ends of its pipes, whether or not it has started, and tell a wrapper what to do."""
        for fd in (self.means.input, self.means.output):
            if fd is not None:
                os.close(fd)
        if self._request:
            _send(*self._request)

    def close(self) -> list[str]:
        """Complete the log and remove what the guard made; returns what is to be noted."""
        notes = []
        if self.output:
            notes.append(self.output.close())
        if self.guard:
            notes.append(self.guard.note())
            self.guard.close()
        return [note for note in notes if note]

    def wrap(self, launch: Launch, request: int) -> None:
        """Have a wrapper, which sees to everything else, be told of the launch through `request`."""
        from tetra_orchestrator.adapters.runner.wrapped.wrapping import request_of

        self._request = request, request_of(launch)

    def protect(self, launch: Launch) -> None:
        """Have the limits of the launch kept. Raises OSError where that cannot be prepared."""
        if launch.bounds is None:
            return
        from tetra_orchestrator.adapters.runner.limits.guard import guard

        self.guard = guard(launch)
        if self.guard:
            argv, env = self.guard.command(launch.argv, launch.env)
            self.means = self.means._replace(argv=argv, env=env)
            self.limits += self.guard.limits
        if launch.bounds.log_bytes:
            self.limits += (("log_limit", ENFORCED),)


def provide(launch: Launch) -> Provision | SpawnFailed:
    """All that the launch needs besides its process, or why it cannot be had."""
    if launch.record:
        return _wrapped(launch)
    provision = Provision(Means(launch.argv, launch.env))
    if is_filtered(launch):
        try:
            reading, writing = output_pipe()
        except OSError as error:
            return not_started(error, "no pipe can be had for its output")
        try:
            provision.output = Output(reading, launch)
        except OSError as error:
            os.close(writing)
            return log_failed(error, launch.log)
        provision.means = provision.means._replace(output=writing)
    try:
        provision.protect(launch)
    except OSError as error:
        provision.spawned()
        provision.close()
        return not_started(error, "its limits cannot be set")
    return provision


def _wrapped(launch: Launch) -> Provision | SpawnFailed:
    from tetra_orchestrator.adapters.runner.wrapped.wrapping import means_of

    try:
        reading, writing = pipe()
    except OSError as error:
        return not_started(error, "no pipe can be had to its wrapper")
    widen(writing)
    provision = Provision(means_of(launch, reading))
    provision.wrap(launch, writing)
    return provision


def _send(fd: int, request: bytes) -> None:
    view = memoryview(request)
    with suppress(BrokenPipeError):  # the wrapper has not started, or died; its exit will tell
        while view:
            view = view[os.write(fd, view) :]
    os.close(fd)
