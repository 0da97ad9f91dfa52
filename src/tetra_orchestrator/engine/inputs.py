"""What a function is handed of the data sets that it reads, and who writes them."""

from __future__ import annotations

from tetra_orchestrator.core.model import Function
from tetra_orchestrator.engine.filling import TemplateError
from tetra_orchestrator.worker import KEPT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.model import Json, Project, Task
    from tetra_orchestrator.core.template import Reference
    from tetra_orchestrator.engine.attempt import Context

    Known = Mapping[str, Mapping[str, Json]]


def writers(project: Project) -> dict[str, tuple[str, ...]]:
    """Every data set that a function writes, with the ids of its tasks."""
    found: dict[str, tuple[str, ...]] = {}
    for task in project.tasks():
        for name in task.program.writes if isinstance(task.program, Function) else ():
            found[name] = (*found.get(name, ()), task.id)
    return found


def read_from(task: Task, written: Mapping[str, tuple[str, ...]]) -> list[Reference]:
    """The outputs of other tasks that hold what a function reads; `written` is that of `writers`."""
    reads = task.program.reads if isinstance(task.program, Function) else ()
    others = [(name, [owner for owner in written.get(name, ()) if owner != task.id]) for name in reads]
    if not any(owners for _, owners in others):
        return []
    from tetra_orchestrator.core.template import Reference

    near = [(name, [owner for owner in owners if owner in task.depends_on] or owners) for name, owners in others]
    return [Reference(owners[0], name) for name, owners in near if owners]


def arguments(task: Task, program: Function, context: Context, known: Known) -> dict[str, Json]:
    """What the worker needs to call the function; raises `TemplateError` where a data set is missing."""
    inputs = [_handed_over(name, task, program, context, known) for name in program.reads]
    return {
        "reads": list(program.reads),
        "inputs": inputs,
        "writes": list(program.writes),
        "output_limit": task.output_limit_bytes,
    }


def _handed_over(name: str, task: Task, program: Function, context: Context, known: Known) -> Json:
    """The output of that name, which for what stays in a session describes it; for one that no task writes its name."""
    owners = [owner for owner in context.writers(name) if owner != task.id]
    owner = next((each for each in (*task.depends_on, *owners) if name in known.get(each, ())), None)
    if owner is None and owners:
        raise TemplateError(f"{task.id} reads '{name}', and {', '.join(owners)} left no output of that name")
    value = known[owner][name] if owner else name
    if isinstance(value, dict) and value.keys() == KEPT and value["session"] != program.session:
        raise TemplateError(
            f"{task.id} reads '{name}', a {value['type']} that stays in the session '{value['session']}'",
            hint=f"give {task.id} the same session, or let {owner} write plain values",
        )
    return value
