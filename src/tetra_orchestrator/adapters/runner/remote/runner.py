"""Attempts as jobs of an engine that is not ours. What becomes of one is read from its own folder and its record: the
engine is asked only about jobs that have not begun, and about those of which nothing is heard any more."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

from tetra_orchestrator.adapters.runner.remote.folder import BEGUN, ENDED, JobFolder, remove
from tetra_orchestrator.adapters.runner.remote.held import Held
from tetra_orchestrator.adapters.runner.remote.verdict import NOBODY
from tetra_orchestrator.adapters.runner.spawn import not_started
from tetra_orchestrator.adapters.runner.wrapped.record import sync_folder
from tetra_orchestrator.adapters.runner.wrapped.wrapping import PATIENCE_S, ROOT, request_of
from tetra_orchestrator.core.facts import NO_FACTS
from tetra_orchestrator.core.outcome import Cancelled, Lost, SpawnFailed, Unkillable
from tetra_orchestrator.core.spoken import printable
from tetra_orchestrator.ports import Ended, Wakeup
from tetra_orchestrator.signals import SIGINT, SIGTERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tetra_orchestrator.adapters.runner.remote.engine import Engine
    from tetra_orchestrator.core.facts import Facts
    from tetra_orchestrator.core.model import Json
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.ports import Launch

_WORKER = "tetra_orchestrator.adapters.runner.remote.worker"
# All that a worker has of an environment; its engine's own is not handed on to it.
_KEPT = ("PATH", "LANG", "TETRA_WAITER", "TETRA_FAILPOINT")
#: So many polls pass between two questions about jobs that wait; so many times in succession an engine has to know
#: nothing of one before it counts as lost.
_ASK_EVERY, _MISSED = 5, 3
#: A job of which nothing is heard and of which its engine does not let go is given up after so many leases, and not
#: before so many seconds: engines have their own, Slurm 300 until a node is down.
_GIVEN_UP_LEASES, _GIVEN_UP_S = 20, 600.0
_CLOSE_LIMIT_S, _CLOSE_LOOK_S = 20.0, 0.1


class RemoteRunner:
    """The runner called `name`, whose jobs are in the folder `jobs`. It looks every `poll_s` seconds.

    A handle is `NAME:TOKEN`: it is known before the engine is asked, and lasts. `settings` are what the engine is made
    from; they are left in each job's folder, for who looks after it when we are gone.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        jobs: str,
        *,
        poll_s: float = 2.0,
        lease_s: float = 30.0,
        settings: Mapping[str, Json] = {},
    ) -> None:
        self._name = name
        self._settings = dict(settings)
        self._engine = engine
        self._jobs = jobs
        self._poll_s = poll_s
        self._lease_s = lease_s
        self._held: dict[str, Held] = {}
        self._ended: dict[str, Ended] = {}
        self._unwanted: set[str] = set()
        self._over: list[JobFolder] = []
        self._look_at = self._ask_at = 0.0

    # -- the port -----------------------------------------------------------------------------------------------

    def submit(self, launches: Sequence[Launch]) -> list[str | SpawnFailed]:
        """Hand in every launch. One answer for each, in order: its handle, or why it will never start."""
        answers: list[str | SpawnFailed] = []
        ready = []
        for launch in launches:
            one = self._prepare(launch)
            if isinstance(one, Held):
                ready.append(one)
                self._held[self._handle(one.token)] = one
            answers.append(one if isinstance(one, SpawnFailed) else self._handle(one.token))
        with suppress(OSError):
            sync_folder(self._jobs)
        refused = self._hand_in(ready)
        for token in refused:
            del self._held[self._handle(token)]
        answers = [refused.get(launch.token, answer) for launch, answer in zip(launches, answers, strict=True)]
        self._look_at = min(self._look_at, time.monotonic() + self._poll_s)
        return answers

    def lasting(self, handle: str) -> str:
        """The handle itself."""
        return handle

    def find(self, token: str) -> list[str]:
        """The handle of the job with this token, if there is one that has not ended."""
        folder = JobFolder(self._jobs, token)
        return [self._handle(token)] if folder.exists() and not os.path.exists(f"{folder.path}{ENDED}") else []

    def poll(self, handles: Collection[str]) -> list[Ended]:
        """Those of `handles` that have ended, each once. Also takes whatever is under way a step further."""
        if self._held and time.monotonic() >= self._look_at:
            began = time.monotonic()
            self._look(began)
            looked_at = time.monotonic()
            # an engine that is away takes long to say nothing: the rest of the run has as much time in between
            self._look_at = looked_at + max(self._poll_s, looked_at - began)
        self._have_ended()
        return [self._ended.pop(handle) for handle in list(self._ended) if handle in handles]

    def begun(self, handles: Collection[str]) -> Collection[str]:
        """Those of `handles` whose tasks have been started."""
        return {handle for handle in handles if handle not in self._held or self._held[handle].begun}

    def cancel(self, handle: str) -> None:
        """Have the task ended by its worker, within the launch's grace. Nothing happens for an unknown handle."""
        if job := self._held.get(handle):
            self._end(job, SIGTERM, job.launch.kill_grace_s)

    def kill(self, handle: str) -> None:
        """The same without grace."""
        if job := self._held.get(handle):
            self._end(job, SIGINT, 0.0)

    def wakeup(self) -> Wakeup:
        """When to poll again."""
        if self._ended or self._unwanted or self._over:
            return Wakeup(None, 0.0)
        return Wakeup(None, max(self._look_at - time.monotonic(), 0.0) if self._held else None)

    def close(self) -> None:
        """End every job still held, without grace, and wait until they are gone."""
        until = time.monotonic() + self._lease_s + _CLOSE_LIMIT_S
        for handle in list(self._held):
            self.kill(handle)
        while self._held and time.monotonic() < until:
            self._look_at = 0.0
            self.poll(())
            if self._held:
                time.sleep(min(self._poll_s, _CLOSE_LOOK_S))
        self._unwanted |= {job.token for job in self._held.values()}
        self._have_ended()

    # -- handing in ---------------------------------------------------------------------------------------------

    def _handle(self, token: str) -> str:
        return f"{self._name}:{token}"

    def _prepare(self, launch: Launch) -> Held | SpawnFailed:
        """Leave all that a worker needs, durably, before anybody can be told of it."""
        folder = JobFolder(self._jobs, launch.token)
        about = {"record": launch.record, "lease_s": self._lease_s, "engine": self._settings}
        try:
            folder.make(about, request_of(launch))
        except OSError as error:
            return not_started(error, f"cannot write its job to {folder.path}")
        return Held(launch, folder, _command(folder), self._lease_s)

    def _hand_in(self, jobs: Sequence[Held]) -> dict[str, SpawnFailed]:
        """Hand the jobs to the engine; by token, why it will never take one."""
        refused: dict[str, SpawnFailed] = {}
        answers = self._engine.submit([job.job for job in jobs]) if jobs else []
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(answer, SpawnFailed):
                refused[job.token] = answer
                remove(job.folder)
            elif answer is None:
                job.put_off(time.monotonic())
            else:
                job.submitted = True
        return refused

    def _hand_in_again(self, now: float) -> None:
        """Hand in what the engine has not answered for, unless it has got it all the same."""
        due = [job for job in self._held.values() if not job.submitted and not job.begun and job.again_at <= now]
        if not due:
            return
        known = self._engine.known([job.token for job in due])
        for job in due:
            job.submitted = known is not None and job.token in known
            if known is None:
                job.put_off(now)
        refused = self._hand_in([job for job in due if not job.submitted] if known is not None else [])
        for token, failed in refused.items():
            self._finish(self._held[self._handle(token)], failed)

    # -- looking ------------------------------------------------------------------------------------------------

    def _look(self, now: float) -> None:
        try:
            marks = set(os.listdir(self._jobs))
        except OSError:
            marks = set()  # the storage is away, and may come back
        for job in list(self._held.values()):
            job.begun = job.begun or f"{job.token}{BEGUN}" in marks
            if f"{job.token}{ENDED}" in marks or (job.begun and now >= job.look_at):
                self._look_at_one(job, now)
        self._hand_in_again(now)
        self._ask(now)

    def _look_at_one(self, job: Held, now: float) -> None:
        """See whether the job has ended, whether its worker still gives signs of life, and whether it was told to."""
        job.look_at = now + self._lease_s / 3
        if left := job.left():
            self._finish(job, *left)
            return
        if job.stale_since is None and job.is_stale():
            job.stale_since = now
        if job.stale_since is not None or (job.end_at is not None and now >= job.end_at):
            self._unwanted.add(job.token)

    def _ask(self, now: float) -> None:
        """Ask the engine about jobs that should wait there, and about those that should be gone from there."""
        stale = [job for job in self._held.values() if job.stale_since is not None]
        waiting: list[Held] = []
        if now >= self._ask_at:
            self._ask_at = now + _ASK_EVERY * self._poll_s
            waiting = [job for job in self._held.values() if job.submitted and not job.begun]
        if not stale and not waiting:
            return
        self._have_ended()
        known = self._engine.known([job.token for job in [*stale, *waiting]])
        if waiting:
            self._ask_at = time.monotonic() + _ASK_EVERY * self._poll_s
        for job in stale:
            self._settle_stale(job, known, now)
        for job in waiting:
            job.missed = job.missed + 1 if known is not None and job.token not in known else 0
            if job.missed >= _MISSED:
                self._call_off(job, Lost(_never_began(self._name, job.folder)))

    def _settle_stale(self, job: Held, known: Collection[str] | None, now: float) -> None:
        """A job whose worker is silent has ended when its record came late, or when its engine has let go of it."""
        assert job.stale_since is not None
        if left := job.left():
            self._finish(job, *left)
        elif known is not None and job.token not in known:
            self._finish(job, Cancelled() if job.end_at is not None else Lost(_silent(self._lease_s)))
        elif now - job.stale_since > max(_GIVEN_UP_LEASES * self._lease_s, _GIVEN_UP_S):
            why = "does not answer" if known is None else "does not let go of it"
            text = f"nothing has been heard of it for {self._lease_s:g} s, and the engine of {self._name} {why}"
            self._finish(job, Unkillable(text), keep=True)

    # -- ending -------------------------------------------------------------------------------------------------

    def _end(self, job: Held, signum: int, grace_s: float) -> None:
        if not job.begun and self._call_off(job, Cancelled()):
            return
        end_at = time.monotonic() + grace_s + self._lease_s / 2 + PATIENCE_S
        job.end_at = min(end_at, job.end_at or end_at)
        try:
            job.folder.ask(signum)
        except OSError:
            job.end_at = 0.0
        job.look_at = 0.0

    def _call_off(self, job: Held, outcome: Outcome) -> bool:
        """See to it that the job never begins; False when it already has, as far as that can be seen."""
        try:
            called_off = job.folder.claim(NOBODY) or job.folder.claimed_by() == NOBODY
        except FileNotFoundError:
            called_off = job.left() is None  # another command has found that it is over
        except OSError:
            called_off = False
        if called_off:
            self._unwanted.add(job.token)
            self._finish(job, outcome)
        else:
            job.begun = True
        return called_off

    def _have_ended(self) -> None:
        """Have the engine end what is not wanted there; only then goes by what it may find that."""
        if self._unwanted:
            self._engine.cancel(self._unwanted)
            self._unwanted = set()
        if self._over:
            self._engine.forget([folder.token for folder in self._over])
        while self._over:
            remove(self._over.pop())

    def _finish(self, job: Held, outcome: Outcome, facts: Facts = NO_FACTS, *, keep: bool = False) -> None:
        handle = self._handle(job.token)
        del self._held[handle]
        self._ended[handle] = Ended(handle, outcome, facts, job.folder.lasted_s())
        if not keep:
            self._over.append(job.folder)


def _command(folder: JobFolder) -> tuple[str, ...]:
    kept = [f"{name}={os.environ[name]}" for name in _KEPT if name in os.environ]
    python = (sys.executable, "-P", "-m", _WORKER)
    return ("/usr/bin/env", "-i", f"PYTHONPATH={ROOT}", *kept, *python, folder.path)


def _silent(lease_s: float) -> str:
    return f"nothing was heard of its worker for {lease_s:g} s, and its engine no longer has it"


def _never_began(name: str, folder: JobFolder) -> str:
    """Why a job is lost that its engine has forgotten, with the last that it said of it."""
    try:
        with open(f"{folder.path}/engine.log", "rb") as file:
            lines = file.read()[-4096:].decode(errors="replace").split("\n")
    except OSError:
        lines = []
    last = next((printable(line.strip()) for line in reversed(lines) if line.strip()), "")
    return f"the engine of {name} no longer has it, and it never began" + (f": {last}" if last else "")
