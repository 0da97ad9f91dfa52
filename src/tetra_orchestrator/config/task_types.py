"""Whether the task types that a file names are registered, and what their classes say of the tasks' configurations.

The project's own interpreter is asked, once for all tasks; see `worker/task_type.py`.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from tetra_orchestrator.config.interpreter import NoAnswer, ask
from tetra_orchestrator.config.sheet import task_path
from tetra_orchestrator.config.yaml_tree import Scalar, Seq, find
from tetra_orchestrator.core.model import Typed
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.template import references, render
from tetra_orchestrator.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import Any

    from tetra_orchestrator.config.problems import Path
    from tetra_orchestrator.config.sheet import Sheet
    from tetra_orchestrator.core.model import Project, Task

LIMIT_S = 60  # a plugin may import much
START = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "worker", "start.py")
INSTALLED = "check its name, `pythonpath` and what is installed there"


class Answers(Record):
    """What an interpreter said: of each plugin that failed why, and of each task a verdict, in order."""

    faults: Mapping[str, str]
    verdicts: Sequence[Mapping[str, Any]]


def check_task_types(project: Project, sheet: Sheet, environ: Mapping[str, str]) -> Project:
    """Report types that are not registered or cannot be loaded, and configurations that their class refuses.

    The project comes back with the classes' estimates where the file does not say how long a task takes. A type that is
    not registered is only a warning; `refuse_unregistered` makes it an error.
    """
    expected_s: dict[str, float] = {}
    for python, tasks in _by_python(project).items():
        answers = _ask(python, tasks, project, environ)
        for module, cause in answers.faults.items():
            message = f"{python} cannot import the plugin '{module}': {cause}"
            sheet.error("unknown_plugin", _plugin_path(sheet, module), message, INSTALLED)
        for task, verdict in zip(tasks, answers.verdicts, strict=True):
            _report(task, verdict, project, sheet)
            if task.expected_s is None and verdict.get("estimate_s"):
                expected_s[task.id] = verdict["estimate_s"]
    return _with_estimates(project, expected_s) if expected_s else project


def refuse_unregistered(project: Project, task_ids: Collection[str], environ: Mapping[str, str]) -> None:
    """Raise `ConfigError` where the type of one of these tasks is not registered. It is asked anew each time."""
    wanted = set(task_ids)
    missing = []
    faults: dict[str, str] = {}
    for python, tasks in _by_python(project, wanted).items():
        answers = _ask(python, tasks, project, environ)
        faults.update(answers.faults)
        verdicts = zip(tasks, answers.verdicts, strict=True)
        missing += [(task, verdict["registered"]) for task, verdict in verdicts if verdict["state"] == "missing"]
    if missing:
        causes = [f"the plugin '{module}' cannot be imported: {cause}" for module, cause in faults.items()]
        hint = "; ".join([*causes, _remedy(*missing[0], project)])
        raise ConfigError(_missing([task for task, _ in missing], project), hint=hint, where=project.file)


def _by_python(project: Project, wanted: Collection[str] | None = None) -> dict[str, list[Task]]:
    """The enabled tasks that have a type, those of one interpreter together."""
    found: dict[str, list[Task]] = {}
    for pipeline in project.pipelines:
        for task in pipeline.tasks if pipeline.enabled else ():
            if isinstance(task.program, Typed) and task.enabled and (wanted is None or task.id in wanted):
                found.setdefault(task.python or project.python, []).append(task)
    return found


def _ask(python: str, tasks: Sequence[Task], project: Project, environ: Mapping[str, str]) -> Answers:
    extra = {"TETRA_PLUGINS": json.dumps(project.plugins)}
    questions = [_question(task) for task in tasks]
    try:
        answers, trouble = ask(
            [python, START, "type", "--check"], questions, project, environ, limit_s=LIMIT_S, extra=extra
        )
    except NoAnswer as silence:
        return Answers({}, _silence(f"{python} {silence}", tasks))
    faults, *verdicts = answers or [{}]
    return Answers(faults, [*verdicts, *_silence(f"{python}: {trouble}", tasks[len(verdicts) :])])


def _silence(cause: str, tasks: Sequence[Task]) -> list[dict[str, str]]:
    return [{"state": "broken", "text": cause} for _ in tasks]


def _question(task: Task) -> dict[str, Any]:
    assert isinstance(task.program, Typed)
    config = _as_given(json.loads(task.config or "{}"))
    return {"type": task.program.type, "target": task.program.target, "id": task.id, "config": config}


def _as_given(value: Any) -> Any:
    """The configuration with its references as they are, and doubled braces made single."""
    if isinstance(value, dict):
        return {key: _as_given(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_given(item) for item in value]
    return render(value, str) if isinstance(value, str) else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _report(task: Task, verdict: Mapping[str, Any], project: Project, sheet: Sheet) -> None:
    assert isinstance(task.program, Typed)
    path, kind = task_path(task), task.program.type
    text = " ".join(verdict.get("text", "").split())
    if verdict["state"] == "missing":
        hint = sheet.problems.guess(kind, verdict["registered"], _remedy(task, verdict["registered"], project))
        sheet.warn("unregistered_type", (*path, "type"), _missing([task], project), hint)
    elif verdict["state"] == "broken":
        message = f"the class of the type '{kind}' cannot be loaded: {text}"
        sheet.error("broken_type", (*path, "type"), message, INSTALLED)
    elif verdict["state"] == "refused":
        message = f"'{task.id}': the type '{kind}' does not accept this configuration: {text}"
        if any(references(value) for value in _texts(json.loads(task.config or "{}"))):
            hint = "it holds references, so it is checked again when the task starts"
            sheet.warn("refused_config", (*path, "config"), message, hint)
        else:
            sheet.error("refused_config", (*path, "config"), message)


def _missing(tasks: Sequence[Task], project: Project) -> str:
    if project.dialect in ("native", "stages"):
        kinds = list(dict.fromkeys(f"'{task.program.type}'" for task in tasks if isinstance(task.program, Typed)))
        return f"No executor registered for stage type{'s' * (len(kinds) > 1)} {', '.join(kinds)}"
    text = "nothing says what runs for " + ", ".join(f"'{task.id}'" for task in tasks)
    names = [f"'{name}'" for name in _unbound(tasks)] if project.dialect == "dativo" else []
    return f"{text}: no connector {' and no connector '.join(names)} is bound" if names else text


def _unbound(tasks: Sequence[Task]) -> list[str]:
    """The connectors of dativo jobs that nothing is bound to, each once."""
    configs = [json.loads(task.config or "{}") for task in tasks]
    roles = [(config, role) for config in configs for role in ("source", "target")]
    names = [config.get(f"{role}_connector") for config, role in roles if not config.get(role)]
    return [name for name in dict.fromkeys(names) if name]


def _remedy(task: Task, registered: Collection[str], project: Project) -> str:
    assert isinstance(task.program, Typed)
    named = f'{{{task.program.type}: "module:Class"}}'
    known = f"; registered: {', '.join(registered)}" if registered else ""
    if project.dialect == "native":
        return f"install the package that provides it, or name its class: `plugins: [{named}]`{known}"
    if project.dialect == "stages":
        return f"install the package that provides it, or name its class in bindings.yaml: `types: {named}`{known}"
    if project.dialect == "dativo":
        bound = ", ".join(f'{name}: {{call: "module:function"}}' for name in _unbound([task]) or [task.program.type])
        return f"bind it in bindings.yaml: `connectors: {{{bound}}}`"
    return f'bind it in bindings.yaml: `bindings: {{{task.id}: {{call: "module:function"}}}}`'


def _with_estimates(project: Project, expected_s: Mapping[str, float]) -> Project:
    return project._replace(
        pipelines=tuple(
            pipeline._replace(
                tasks=tuple(
                    task._replace(expected_s=expected_s.get(task.id, task.expected_s)) for task in pipeline.tasks
                )
            )
            for pipeline in project.pipelines
        )
    )


def _plugin_path(sheet: Sheet, module: str) -> Path:
    node = find(sheet.tree, ("plugins",))[0]
    items = enumerate(node.items) if isinstance(node, Seq) else ()
    return next((("plugins", i) for i, item in items if isinstance(item, Scalar) and item.text == module), ("plugins",))
