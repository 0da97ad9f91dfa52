"""A part of a selection: from a task on, until a task, or only some tasks."""

from __future__ import annotations

from tetra_orchestrator.core.condition import READY
from tetra_orchestrator.core.graph import dependants, upstream_of
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.selection import suggest, wiring
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tetra_orchestrator.core.graph import Graph
    from tetra_orchestrator.core.model import Project, Task
    from tetra_orchestrator.core.selection import Selection

NOT_SELECTED = Reason("not_selected", "it is not in the part that was asked for")


class Cut(Record):
    """The part that is asked for, by names of tasks and pipelines.

    `first` and all that depends on it; of that, `last` and all that it depends on. Or `only` these.
    """

    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


def narrowed(project: Project, selection: Selection, cut: Cut) -> Selection:
    """The part of the selection that is asked for, with the services that it uses.

    Raises `UsageError` for a name that is not in the selection, and for a part of which nothing is left.
    """
    if not any(cut):
        return selection
    if cut.only and (cut.first or cut.last):
        message = "--only names all that runs, and --from and --until say where it begins and ends"
        raise UsageError(message, hint="leave out one or the other")
    graph = {task.id: task.depends_on for task in selection.tasks}
    meant = {name: _meant(name, project, selection) for names in cut for name in names}
    chosen = _chosen(cut, graph, meant)
    asked = {task.pipeline for task in selection.tasks if any(task.id in ids for ids in meant.values())}
    part = reduced(project, selection, chosen)
    return part._replace(named=tuple(name for name in part.pipelines if name in asked or name in selection.named))


def reduced(project: Project, selection: Selection, ids: Collection[str]) -> Selection:
    """The selection with only these of its tasks and the services that they use.

    What is left out is seen through: a task waits for those before it that are in. Conditions on how others end hold
    only for these.
    """
    inside = _with_services(selection.tasks, ids)
    every = {task.id: task for task in project.tasks()}
    tasks = tuple(_within(task, every, inside) for task in selection.tasks if task.id in inside)
    present = {task.pipeline for task in tasks}
    return selection._replace(
        pipelines=tuple(name for name in selection.pipelines if name in present),
        tasks=tasks,
        left_out=tuple(task for task in selection.tasks if task.id not in inside),
    )


def behind(graph: Graph, names: Iterable[str]) -> set[str]:
    """Everything that depends on one of the names, directly or not."""
    reverse = dependants(graph)
    return {found for name in names for found in upstream_of(reverse, name)}


def _meant(name: str, project: Project, selection: Selection) -> set[str]:
    """The ids of the selected tasks that a name stands for: a task's own, or its pipeline's."""
    found = {task.id for task in selection.tasks if name in (task.id, task.pipeline)}
    if found:
        return found
    here = [*dict.fromkeys(name for task in selection.tasks for name in (task.pipeline, task.id))]
    if any(name in (task.id, task.pipeline) for task in project.tasks()):
        place = f"the mode '{selection.mode.name}'" if selection.mode else "what --pipeline asks for"
        raise UsageError(f"'{name}' is not in {place}", hint=suggest(name, here, "it has"))
    raise UsageError(f"Unknown task or pipeline: {name}", hint=suggest(name, here, "there are"))


def _chosen(cut: Cut, graph: Graph, meant: dict[str, set[str]]) -> set[str]:
    only, first, last = ({one for name in names for one in meant[name]} for names in (cut.only, cut.first, cut.last))
    if cut.only:
        return only
    chosen = set(graph)
    if cut.first:
        chosen &= first | behind(graph, first)
    if cut.last:
        chosen &= last.union(*(upstream_of(graph, name) for name in last))
    if not chosen:
        ends = f"--from {' --from '.join(cut.first)} and --until {' --until '.join(cut.last)}"
        swapped = last & {before for name in first for before in upstream_of(graph, name)}
        hint = "it is the other way round: swap them" if swapped else "`tetra graph` shows what comes before what"
        raise UsageError(f"nothing lies between {ends}", hint=hint)
    return chosen


def _with_services(tasks: Iterable[Task], ids: Collection[str]) -> set[str]:
    """These tasks and the services that they want ready, or that those do."""
    every = {task.id: task for task in tasks}
    inside = set(ids)
    stack = [name for name in every if name in inside]
    while stack:
        for name, condition in every[stack.pop()].conditions:
            if condition == READY and name not in inside and every[name].service is not None:
                inside.add(name)
                stack.append(name)
    return inside


def _within(task: Task, every: dict[str, Task], inside: set[str]) -> Task:
    depends_on, conditions = wiring(every[task.id], every, inside)
    rules = tuple(rule for rule in task.run_if if rule.task in inside)
    return task._replace(depends_on=depends_on, conditions=conditions, run_if=rules)
