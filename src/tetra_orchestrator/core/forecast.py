"""What a run will do and when it will end, by driving the plan with expected durations instead of processes."""

from __future__ import annotations

from heapq import heappop, heappush

from tetra_orchestrator.core.graph import critical_path
from tetra_orchestrator.core.nodes import estimates, known_s
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.plan import Plan
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.admission import Limits
    from tetra_orchestrator.core.model import Reason, Task


class Forecast(Record):
    """`critical_path` bounds the finish; `finish_s` is seconds from now, None while a duration is unknown.

    `skipped` are the tasks that do not run, with why.
    """

    critical_path: tuple[str, ...]
    finish_s: float | None
    skipped: Mapping[str, Reason]


def forecast(
    tasks: Sequence[Task],
    limits: Limits,
    expected_s: Mapping[str, float],
    paused: Mapping[str, Reason] | None = None,
    done: Mapping[str, Reason] | None = None,
) -> Forecast:
    """Simulate the run as if every attempt succeeded after its expected duration (seconds) and no time limit held.

    A service is ready at once and ends when nothing needs it. `paused` are the tasks that the run leaves out, `done`
    those that need not be done again.
    """
    untimed = [_without_limits(task) for task in tasks]
    plan = Plan(untimed, limits._replace(timeout_s=None), expected_s, done=done, paused=paused)
    skipped = {move.task_id: move.reason for move in plan.take_moves() if move.reason}
    running = [task for task in tasks if plan.state(task.id) is TaskState.PENDING]
    known = {task.id: known_s(task, expected_s) for task in running}
    guess = estimates(running, expected_s)
    inside = set(known)
    graph = {task.id: tuple(d for d in task.depends_on if d in inside) for task in running}
    path = tuple(critical_path(graph, guess))
    if None in known.values():
        return Forecast(path, None, skipped)
    return Forecast(path, _makespan(plan, guess), skipped)


def _without_limits(task: Task) -> Task:
    if task.timeout_s is None and task.wall_timeout_s is None and task.cache is None:
        return task
    return task._replace(timeout_s=None, wall_timeout_s=None, cache=None)


def _makespan(plan: Plan, seconds: Mapping[str, float]) -> float:
    now = 0.0
    running: list[tuple[float, str]] = []
    while not plan.finished:
        decision = plan.decide(now)
        for start in decision.starts:
            plan.started(start.task.id)
            if start.task.service is None:
                heappush(running, (now + seconds[start.task.id], start.task.id))
        ready = plan.starting()
        for task_id in ready:
            plan.ready(task_id)
        for stop in decision.stops:
            plan.ended(stop.task.id, Exited(0), now)
        if ready or decision.stops:
            continue
        if not running:
            break
        now, task_id = heappop(running)
        plan.ended(task_id, Exited(0), now)
    return now
