"""When each task of a run will start and end, how much later it might, and how sure that is by its history."""

from __future__ import annotations

from tetra_orchestrator.core.forecast import Span, end_of, opening, spans
from tetra_orchestrator.core.graph import critical_path, remaining_s
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.nodes import estimates, known_s, within
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spread import middle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tetra_orchestrator.core.admission import Limits
    from tetra_orchestrator.core.graph import Graph
    from tetra_orchestrator.core.model import Task

    History = Mapping[str, Sequence[float]]

#: Why a task would be skipped that is only there for a failure, say.
NOT_MET = Reason("condition_not_met", "its `run_if` does not hold where every task succeeds")


class Outlook(Record):
    """What a run will do. Seconds count from its start; those of tasks that are `unknown` count as none.

    `slack_s` is by how much a task may end later without making the run longer, if nothing else holds up what waits for
    it. The run ends after `finish_s`, None while a task is unknown; after `least_s` if every task is as quick as in the
    quickest of its `history`, after `most_s` if as slow as in the slowest.
    """

    critical_path: tuple[str, ...]
    skipped: Mapping[str, Reason]
    spans: Mapping[str, Span]
    slack_s: Mapping[str, float]
    unknown: tuple[str, ...]
    finish_s: float | None
    least_s: float
    most_s: float


def outlook(
    tasks: Sequence[Task],
    limits: Limits,
    history: History,
    paused: Mapping[str, Reason] | None = None,
    done: Mapping[str, Reason] | None = None,
) -> Outlook:
    """The outlook for these tasks, by the seconds that each took before (shortest first), else by what it declares."""
    usual = {name: middle(took) for name, took in history.items()}
    _, running, skipped = opening(tasks, limits, usual, paused, done)
    seconds = {task.id: known_s(task, usual) for task in running}
    unknown = tuple(name for name, took in seconds.items() if took is None)
    planned = spans(tasks, limits, _filled(seconds), skipped)
    if unmet := {task.id: NOT_MET for task in running if task.id not in planned and _is_foreseen(task)}:
        return outlook(tasks, limits, history, {**(paused or {}), **unmet}, done)
    ends = [end_of(spans(tasks, limits, _extreme(running, history, which), skipped)) for which in (min, max)]
    graph = within(running)
    return Outlook(
        tuple(critical_path(graph, estimates(running, usual))),
        skipped,
        planned,
        _slack_s(graph, planned, _filled(seconds)),
        unknown,
        None if unknown else end_of(planned),
        min(*ends, end_of(planned)),
        max(*ends, end_of(planned)),
    )


def _is_foreseen(task: Task) -> bool:
    """Whether it can be told without running anything that the `run_if` of the task does not hold."""
    return bool(task.run_if) and not any(rule.output for rule in task.run_if)


def _filled(seconds: Mapping[str, float | None]) -> dict[str, float]:
    return {name: took or 0.0 for name, took in seconds.items()}


def _extreme(tasks: Sequence[Task], history: History, which: Callable[[Sequence[float]], float]) -> dict[str, float]:
    found = {name: which(took) for name, took in history.items()}
    return _filled({task.id: known_s(task, found) for task in tasks})


def _slack_s(graph: Graph, planned: Mapping[str, Span], seconds: Mapping[str, float]) -> dict[str, float]:
    rest, end = remaining_s(graph, seconds), end_of(planned)
    return {name: max(0.0, end - span.start_s - rest[name]) for name, span in planned.items()}
