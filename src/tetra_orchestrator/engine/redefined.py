"""Which tasks of a run are defined otherwise in the configuration as it is now."""

from __future__ import annotations

from tetra_orchestrator.core.model import Command, Reason, Shell
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.engine.again import DEFINITION_CHANGED
from tetra_orchestrator.engine.attempt import referenced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.model import Json, Project, Task
    from tetra_orchestrator.core.selection import Selection


class Version(Record):
    """A configuration as a run has it: what it selects of the project, with these parameters."""

    project: Project
    selection: Selection
    params: Mapping[str, Json]


def redefined(before: Version, after: Version) -> dict[str, Reason]:
    """The tasks in both that are to do something else by now, or after something else, with what has changed.

    What a task is given counts: its program, arguments, environment, interpreter, folder, `config`, the parameters that
    it refers to, what it depends on and on which conditions, what it has to hand on. How it is run does not: limits,
    retries, priorities, pools and logs.
    """
    old = {task.id: task for task in before.selection.tasks}
    found = {}
    for task in after.selection.tasks:
        if task.id in old:
            then, now = _definition(old[task.id], before), _definition(task, after)
            changed = [part for part in now if now[part] != then[part]]
            if changed:
                text = f"its definition has changed: {', '.join(changed)}"
                found[task.id] = Reason(DEFINITION_CHANGED, text)
    return found


def _definition(task: Task, version: Version) -> dict[str, object]:
    project = version.project
    asked = [each.key for each in referenced(task) if each.owner == "params"]
    return {
        "program": task.program,
        "args": task.args,
        "env": {**dict(project.environment.extra), **dict(task.env)},
        "cwd": task.cwd,
        "python": (task.python or project.python) if _is_python(task) else None,
        "config": task.config,
        "params": {name: version.params.get(name) for name in asked},
        "depends_on": (frozenset(task.depends_on), frozenset(task.conditions)),
        "run_if": frozenset(task.run_if),
        "outputs": frozenset(task.outputs),
        "until": task.service,
    }


def _is_python(task: Task) -> bool:
    """Whether the task runs in the project's interpreter."""
    if isinstance(task.program, Command):
        return task.program.argv[0] == "python"
    return not isinstance(task.program, Shell)
