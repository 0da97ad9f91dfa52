"""From a mode or named pipelines to the tasks of one run, in file order, with their arguments."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tetra_orchestrator.core.model import Mode, Project, Task


class Selection(Record):
    """What one run consists of. `pipelines` and `tasks` are in file order; `mode` is None without one."""

    mode: Mode | None
    pipelines: tuple[str, ...]
    tasks: tuple[Task, ...]


def select(project: Project, mode_name: str | None = None, names: Sequence[str] = ()) -> Selection:
    """The tasks of a mode, of named pipelines, of those pipelines within the mode, or (neither given) of the file.

    Raises `UsageError` for a name that does not exist and for a pipeline that the mode does not run.
    """
    mode = _mode(project, mode_name) if mode_name is not None else None
    known = [pipeline.name for pipeline in project.pipelines]
    for name in names:
        if name not in known:
            raise UsageError(f"Unknown pipeline: {name}", hint=_suggest(name, known, "pipelines"))
    entries = {entry.pipeline: dict(entry.args) for entry in mode.entries} if mode else {name: {} for name in known}
    for name in names:
        if name not in entries:
            raise UsageError(
                f"mode '{mode_name}' does not run the pipeline '{name}'",
                hint=f"it runs {', '.join(entries)}; leave out --mode to run '{name}' by itself",
            )
    chosen = tuple(name for name in known if name in (names or entries))
    return Selection(mode, chosen, _tasks(project, chosen, entries))


def _mode(project: Project, name: str) -> Mode:
    mode = project.mode(name)
    if mode is None:
        raise UsageError(f"Unknown mode: {name}", hint=_suggest(name, [m.name for m in project.modes], "modes"))
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
        task._replace(
            args=task.args + args[task.pipeline].get(task.id, ()),
            depends_on=_nearest(task, every, inside),
            enabled=task.enabled and enabled[task.pipeline],
        )
        for task in selected
    )


def _nearest(task: Task, every: Mapping[str, Task], inside: set[str]) -> tuple[str, ...]:
    """The selected tasks that `task` waits for, seen through those that are not selected."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    stack = list(reversed(task.depends_on))
    while stack:
        name = stack.pop()
        if name in inside:
            found[name] = None
        elif name not in seen:
            seen.add(name)
            stack.extend(reversed(every[name].depends_on))
    return tuple(found)


def _suggest(name: str, known: Iterable[str], kind: str) -> str:
    from difflib import get_close_matches

    known = list(known)
    near = get_close_matches(name, known, n=1)
    guess = f"did you mean '{near[0]}'? " if near else ""
    return f"{guess}{kind}: {', '.join(known) or 'none'}"
