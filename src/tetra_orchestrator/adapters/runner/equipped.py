"""Attempts that have more than their process: a filtered output, guarded limits, or a wrapper."""

from __future__ import annotations

from tetra_orchestrator.adapters.runner.local import Job
from tetra_orchestrator.core.outcome import LimitExceeded, Lost, describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.runner.output.pipe import Output
    from tetra_orchestrator.adapters.runner.process import Ending
    from tetra_orchestrator.adapters.runner.provision import Provision
    from tetra_orchestrator.adapters.runner.waiters import Waiter
    from tetra_orchestrator.core.facts import Facts, Usage
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.ports import Ended, Launch


class EquippedJob(Job):
    """An attempt with a provision. `drain_until` is how long its output is still read once its tree is gone."""

    __slots__ = ("drain_until", "exceeded", "provision", "recorded")

    def __init__(self, pid: int, handle: str, launch: Launch, provision: Provision) -> None:
        super().__init__(pid, handle, launch)
        self.provision = provision
        self.drain_until: float | None = None
        self.exceeded: LimitExceeded | None = None
        self.recorded: Facts | None = None

    # -- its process --------------------------------------------------------------------------------------------

    def exited(self, outcome: Outcome, usage: Usage) -> None:
        """Take in how its main process ended; of a wrapper, what that has left."""
        super().exited(outcome, usage)
        if self.launch.record is None:
            return
        from tetra_orchestrator.adapters.runner.wrapped.record import read_record

        if record := read_record(self.launch.record, self.launch.token):
            self.outcome, self.recorded = record
        elif self.ending is None:
            self.outcome = Lost(f"its wrapper left no record: {describe(outcome)}")

    def begin_ending(self, grace_s: float) -> Ending:
        """The end of its tree; of a wrapped one, by its wrapper."""
        if self.launch.record is None or self.outcome is not None:
            return super().begin_ending(grace_s)
        from tetra_orchestrator.adapters.runner.wrapped.wrapping import WrapperEnding

        return WrapperEnding(self.identity, self.launch.token, grace_s)

    def press(self) -> bool:
        """Take the end of its tree a step further; its control group shows us also who cannot be told apart."""
        gone = super().press()
        if self.ending and self.ending.killed_at is not None and self.provision.guard:
            self.provision.guard.kill()
        return gone

    @property
    def may_hide(self) -> bool:
        """Whether its control group is not empty, or its wrapper has died and nobody has seen to its task yet."""
        guard = self.provision.guard
        orphaned = self.launch.record is not None and self.recorded is None and self.ending is None
        return orphaned or (guard is not None and guard.empty() is False)

    # -- what it has besides ------------------------------------------------------------------------------------

    @property
    def output(self) -> Output | None:
        """Its output, where that passes through us."""
        return self.provision.output

    @property
    def is_drained(self) -> bool:
        """Whether there is no output of it that we might still read."""
        return self.output is None or self.output.ended

    def look(self, now: float) -> bool:
        """Look at its limits when that is due; True when it has passed one just now."""
        guard, due = self.provision.guard, self._look_at()
        if guard is not None and due is not None and due <= now:
            self.exceeded = guard.look(self.pid, self.launch.token, now)
        return self.exceeded is not None and self.ending is None

    def due(self, now: float, waiter: Waiter) -> float | None:
        """When to attend to it at the latest."""
        if waiter.fd is None and self.output and self.output.flows:
            return now
        if self.drain_until is not None:
            return now if self.is_drained else self.drain_until
        return self._look_at()

    def _look_at(self) -> float | None:
        if self.provision.guard is None or self.ending or self.outcome is not None:
            return None
        return self.provision.guard.look_at

    def settled(self) -> Ended:
        """Its end, with what its provision knows of it."""
        if not self.is_drained:
            self.notes.append("its output was still open, and is no longer read")
        guard = self.provision.guard
        if guard:
            self.usage = self.usage.at_least(guard.usage())
        if guard and self.outcome:
            self.outcome = guard.cause(self.outcome)
            self.gone = "cgroup" if self.gone and guard.empty() else self.gone
        self.notes += self.provision.close()
        ended = super().settled()
        if self.gone and self.exceeded:
            ended = ended._replace(outcome=self.exceeded)
        return ended._replace(facts=self._recorded() or ended.facts._replace(limits=self.provision.limits))

    def _recorded(self) -> Facts | None:
        """What its wrapper has left, and what we have seen besides: a wrapper looks at nobody while it waits."""
        return self.recorded and self.recorded._replace(usage=self.recorded.usage.at_least(self.sampled))
