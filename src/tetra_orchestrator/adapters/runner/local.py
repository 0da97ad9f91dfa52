"""Attempts as direct children, each in a session and with a log of its own."""

from __future__ import annotations

import os
import time

from tetra_orchestrator.adapters.runner.process import (
    KILL_LIMIT_S,
    Ending,
    end_tree,
    find,
    identity,
    is_subreaper,
    orphans,
    pid_of,
    settled_token_of,
    signal_group,
    state_of,
    tree,
)
from tetra_orchestrator.adapters.runner.spawn import spawn_all
from tetra_orchestrator.adapters.runner.waiters import choose_waiter, used
from tetra_orchestrator.core.facts import UNKNOWN, Facts
from tetra_orchestrator.core.outcome import Exited, Lost, SpawnFailed, Unkillable
from tetra_orchestrator.ports import Ended, Wakeup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tetra_orchestrator.adapters.runner.equipped import EquippedJob
    from tetra_orchestrator.adapters.runner.metering.meter import Meter, Tree
    from tetra_orchestrator.adapters.runner.processtable import Buried, Process
    from tetra_orchestrator.adapters.runner.provision import Provision
    from tetra_orchestrator.adapters.runner.waiters import Waiter
    from tetra_orchestrator.core.facts import Usage
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.ports import Launch

#: What a process leaves behind when it exits by itself gets at most this much time.
LEFTOVER_GRACE_S = 2.0
#: How long after the end of an attempt its output may stay open before we read no more of it.
DRAIN_S = 2.0
# Nobody hands us more; looked at only where the open ones are not listed.
_MOST_DESCRIPTORS = 1024
# Longer than it takes to give up what cannot be killed, or to have a wrapper end its task.
_CLOSE_LIMIT_S = 20.0
#: An attempt that has lasted so long is looked at now and then for what it takes.
LOOK_AFTER_S = 1.0
#: For those who leave that to somebody else.
NEVER = float("inf")


class Job:
    """One attempt: `outcome` is None while its main process runs, `ending` the end of its tree once that has begun.

    `gone` says what showed that nothing of its tree is left, `notes` what was odd about it.
    """

    __slots__ = (
        *("ending", "gone", "handle", "launch", "named", "notes", "outcome", "pid"),
        *("sampled", "since", "usage"),
    )

    def __init__(self, pid: int, handle: str, launch: Launch) -> None:
        self.pid = pid
        self.handle = handle
        self.launch = launch
        self.outcome: Outcome | None = None
        self.ending: Ending | None = None
        self.gone: str | None = None
        self.usage = self.sampled = UNKNOWN
        self.since = time.monotonic()
        self.named: str | None = None
        self.notes: list[str] = []

    @property
    def identity(self) -> str:
        """The identity of its main process, asked for when it is first needed: the kernel is slow to tell while the
        process begins. Once that has been waited for, its pid may be a stranger's, and names nobody."""
        if self.named is None and self.outcome is None:
            self.named = identity(self.pid)
        return self.named or f"{self.pid}:0:-"

    def exited(self, outcome: Outcome, usage: Usage) -> None:
        """Take in how its main process ended."""
        self.outcome = outcome
        self.take(usage)

    def take(self, usage: Usage) -> None:
        """Add what one of its processes took that has been waited for."""
        self.usage = self.usage.with_more(usage)

    def begin_ending(self, grace_s: float) -> Ending:
        """The end of its tree, which nothing has begun yet."""
        return Ending((self.identity,), self.launch.token, grace_s, self.pid if self.outcome is None else None)

    def press(self) -> bool:
        """Take the end of its tree a step further; True when nobody is left whom we may end."""
        return self.ending is not None and self.ending.step()

    def give_up(self) -> set[str]:
        """Take for its outcome that its tree, or else its main process, is still there; returns who that is."""
        left = (self.ending.left if self.ending else set()) or {self.identity}
        named = [f"process {pid} (state {state_of(pid) or 'unknown'})" for pid in sorted(map(pid_of, left))]
        verb = "is" if len(named) == 1 else "are"
        self.outcome = Unkillable(f"{', '.join(named)} {verb} still there {KILL_LIMIT_S:g} s after KILL")
        return left

    @property
    def tree(self) -> Tree:
        """Its processes, for a meter."""
        from tetra_orchestrator.adapters.runner.metering.meter import Tree

        main = self.pid if self.outcome is None else None
        return Tree(self.handle, self.launch.token, main, self.launch.record is not None, self.launch)

    @property
    def may_hide(self) -> bool:
        """Whether something of it may live on where neither its group nor our children show it."""
        return False

    def settled(self) -> Ended:
        """Its end, once its tree is gone or given up."""
        outcome = self.outcome or Lost("nobody has waited for its main process")
        usage = self.usage.at_least(self.sampled)
        return Ended(self.handle, outcome, Facts(usage, (), self.gone, "; ".join(self.notes) or None))


