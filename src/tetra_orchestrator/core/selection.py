"""From a mode or named pipelines to the tasks of one run, in file order, with their arguments."""

from __future__ import annotations

from tetra_orchestrator.core.condition import FINISHED, READY
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tetra_orchestrator.core.model import Mode, Param, Project, RunPolicy, Task


#: Conditions of dependencies; None is to have succeeded.
_STRICTNESS = (None, READY, FINISHED)


class Selection(Record):
    """What one run consists of. `pipelines` and `tasks` are in file order; `mode` is None without one.

    `named` are the pipelines that were asked for by their names. `left_out` are the tasks that would be in it, too, had
    not only a part been asked for.
    """

    mode: Mode | None
    pipelines: tuple[str, ...]
    tasks: tuple[Task, ...]
    named: tuple[str, ...] = ()
    left_out: tuple[Task, ...] = ()


def select(project: Project, mode_name: str | None = None, names: Sequence[str] = ()) -> Selection:
    """The tasks of a mode, of named pipelines, of those pipelines within the mode, or (neither given) of the file.

    One name may be a mode's where no pipeline has it. Raises `UsageError` for a name that does not exist and for a
    pipeline that the mode does not run.
    """
    known = [pipeline.name for pipeline in project.pipelines]
    if mode_name is None and len(names) == 1 and names[0] not in known and project.mode(names[0]):
        mode_name, names = names[0], ()
    mode = _mode(project, mode_name) if mode_name is not None else None
    for name in names:
        if name not in known:
            raise UsageError(f"Unknown pipeline: {name}", hint=_suggest_either(name, project))
    entries = {entry.pipeline: dict(entry.args) for entry in mode.entries} if mode else {name: {} for name in known}
    for name in names:
        if name not in entries:
            raise UsageError(
                f"mode '{mode_name}' does not run the pipeline '{name}'",
                hint=f"it runs {', '.join(entries)}; leave out --mode to run '{name}' by itself",
            )
    chosen = tuple(name for name in known if name in (names or entries))
    return Selection(mode, chosen, _tasks(project, chosen, entries), tuple(names))


def beside(selection: Selection) -> list[Task]:
    """The tasks that are left out of pipelines of which others run."""
    present = set(selection.pipelines)
    return [task for task in selection.left_out if task.pipeline in present]


def recorded(project: Project, selection: Selection) -> tuple[Task, ...]:
    """The tasks that a run has rows for, in file order: its own, and those `beside` them, which wait for nothing."""
    if not selection.left_out:
        return selection.tasks
    rows = {task.id: task._replace(depends_on=(), conditions=(), run_if=()) for task in beside(selection)}
    rows.update((task.id, task) for task in selection.tasks)
    return tuple(rows[task.id] for task in project.tasks() if task.id in rows)


def policy(project: Project, mode: Mode | None) -> RunPolicy:
    """What holds for a run as a whole: what the mode says, and for the rest what the project says."""
    own = mode.run._asdict() if mode else {}
    return project.run._replace(**{name: value for name, value in own.items() if value is not None})


def places(project: Project, mode: Mode | None) -> int:
    """How many tasks of one run may run side by side."""
    most = project.host.max_parallel
    return min(most, policy(project, mode).max_parallel or most)


def declared(project: Project, mode: Mode | None) -> tuple[Param, ...]:
    """The project's parameters, with the mode's values for their defaults."""
    values = dict(mode.params) if mode else {}
    return tuple(
        param._replace(default=values[param.name], required=False) if param.name in values else param
        for param in project.params
    )


def suggest(name: str, known: Iterable[str], kind: str) -> str:
    """A hint for a name that does not exist: the one that may have been meant, and all there are."""
    from difflib import get_close_matches

    known = list(known)
    near = get_close_matches(name, known, n=1)
    guess = f"did you mean '{near[0]}'? " if near else ""
    return f"{guess}{kind}: {', '.join(known) or 'none'}"


def _mode(project: Project, name: str) -> Mode:
    mode = project.mode(name)
    if mode is None:
        raise UsageError(f"Unknown mode: {name}", hint=suggest(name, [m.name for m in project.modes], "modes"))
    return mode


def _tasks(
    project: Project, chosen: Sequence[str], args: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> tuple[Task, ...]:
    every = {task.id: task for task in project.tasks()}
    enabled = {pipeline.name: pipeline.enabled for pipeline in project.pipelines}
    wanted = set(chosen)
    selected = [task for task in every.values() if task.pipeline in wanted]
    inside = {task.id for task in selected}
    return tuple(
        _selected(task, wiring(task, every, inside), args[task.pipeline].get(task.id, ()), enabled[task.pipeline])
        for task in selected
    )


def _selected(
    task: Task,
    wiring: tuple[tuple[str, ...], tuple[tuple[str, str], ...]],
    args: tuple[str, ...],
    enabled: bool,
) -> Task:
    """The task as it is part of a selection."""
    enabled = task.enabled and enabled
    if not args and wiring == (task.depends_on, task.conditions) and enabled == task.enabled:
        return task
    depends_on, conditions = wiring
    return task._replace(args=task.args + args, depends_on=depends_on, conditions=conditions, enabled=enabled)


def wiring(
    task: Task, every: Mapping[str, Task], inside: set[str]
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """What `task` waits for among the tasks `inside`, seen through those that are not, and how.

    Of several ways to one task the strictest condition counts: succeeded, ready, finished.
    """
    if inside.issuperset(task.depends_on):
        return tuple(dict.fromkeys(task.depends_on)), task.conditions
    found: dict[str, str | None] = {}
    seen: set[tuple[str, bool]] = set()
    stack = _needs(task, finished=False)
    while stack:
        name, condition = stack.pop()
        if name in inside:
            found[name] = min(found.get(name, condition), condition, key=_STRICTNESS.index)
        elif (name, condition == FINISHED) not in seen:
            seen.add((name, condition == FINISHED))
            stack.extend(_needs(every[name], finished=condition == FINISHED))
    return tuple(found), tuple((name, condition) for name, condition in found.items() if condition is not None)


def _needs(task: Task, *, finished: bool) -> list[tuple[str, str | None]]:
    """What a task depends on with the conditions, last first; `finished` where it does not matter how itself ends."""
    conditions = dict(task.conditions)
    return [(name, FINISHED if finished else conditions.get(name)) for name in reversed(task.depends_on)]


def _suggest_either(name: str, project: Project) -> str:
    """A mode's name stands for its pipelines, so one may have been meant."""
    pipelines, modes = [p.name for p in project.pipelines], [m.name for m in project.modes]
    listed = suggest(name, pipelines, "pipelines")
    if listed.startswith("did you mean") or name in modes or not modes:
        return listed
    return f"{suggest(name, modes, 'modes')}; {listed}"
