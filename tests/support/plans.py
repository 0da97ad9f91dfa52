"""A plan with its calls made short."""

from collections.abc import Mapping
from typing import Any

from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.decision import Decision
from tetra_orchestrator.core.model import Reason, Task
from tetra_orchestrator.core.outcome import Cancelled, Exited, Lost, Signalled, SpawnFailed, TimedOut
from tetra_orchestrator.core.plan import Plan
from tetra_orchestrator.core.recovery import Recovery

Outcome = Cancelled | Exited | Lost | Signalled | SpawnFailed | TimedOut
OK = Exited(0)


class Run:
    """A plan of these tasks; what it starts is reported as started at once."""

    def __init__(
        self,
        *tasks: Task,
        max_parallel: int = 9,
        expected_s: Mapping[str, float] | None = None,
        pools: Mapping[str, int] | None = None,
        done: Mapping[str, Reason] | None = None,
        paused: Mapping[str, Reason] | None = None,
        recovery: Mapping[str, Recovery] | None = None,
        **limits: Any,
    ):
        limited = Limits(max_parallel, tuple((pools or {}).items()), **limits)
        self.plan = Plan(tasks, limited, expected_s or {}, done=done, paused=paused, recovery=recovery)
        self.names = [one.id for one in tasks]

    def starts(self, now: float = 0.0) -> list[str]:
        return [start.task.id for start in self.decide(now).starts]

    def stops(self, now: float = 0.0) -> list[str]:
        return [stop.task.id for stop in self.decide(now).stops]

    def decide(self, now: float = 0.0, elapsed: float | None = None) -> Decision:
        decision = self.plan.decide(now, elapsed)
        for start in decision.starts:
            self.plan.started(start.task.id, now, now if elapsed is None else elapsed)
        return decision

    def end(self, name: str, outcome: Outcome = OK, now: float = 0.0, **evidence: Any) -> Outcome:
        return self.plan.ended(name, outcome, now, **evidence)

    def states(self) -> dict[str, str]:
        return {name: self.plan.state(name).value for name in self.names}

    def reasons(self) -> dict[str, Reason | None]:
        """The reason of each task's last move since the last call."""
        return {move.task_id: move.reason for move in self.plan.take_moves()}
