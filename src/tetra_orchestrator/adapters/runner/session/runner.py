"""The runner of calls: attempts that are functions in the worker of their session."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections import deque

from tetra_orchestrator.adapters.runner.session.worker import start
from tetra_orchestrator.adapters.runner.spawn import log_failed
from tetra_orchestrator.core.facts import NO_FACTS, UNKNOWN, Usage
from tetra_orchestrator.core.outcome import Exited, Lost, Signalled, SpawnFailed, describe
from tetra_orchestrator.ports import Ended, Wakeup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.adapters.runner.local import LocalRunner
    from tetra_orchestrator.adapters.runner.session.output import CallOutput
    from tetra_orchestrator.adapters.runner.session.worker import Worker
    from tetra_orchestrator.core.facts import Facts
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.ports import Call, Launch

#: What an idle worker gets to end by itself when there are no more calls.
IDLE_GRACE_S = 2.0
_CLOSE_LIMIT_S = 5.0
# How soon a pipe that was full is tried again.
_LOOK_S = 0.02
_TERM, _KILL = 15, 9
_LOG_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class _Session:
    """A session of the run: its worker while it has one, the calls in it by token, and the calls that wait."""

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        self.threads = threads
        self.worker: Worker | None = None
        self.running: dict[str, _Job] = {}
        self.waiting: deque[_Job] = deque()


class _Job:
    """One call; `killed` once we have decided to end it together with its worker. `output` while we filter that."""

    __slots__ = ("call", "handle", "killed", "launch", "output", "session")

    def __init__(self, handle: str, launch: Launch, call: Call, session: _Session) -> None:
        self.handle = handle
        self.launch = launch
        self.call = call
        self.session = session
        self.killed = False
        self.output: CallOutput | None = None


class SessionRunner:
    """Runs at most as many calls of a session at a time as it has threads; further ones wait for their turn.

    A handle is the identity of the session's worker when the call was submitted, `#` and a number. The death of a
    worker loses the calls in it; those that wait get a new one. `processes` runs the workers. The output of a call is
    masked and its log bounded as a process's are; other limits hold for no call.
    """

    def __init__(self, processes: LocalRunner) -> None:
        self._processes = processes
        self._sessions: dict[str, _Session] = {}
        self._jobs: dict[str, _Job] = {}
        self._deadlines: dict[str, float] = {}
        self._ended: dict[str, Ended] = {}
        self._count = 0
        # One pipe for the answers of all workers: lines of their length are never mixed up, see pipe(7).
        self._replies, self._answering = os.pipe()
        os.set_blocking(self._replies, False)
        self._rest = b""
        self._bell = _bell(self._replies, processes.wakeup().fd)

    def submit(self, launches: Sequence[Launch]) -> list[str | SpawnFailed]:
        """Start every call or have it wait. One answer for each, in order: its handle, or why it cannot start."""
        return [self._submit(launch, launch.call) for launch in launches if launch.call is not None]

    def _submit(self, launch: Launch, call: Call) -> str | SpawnFailed:
        if failed := _obstacle(launch, call):
            return failed
        session = self._sessions.setdefault(call.session, _Session(call.session, call.threads))
        worker = self._worker(session, launch, call)
        if isinstance(worker, SpawnFailed):
            return worker
        self._count += 1
        job = _Job(f"{worker.handle}#{self._count}", launch, call, session)
        self._jobs[job.handle] = job
        session.waiting.append(job)
        self._fill(session)
        return job.handle

    def _worker(self, session: _Session, launch: Launch, call: Call) -> Worker | SpawnFailed:
        if session.worker is None:
            started = start(self._processes, launch, call, self._answering)
            if isinstance(started, SpawnFailed):
                return started
            session.worker = started
        return session.worker

    def lasting(self, handle: str) -> str:
        """The call's handle with the identity of the worker that it is in."""
        worker, mark, number = handle.partition("#")
        return f"{self._processes.lasting(worker)}{mark}{number}"

    def find(self, token: str) -> list[str]:
        """Handles of the calls that carry the fencing token; where there is none, of the processes that do."""
        return [job.handle for job in self._jobs.values() if job.launch.token == token] or self._processes.find(token)

    def begun(self, handles: Collection[str]) -> Collection[str]:
        """All of them: here nothing waits."""
        return handles

    def poll(self, handles: Collection[str]) -> list[Ended]:
        """Those of `handles` that have ended, each once. Also takes whatever is under way a step further."""
        sessions = {session.worker.handle: session for session in self._sessions.values() if session.worker}
        gone = self._processes.poll(sessions)
        for output in self._outputs():
            output.pump()
        self._take_replies()  # only now, as a worker may have answered just before it died
        for worker in gone:
            self._worker_ended(sessions[worker.handle], worker.outcome)
        now = time.monotonic()
        for handle in [handle for handle, deadline in self._deadlines.items() if deadline <= now]:
            self.kill(handle)
        for session in self._sessions.values():
            self._fill(session)
            if session.worker:
                session.worker.push()
        return [self._ended.pop(handle) for handle in list(self._ended) if handle in handles]

    def cancel(self, handle: str) -> None:
        """Raise KeyboardInterrupt in the call; one that has not ended within the launch's grace is killed."""
        job = self._jobs.get(handle)
        if job is None or job.killed or handle in self._deadlines:
            return
        if job.launch.token not in job.session.running:
            self._finish(job, Signalled(_TERM))
        elif job.session.worker:
            self._deadlines[handle] = time.monotonic() + job.launch.kill_grace_s
            job.session.worker.cancel(job.launch.token)

    def kill(self, handle: str) -> None:
        """End the call by KILL, which takes its worker and all calls in it. Nothing happens for an unknown handle."""
        job = self._jobs.get(handle)
        if job is None:
            return
        self._deadlines.pop(handle, None)
        if job.launch.token not in job.session.running:
            self._finish(job, Signalled(_KILL))
        elif job.session.worker:
            job.killed = True
            job.session.worker.ending = True
            self._processes.kill(job.session.worker.handle)

    def wakeup(self) -> Wakeup:
        """When to poll again, for the calls and for all other processes."""
        theirs = self._processes.wakeup().within_s
        due = [] if theirs is None else [theirs]
        due += [0.0] if self._ended else []
        due += [max(deadline - time.monotonic(), 0.0) for deadline in self._deadlines.values()]
        due += [0.0 for output in self._outputs() if output.flows]
        due += [_LOOK_S for session in self._sessions.values() if session.worker and session.worker.unsent]
        return Wakeup(self._bell, min(due, default=None))

    def close(self) -> None:
        """End all workers and wait until they are gone: idle ones may do so by themselves."""
        for session in self._sessions.values():
            session.waiting.clear()
            if session.worker and not session.running:
                session.worker.dismiss()
        self._kill_workers(session for session in self._sessions.values() if session.running)
        self._await_workers(IDLE_GRACE_S)
        self._kill_workers(self._sessions.values())
        self._await_workers(_CLOSE_LIMIT_S)
        for fd in (self._replies, self._answering, self._bell):
            os.close(fd)

    def _kill_workers(self, sessions: Iterable[_Session]) -> None:
        for session in sessions:
            if session.worker:
                self._processes.kill(session.worker.handle)

    def _await_workers(self, longest_s: float) -> None:
        limit = time.monotonic() + longest_s
        while any(session.worker for session in self._sessions.values()) and time.monotonic() < limit:
            self.poll(())
            time.sleep(0.001)

    def _fill(self, session: _Session) -> None:
        while session.waiting and len(session.running) < session.threads:
            if session.worker and session.worker.ending:
                return
            job = session.waiting[0]
            worker = self._worker(session, job.launch, job.call)
            failed = None if isinstance(worker, SpawnFailed) else self._open(job)
            if isinstance(worker, SpawnFailed):
                self._finish(job, worker)
            elif failed:
                self._finish(job, failed)
            else:
                session.running[job.launch.token] = session.waiting.popleft()
                worker.call(job.launch, job.call, job.output.path if job.output else job.launch.log)

    def _open(self, job: _Job) -> SpawnFailed | None:
        if not (job.launch.redact or job.launch.patterns or job.launch.bounds):
            return None
        from tetra_orchestrator.adapters.runner.session.output import open_output

        opened = open_output(job.launch)
        if isinstance(opened, SpawnFailed):
            return opened
        job.output = opened
        if opened:
            self._processes.waiter.listen(opened.reading)
        return None

    def _outputs(self) -> list[CallOutput]:
        running = [job for session in self._sessions.values() for job in session.running.values()]
        return [job.output for job in running if job.output]

    def _take_replies(self) -> None:
        *lines, self._rest = (self._rest + _drain(self._replies)).split(b"\n")
        for line in lines:
            token, code, usage = _read(line)
            for session in self._sessions.values():
                if token in session.running:
                    self._finish(session.running[token], Exited(code), usage)

    def _worker_ended(self, session: _Session, outcome: Outcome) -> None:
        if session.worker is None:
            return
        how = "another call in it was killed" if session.worker.ending else describe(outcome)
        session.worker.dismiss()
        session.worker = None
        lost = Lost(f"the worker of session '{session.name}' has ended: {how}")
        for job in list(session.running.values()):
            self._finish(job, Signalled(_KILL) if job.killed else lost)

    def _finish(self, job: _Job, outcome: Outcome, usage: Usage = UNKNOWN) -> None:
        del self._jobs[job.handle]
        self._deadlines.pop(job.handle, None)
        if job.session.running.pop(job.launch.token, None) is None:
            job.session.waiting.remove(job)
        self._ended[job.handle] = Ended(job.handle, outcome, self._facts(job)._replace(usage=usage))

    def _facts(self, job: _Job) -> Facts:
        if job.output is None and job.launch.bounds is None:
            return NO_FACTS
        from tetra_orchestrator.adapters.runner.session.output import facts_of

        if job.output:
            self._processes.waiter.ignore(job.output.reading)
        return facts_of(job.launch, job.output.close() if job.output else None)


