"""What can be told of tasks with `cache` before a run: of those that wait for nothing that would run."""

from __future__ import annotations

from tetra_orchestrator.core.graph import order
from tetra_orchestrator.core.history import Run
from tetra_orchestrator.engine.attempt import Context, values
from tetra_orchestrator.engine.gate import earlier_outputs
from tetra_orchestrator.engine.looking import Looker
from tetra_orchestrator.errors import NotNow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from tetra_orchestrator.core.model import Json
    from tetra_orchestrator.engine.looking import Answer, Looked
    from tetra_orchestrator.engine.materials import InputFiles
    from tetra_orchestrator.engine.start import Request
    from tetra_orchestrator.ports import Clock, Store


def foreseen(request: Request, store: Store, files: InputFiles, clock: Clock) -> dict[str, Answer]:
    """By task id what a run would find that started now. Raises `StoreError` where the store fails."""
    context = Context(request.project, _run(request), request.params, {}, request.secrets)
    looker = Looker(context, store, files, clock, request.anew)
    known = values(context, _outside(request, store))
    tasks = {task.id: task for task in request.selection.tasks if task.enabled}
    found: dict[str, Answer] = {}
    for name in order({task.id: task.depends_on for task in request.selection.tasks}):
        before = [found.get(other) for other in tasks[name].depends_on if other in tasks] if name in tasks else [None]
        if all(one and one.outputs is not None for one in before) and tasks[name].cache is not None:
            answer = found[name] = _all_of(looker.look(tasks[name], known)).answer
            known[name] = answer.outputs or {}
    return found


def _outside(request: Request, store: Store) -> Mapping[str, Mapping[str, Json]]:
    try:
        return earlier_outputs(request, store)
    except NotNow:
        return {}


def _run(request: Request) -> Run:
    project, mode = request.project, request.selection.mode
    name = mode.name if mode else None
    return Run("", project.name, name, request.trigger, "", project.config_hash, partition=request.partition)


def _all_of(steps: Generator[None, None, Looked]) -> Looked:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            looked: Looked = end.value
            return looked
