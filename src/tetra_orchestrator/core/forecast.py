"""What a run will do and when it will end, by driving the plan with expected durations instead of processes."""

from __future__ import annotations

from heapq import heappop, heappush

from tetra_orchestrator.core.graph import critical_path
from tetra_orchestrator.core.nodes import estimates, known_s, within
from tetra_orchestrator.core.outcome import Exited
from tetra_orchestrator.core.plan import Plan
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tetra_orchestrator.core.admission import Limits, Room
    from tetra_orchestrator.core.model import Reason, Task


class Span(Record):
    """When a task starts and ends, in seconds from the start of the run."""

    start_s: float
    finish_s: float


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
    plan, running, skipped = opening(tasks, limits, expected_s, paused, done)
    guess = estimates(running, expected_s)
    path = tuple(critical_path(within(running), guess))
    if any(known_s(task, expected_s) is None for task in running):
        return Forecast(path, None, skipped)
    return Forecast(path, end_of(simulated(plan, guess)), skipped)


def opening(
    tasks: Sequence[Task],
    limits: Limits,
    expected_s: Mapping[str, float],
    paused: Mapping[str, Reason] | None,
    done: Mapping[str, Reason] | None,
) -> tuple[Plan, list[Task], dict[str, Reason]]:
    """The plan before anything has started, which tasks it will run, and which not, with why; as for `forecast`."""
    untimed = [_without_limits(task) for task in tasks]
    plan = Plan(untimed, limits._replace(timeout_s=None), expected_s, done=done, paused=paused)
    skipped = {move.task_id: move.reason for move in plan.take_moves() if move.reason}
    return plan, [task for task in tasks if plan.state(task.id) is TaskState.PENDING], skipped


def spans(
    tasks: Sequence[Task],
    limits: Limits,
    seconds: Mapping[str, float],
    skipped: Iterable[str] = (),
    room: Room | None = None,
) -> dict[str, Span]:
    """When each task that runs starts and ends, with these seconds by task id; `skipped` ones are left out.

    They come in the order of their starts. `room` is what they run in, where that is not this host.
    """
    inside = _without(tasks, frozenset(skipped))
    return simulated(Plan(inside, limits._replace(timeout_s=None), seconds, room=room), seconds)


def end_of(found: Mapping[str, Span]) -> float:
    """The seconds after which the last of them is over."""
    return max((span.finish_s for span in found.values()), default=0.0)


def _without(tasks: Sequence[Task], skipped: Collection[str]) -> list[Task]:
    """The others, which wait for none of them; what has to is skipped with them."""
    kept = [_without_limits(task) for task in tasks if task.id not in skipped]
    if not skipped:
        return kept
    return [
        task._replace(
            depends_on=tuple(name for name in task.depends_on if name not in skipped),
            conditions=tuple(one for one in task.conditions if one[0] not in skipped),
            run_if=tuple(rule for rule in task.run_if if rule.task not in skipped),
        )
        for task in kept
    ]


def _without_limits(task: Task) -> Task:
    if task.timeout_s is None and task.wall_timeout_s is None and task.cache is None:
        return task
    return task._replace(timeout_s=None, wall_timeout_s=None, cache=None)


def simulated(plan: Plan, seconds: Mapping[str, float]) -> dict[str, Span]:
    """When the tasks of the plan start and end that run, in the order in which they start."""
    now = 0.0
    found: dict[str, Span] = {}
    running: list[tuple[float, str]] = []
    while not plan.finished:
        decision = plan.decide(now)
        for start in decision.starts:
            plan.started(start.task.id, now, now)
            found[start.task.id] = Span(now, now)
            if start.task.service is None:
                heappush(running, (now + seconds[start.task.id], start.task.id))
        ready = plan.starting()
        for task_id in ready:
            plan.ready(task_id)
        for stop in decision.stops:
            plan.ended(stop.task.id, Exited(0), now)
            found[stop.task.id] = found[stop.task.id]._replace(finish_s=now)
        if ready or decision.stops:
            continue
        if not running:
            break
        now, task_id = heappop(running)
        plan.ended(task_id, Exited(0), now)
        found[task_id] = found[task_id]._replace(finish_s=now)
    return found