class LocalRunner:
    """Runs attempts on this machine. `waiter` tells it of exits; the default is the best one here.

    A handle is the main process's pid and a number, the lasting one its identity. An attempt has ended when its main
    process has exited and nothing of its tree is left: leftovers get TERM, CONT, a short grace and KILL. Ours are all
    processes in its session or group, those that carry its token, and what descends from these. Looking for leftovers
    after an ordinary exit costs no scan of the process table: in a sub-reaper whatever left the group is among our
    children; elsewhere it is not looked for. What still lives 5 seconds after KILL is given up.

    Whatever a launch asks for besides its process is in `equipped` and `provision`; an attempt that has its output read
    by us has ended once no process can write to it any more, or soon after.

    What an attempt took is what the kernel tells of who was waited for. After `look_after_s` seconds a meter looks at
    its processes, too.
    """

    def __init__(self, waiter: Waiter | None = None, look_after_s: float = LOOK_AFTER_S) -> None:
        self.waiter = waiter or choose_waiter()
        self._jobs: dict[str, Job] = {}
        self._mains: dict[int, Job] = {}
        self._ending: dict[str, Job] = {}
        self._attended: dict[str, EquippedJob] = {}
        self._ended: dict[str, Ended] = {}
        self._in_background: list[tuple[set[str], str]] = []
        self._given_up: set[str] = set()
        self._count = 0
        self._look_after_s = look_after_s
        self._look_at = NEVER
        self._meter: Meter | None = None
        keep_from_children()

    def submit(self, launches: Sequence[Launch]) -> list[str | SpawnFailed]:
        """Start every launch. One answer for each, in order: its handle, or why it did not start."""
        provisions = _provisions(launches)
        means = {token: one if isinstance(one, SpawnFailed) else one.means for token, one in provisions.items()}
        return [
            self._hold(started, launch, provisions.get(launch.token))
            for started, launch in zip(spawn_all(launches, means), launches, strict=True)
        ]

    def _hold(
        self, started: int | SpawnFailed, launch: Launch, provision: Provision | SpawnFailed | None
    ) -> str | SpawnFailed:
        if isinstance(provision, SpawnFailed):
            return provision
        if provision:
            provision.spawned()
        if isinstance(started, SpawnFailed):
            if provision:
                provision.close()
            return started
        self._count += 1
        handle = f"{started}:{self._count}"
        job = self._jobs[handle] = self._mains[started] = self._job(started, handle, launch, provision)
        soonest = self._meter.soonest if self._meter else 0.0
        self._look_at = min(self._look_at, max(job.since + self._look_after_s, soonest))
        self.waiter.watch(started)
        return handle

    def _job(self, pid: int, handle: str, launch: Launch, provision: Provision | None) -> Job:
        if provision is None:
            return Job(pid, handle, launch)
        from tetra_orchestrator.adapters.runner.equipped import EquippedJob

        job = self._attended[handle] = EquippedJob(pid, handle, launch, provision)
        if job.output:
            self.waiter.listen(job.output.reading)
        return job

    def lasting(self, handle: str) -> str:
        """The identity of the job's main process; the handle itself where there is no such job."""
        job = self._jobs.get(handle)
        return job.identity if job else handle

    def find(self, token: str) -> list[str]:
        """Handles of the attempts that carry the fencing token; where we hold none, of the processes that do."""
        return [job.handle for job in self._jobs.values() if job.launch.token == token] or find(token)

    def begun(self, handles: Collection[str]) -> Collection[str]:
        """All of them: here nothing waits."""
        return handles

    def poll(self, handles: Collection[str]) -> list[Ended]:
        """Those of `handles` that have ended, each once. Also takes whatever is under way a step further."""
        for pid, outcome, usage in self.waiter.ended():
            self._main_ended(self._mains.pop(pid), outcome, usage)
        for job in list(self._ending.values()):
            self._press(job, time.monotonic())
        if self._attended:
            self._attend(time.monotonic())
        if self._jobs and time.monotonic() >= self._look_at:
            self._look(time.monotonic())
        return [self._ended.pop(handle) for handle in list(self._ended) if handle in handles]

    def cancel(self, handle: str) -> None:
        """Begin to end the whole tree: TERM, CONT, the launch's grace, KILL. Nothing happens for an unknown handle."""
        job = self._jobs.get(handle)
        if job is not None and job.ending is None:
            self._end(job, job.launch.kill_grace_s)

    def kill(self, handle: str) -> None:
        """End the whole tree by KILL, also when its grace has begun. Nothing happens for an unknown handle."""
        job = self._jobs.get(handle)
        if job is not None:
            self._end(job, 0.0)

    def wakeup(self) -> Wakeup:
        """When to poll again: when the descriptor is readable, and after so many seconds at the latest."""
        if self._ended:
            return Wakeup(self.waiter.fd, 0.0)
        within_s = self.waiter.within_s
        if self._ending or self._attended or self._jobs:
            now = time.monotonic()
            due = [job.ending.look_at for job in self._ending.values() if job.ending]
            due += [self._look_at] if self._jobs and self._look_at < NEVER else []
            due += [at for job in self._attended.values() if (at := job.due(now, self.waiter)) is not None]
            within_s = min([max(at - now, 0.0) for at in due] + ([] if within_s is None else [within_s]), default=None)
        return Wakeup(self.waiter.fd, within_s)

    def close(self) -> None:
        """End every job still held, without grace, and wait until they are gone."""
        limit = time.monotonic() + _CLOSE_LIMIT_S
        for job in list(self._jobs.values()):
            self._end(job, 0.0)
        while (self._jobs or self._attended) and time.monotonic() < limit:
            self.poll(())
            time.sleep(0.001)
        # Whoever shed session, group and environment while its parent lived cannot be told apart until all is over.
        spared = self._given_up.union(*(tree(roots, token) for roots, token in self._in_background))
        end_tree([each.identity for each in self._orphans() if each.identity not in spared], 0.0)
        self._orphans()
        self.waiter.close()

    def _main_ended(self, job: Job, outcome: Outcome, usage: Usage) -> None:
        if job.handle not in self._jobs:
            return  # given up, and gone after all
        job.exited(outcome, usage)
        if job.ending is not None:
            # Once reaped, its pid and with it the group's number may be given to strangers.
            job.ending.group = None
            job.ending.look_at = 0.0
        elif job.launch.background and job.outcome == Exited(0):
            self._leave(job)
        elif self._adopted_from(job) or signal_group(job.pid, 0) or job.may_hide:
            self._end(job, min(job.launch.kill_grace_s, LEFTOVER_GRACE_S))
        else:
            self._finish(job, "children" if is_subreaper() else "group")

    def _leave(self, job: Job) -> None:
        # Who has shed the token, too, could be of another attempt; of the two mistakes this one ends no daemon.
        strangers = {each.identity for each in self._orphans() if settled_token_of(each.pid) is None}
        if left := strangers.union(tree((job.identity,), job.launch.token)):
            self._in_background.append(({job.identity, *left}, job.launch.token))
            job.notes.append(f"it left {len(left)} process{'es' if len(left) > 1 else ''} in the background")
        self._finish(job, None if left else "table")

    def _adopted_from(self, job: Job) -> set[str]:
        # Reaps dead orphans too; before the group is looked at, in which they would count as members.
        return {
            each.identity
            for each in self._orphans()
            if job.pid in (each.group, each.session) or settled_token_of(each.pid) == job.launch.token
        }

    def _orphans(self) -> list[Process]:
        """Adopted children that live. What the dead took counts for their attempts, as far as these are known."""
        buried: list[Buried] = []
        found = orphans(self._mains, buried)
        for one in buried:
            if job := self._bereaved(one):
                job.take(used(one.usage))
        return found

    def _bereaved(self, dead: Buried) -> Job | None:
        for job in self._jobs.values():
            if job.pid in (dead.group, dead.session):
                return job
        handle = self._meter.owner(dead.pid, dead.start) if self._meter else None
        return self._jobs.get(handle or "")

    def _look(self, now: float) -> None:
        """See what the attempts take by now, if one of them has lasted long enough."""
        oldest = next(iter(self._jobs.values()))
        self._look_at = oldest.since + self._look_after_s
        if now < self._look_at:
            return
        if self._meter is None:
            from tetra_orchestrator.adapters.runner.metering.meter import Meter
            from tetra_orchestrator.adapters.runner.metering.samples import SampleFile

            self._meter = Meter(adopts=is_subreaper(), samples=SampleFile())
        self._meter.look([job.tree for job in self._jobs.values()])
        self._look_at = self._meter.due

    def _end(self, job: Job, grace_s: float) -> None:
        if job.ending is None:
            job.ending = job.begin_ending(grace_s)
            self._ending[job.handle] = job
        job.ending.deadline = min(job.ending.deadline, time.monotonic() + grace_s)
        job.ending.look_at = 0.0
        # Nobody else: others may have been reaped just now, and their groups' numbers be free for strangers.
        self._press(job, time.monotonic())

    def _press(self, job: Job, now: float) -> None:
        ending = job.ending
        if ending is None or ending.look_at > now:
            return
        gone = job.press()
        if gone and job.outcome is not None and self._adopted_from(job) <= ending.forbidden and not job.may_hide:
            self._finish(job, "children" if is_subreaper() else "table" if state_of(os.getpid()) else "group")
        elif ending.killed_at is not None and now > ending.killed_at + KILL_LIMIT_S:
            self._given_up |= job.give_up()
            self._finish(job, None)

    def _finish(self, job: Job, gone: str | None) -> None:
        self._ending.pop(job.handle, None)
        del self._jobs[job.handle]
        job.gone = gone
        if self._meter:
            job.sampled = self._meter.forget(job.handle)
        if not self._jobs:
            self._look_at = NEVER
        if job.handle in self._attended:
            self._attended[job.handle].drain_until = time.monotonic() + DRAIN_S
        else:
            self._ended[job.handle] = job.settled()

    def _attend(self, now: float) -> None:
        for job in list(self._attended.values()):
            if job.output and job.output.pump():
                self.waiter.ignore(job.output.reading)
            if job.look(now):
                self._end(job, job.launch.kill_grace_s)
            if job.drain_until is not None and (job.is_drained or now >= job.drain_until):
                if job.output and not job.is_drained:
                    self.waiter.ignore(job.output.reading)
                del self._attended[job.handle]
                self._ended[job.handle] = job.settled()


def _provisions(launches: Iterable[Launch]) -> dict[str, Provision | SpawnFailed]:
    """What some of the launches need besides their process, by token."""
    special = [one for one in launches if one.redact or one.patterns or one.bounds or one.record]
    if not special:
        return {}
    from tetra_orchestrator.adapters.runner.provision import provide

    return {launch.token: provide(launch) for launch in special}


def keep_from_children() -> None:
    """Mark every descriptor that we were started with, besides 0 to 2, as close-on-exec."""
    for fd in _open_descriptors():
        if fd > 2:
            _close_on_exec(fd)


def _open_descriptors() -> Iterable[int]:
    try:
        return [int(name) for name in os.listdir("/dev/fd")]
    except OSError:  # a Linux without /proc
        return range(min(os.sysconf("SC_OPEN_MAX"), _MOST_DESCRIPTORS))


def _close_on_exec(fd: int) -> None:
    try:
        os.set_inheritable(fd, False)
    except OSError:
        return