def _obstacle(launch: Launch, call: Call) -> SpawnFailed | None:
    """What a call would stumble over before it has a log to say so."""
    if not os.path.isdir(call.cwd):
        return SpawnFailed("ENOENT", f"the working folder {call.cwd} does not exist")
    try:
        os.close(os.open(launch.log, _LOG_FLAGS, 0o600))
    except OSError as error:
        return log_failed(error, launch.log)
    return None


def _read(line: bytes) -> tuple[str, int, Usage]:
    """The call's token, its exit code and what it took; of a line that some function wrote into our pipe, nobody's."""
    try:
        reply = json.loads(line)
        return str(reply["call"]), int(reply["code"]), _usage(reply["usage"])
    except (ValueError, TypeError, LookupError):
        return "", 0, UNKNOWN


def _usage(figures: Mapping[str, Any]) -> Usage:
    kinds: Mapping[str, Callable[[Any], Any]] = dict.fromkeys(Usage._fields, int) | {"cpu_s": float}
    return Usage(**{name: kinds[name](figures[name]) for name in figures if figures[name] is not None})


def _drain(fd: int) -> bytes:
    data = b""
    try:
        while chunk := os.read(fd, 1 << 16):
            data += chunk
    except BlockingIOError:
        pass
    return data


def _bell(ours: int, theirs: int | None) -> int:
    """A descriptor that is readable while one of the two is."""
    if sys.platform == "linux" and theirs is not None:
        with select.epoll() as both:
            both.register(ours, select.EPOLLIN)
            both.register(theirs, select.EPOLLIN)
            return os.dup(both.fileno())
    return os.dup(ours)
