"""A run without processes: what a plan starts ends after so many seconds of simulated time, as the script says."""

from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from support.plans import Outcome
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.model import Task
from tetra_orchestrator.core.outcome import Exited, Signalled
from tetra_orchestrator.core.plan import Plan


class Span(NamedTuple):
    """One attempt, from when to when in seconds, and how it ended."""

    task_id: str
    attempt: int
    started: float
    ended: float
    outcome: Outcome


class Simulation(NamedTuple):
    """`makespan` is when the last attempt ended; `history` has the attempts in the order of their ends."""

    makespan: float
    history: list[Span]
    plan: Plan


def well(task_id: str, attempt: int) -> Outcome:
    """The script of a run in which nothing fails."""
    return Exited(0)


def simulate(
    tasks: Sequence[Task],
    limits: Limits,
    durations: Mapping[str, float],
    expected: Mapping[str, float] | None = None,
    script: Callable[[str, int], Outcome] = well,
) -> Simulation:
    """Run the plan of the tasks to its end. `durations` are seconds by task, `expected` what the plan knows of them.

    What is stopped ends at once; a service is ready at once and ends when it is stopped.
    """
    plan = Plan(tasks, limits, expected or {})
    now, history = 0.0, list[Span]()
    running: list[tuple[float, str, int]] = []
    live: dict[str, tuple[int, float]] = {}

    def end(task_id: str, outcome: Outcome) -> None:
        attempt, began = live.pop(task_id)
        history.append(Span(task_id, attempt, began, now, plan.ended(task_id, outcome, now)))

    while True:
        decision = plan.decide(now)
        for start in decision.starts:
            task_id = start.task.id
            plan.started(task_id, now, now)
            live[task_id] = (start.attempt, now)
            if start.task.service is None:
                heappush(running, (now + durations[task_id], task_id, start.attempt))
        for task_id in plan.starting():
            plan.ready(task_id)
        for stop in decision.stops:
            end(stop.task.id, Signalled(15))
        if plan.finished:
            return Simulation(max((span.ended for span in history), default=0.0), history, plan)
        if decision.stops or any(start.task.service for start in decision.starts):
            continue
        while running and live.get(running[0][1], (0, 0.0))[0] != running[0][2]:
            heappop(running)
        times = [running[0][0]] if running else []
        times += [] if decision.wake_at is None else [decision.wake_at]
        assert times, f"nothing will happen, and there wait {plan.waiting()}"
        now = max(now, min(times))
        while running and running[0][0] <= now:
            _, task_id, attempt = heappop(running)
            if live.get(task_id, (0, 0.0))[0] == attempt:
                end(task_id, script(task_id, attempt))
