"""The bare launch path: attempts as direct children, each in a session and with a log of its own."""

from __future__ import annotations

import os
import time

from tetra_orchestrator.adapters.runner.process import (
    Ending,
    end_tree,
    find,
    identity,
    orphans,
    signal_group,
    token_of,
)
from tetra_orchestrator.adapters.runner.spawn import spawn_all
from tetra_orchestrator.adapters.runner.waiters import choose_waiter
from tetra_orchestrator.core.outcome import SpawnFailed
from tetra_orchestrator.ports import Ended, Wakeup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tetra_orchestrator.adapters.runner.waiters import Waiter
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.ports import Launch

#: What a process leaves behind when it exits by itself gets at most this much time.
LEFTOVER_GRACE_S = 2.0
_CLOSE_LIMIT_S = 5.0


class _Job:
    """One attempt: its main process, how that ended (None while it runs), and the ending of its tree if it has one."""

    __slots__ = ("ending", "grace_s", "handle", "outcome", "pid", "token")

    def __init__(self, pid: int, handle: str, launch: Launch) -> None:
        self.pid = pid
        self.handle = handle
        self.token = launch.token
        self.grace_s = launch.kill_grace_s
        self.outcome: Outcome | None = None
        self.ending: Ending | None = None


class LocalRunner:
    """Runs attempts on this machine. `waiter` tells it of exits; the default is the best one here.

    A handle is the main process's identity. An attempt has ended when its main process has exited and nothing of its
    tree is left: leftovers get TERM, CONT, a short grace and KILL. Ours are all processes in its session or group,
    those that carry its token, and what descends from these. Looking for leftovers after an ordinary exit costs no
    scan of the process table: in a sub-reaper whatever left the group is among our children; elsewhere it is not
    looked for.
    """

    def __init__(self, waiter: Waiter | None = None) -> None:
        self._waiter = waiter or choose_waiter()
        self._jobs: dict[str, _Job] = {}
        self._mains: dict[int, _Job] = {}
        self._ending: dict[str, Ending] = {}
        self._ended: dict[str, Ended] = {}
        keep_from_children()

    def submit(self, launches: Sequence[Launch]) -> list[str | SpawnFailed]:
        """Start every launch. One answer for each, in order: its handle, or why it did not start."""
        return [
            started if isinstance(started, SpawnFailed) else self._hold(started, launch)
            for started, launch in zip(spawn_all(launches), launches, strict=True)
        ]

    def _hold(self, pid: int, launch: Launch) -> str:
        handle = identity(pid) or f"{pid}:0:-"
        self._jobs[handle] = self._mains[pid] = _Job(pid, handle, launch)
        self._waiter.watch(pid)
        return handle

    def find(self, token: str) -> list[str]:
        """Handles of all live processes that carry the fencing token, whoever started them."""
        return find(token)

    def poll(self, handles: Collection[str]) -> list[Ended]:
        """Those of `handles` that have ended, each once. Also takes the endings that are under way a step further."""
        for pid, outcome in self._waiter.ended():
            self._main_ended(self._mains.pop(pid), outcome)
        if self._ending:
            self._press(time.monotonic())
        return [self._ended.pop(handle) for handle in list(self._ended) if handle in handles]

    def cancel(self, handle: str) -> None:
        """Begin to end the whole tree: TERM, CONT, the launch's grace, KILL. Nothing happens for an unknown handle."""
        job = self._jobs.get(handle)
        if job is not None and job.ending is None:
            self._end(job, job.grace_s)

    def kill(self, handle: str) -> None:
        """End the whole tree by KILL, also when its grace has begun. Nothing happens for an unknown handle."""
        job = self._jobs.get(handle)
        if job is not None:
            self._end(job, 0.0)

    def wakeup(self) -> Wakeup:
        """When to poll again: when the descriptor is readable, and after so many seconds at the latest."""
        within_s = 0.0 if self._ended else self._waiter.within_s
        if self._ending and not self._ended:
            due = max(min(each.look_at for each in self._ending.values()) - time.monotonic(), 0.0)
            within_s = due if within_s is None else min(due, within_s)
        return Wakeup(self._waiter.fd, within_s)

    def close(self) -> None:
        """End every job still held, without grace, and wait until they are gone."""
        limit = time.monotonic() + _CLOSE_LIMIT_S
        for job in list(self._jobs.values()):
            self._end(job, 0.0)
        while self._jobs and time.monotonic() < limit:
            self.poll(())
            time.sleep(0.001)
        # Whoever shed session, group and environment while its parent lived cannot be told apart until all is over.
        end_tree([each.identity for each in orphans(self._mains)], 0.0)
        orphans(self._mains)
        self._waiter.close()

    def _main_ended(self, job: _Job, outcome: Outcome) -> None:
        job.outcome = outcome
        if job.ending is not None:
            # Once reaped, its pid and with it the group's number may be given to strangers.
            job.ending.group = None
            job.ending.look_at = 0.0
        elif self._adopted_from(job) or signal_group(job.pid, 0):
            self._end(job, min(job.grace_s, LEFTOVER_GRACE_S))
        else:
            self._finish(job, outcome)

    def _adopted_from(self, job: _Job) -> set[str]:
        # Reaps dead orphans too; before the group is looked at, in which they would count as members.
        return {
            each.identity
            for each in orphans(self._mains)
            if job.pid in (each.group, each.session) or token_of(each.pid) == job.token
        }

    def _end(self, job: _Job, grace_s: float) -> None:
        if job.ending is None:
            job.ending = Ending((job.handle,), job.token, grace_s, job.pid if job.outcome is None else None)
            self._ending[job.handle] = job.ending
        job.ending.deadline = min(job.ending.deadline, time.monotonic() + grace_s)
        job.ending.look_at = 0.0
        self._press(time.monotonic())

    def _press(self, now: float) -> None:
        for handle in [handle for handle, ending in self._ending.items() if ending.look_at <= now]:
            job = self._jobs[handle]
            ending = self._ending[handle]
            gone = ending.step()
            if gone and job.outcome is not None and self._adopted_from(job) <= ending.forbidden:
                self._finish(job, job.outcome)

    def _finish(self, job: _Job, outcome: Outcome) -> None:
        self._ending.pop(job.handle, None)
        del self._jobs[job.handle]
        self._ended[job.handle] = Ended(job.handle, outcome)


def keep_from_children() -> None:
    """Mark every descriptor that we were started with, besides 0 to 2, as close-on-exec."""
    for name in os.listdir("/dev/fd"):
        if int(name) > 2:
            _close_on_exec(int(name))


def _close_on_exec(fd: int) -> None:
    try:
        os.set_inheritable(fd, False)
    except OSError:
        return
