"""What may rescue a task that has failed for good, by what the `on_failure` of its pipeline says."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.model import Project, Reason, Task
    from tetra_orchestrator.core.states import Event
    from tetra_orchestrator.core.watching import Fallback, OnFailure

#: The output in which a task lists what is complete of its work, also where it fails afterwards.
ITEMS = "completed_items"


class Recovery(Record):
    """How one task may be rescued.

    `name` is what stands in for it, None where nothing does: `instead`, the same task with another program, and without
    that what the task has made before. With `partial`, a failed attempt that has completed items makes it partial.
    """

    name: str | None = None
    instead: Task | None = None
    partial: bool = False


class Rescue(Record):
    """A fallback that stands in for a task which has failed for good; `event` and `reason` are how and why it has."""

    name: str
    instead: Task | None
    event: Event
    reason: Reason


class Told(Record):
    """Who is told when a task fails: the channels `notify` at first, `escalate` once nothing has helped.

    That is told only after so many `failures` in a row; where there is nobody to tell it to, it is `unreachable`.
    """

    notify: tuple[str, ...] = ()
    escalate: str | None = None
    failures: int = 1
    unreachable: bool = False


def recoveries(project: Project, tasks: Sequence[Task]) -> dict[str, Recovery]:
    """By id, how those of the tasks can be rescued of whose pipelines anything is said of that."""
    said = {pipeline.name: pipeline.on_failure for pipeline in project.pipelines}
    rules = {name: rule for name, rule in said.items() if rule and (rule.fallback or rule.partial)}
    if not rules:
        return {}
    known = {task.id: task for task in (*project.tasks(), *tasks)}
    return {task.id: _recovery(task, rules[task.pipeline], known) for task in tasks if task.pipeline in rules}


def _recovery(task: Task, rule: OnFailure, known: Mapping[str, Task]) -> Recovery:
    fallback = rule.fallback
    if fallback is None:
        return Recovery(partial=rule.partial)
    if fallback.program is not None:
        return Recovery(fallback.name, task._replace(program=fallback.program, args=fallback.args), rule.partial)
    other = _named(fallback, task.pipeline, known)
    if other is None:
        # what a service was, somebody else cannot use once it is gone
        return Recovery(None if task.service else fallback.name, None, rule.partial)
    if other.id == task.id:
        return Recovery(partial=rule.partial)
    own = {name: getattr(other, name) for name in ("program", "args", "config", "cwd", "python")}
    return Recovery(fallback.name, task._replace(**own, env=task.env + other.env), rule.partial)


def _named(fallback: Fallback, pipeline: str, known: Mapping[str, Task]) -> Task | None:
    """The task of the pipeline that the fallback names."""
    found = known.get(f"{pipeline}.{fallback.name}") or known.get(fallback.name)
    return found if found and found.pipeline == pipeline else None


def told(project: Project, tasks: Sequence[Task]) -> dict[str, Told]:
    """By id, who is told of those of the tasks of whose pipelines anything is said of that."""
    rules = {pipeline.name: rule for pipeline in project.pipelines if (rule := pipeline.on_failure)}
    found = {
        name: Told(rule.notify, rule.escalate, rule.escalate_failures, not _is_reachable(rule.escalate, project))
        for name, rule in rules.items()
        if rule.notify or rule.escalate
    }
    return {task.id: found[task.pipeline] for task in tasks if task.pipeline in found}


def _is_reachable(name: str | None, project: Project) -> bool:
    return name is not None and project.alerting is not None and project.alerting.on_call(name) is not None
