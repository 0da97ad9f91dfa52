"""One attempt, from a task and what is known so far to everything a runner needs to start it."""

from __future__ import annotations

from tetra_orchestrator.core.model import Command, Module, Shell
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.errors import TetraError
from tetra_orchestrator.ports import Launch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tetra_orchestrator.core.model import Json, Project, Run, Task
    from tetra_orchestrator.core.template import Reference
    from tetra_orchestrator.ports import AttemptFiles

    ValueOf = Callable[[Reference], str]

#: What `env: {inherit: base}` keeps of our environment.
BASE_NAMES = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
#: Owners of references that are not tasks.
RESERVED = ("params", "partition")
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


class Context(Record):
    """What all attempts of a run share. `environ` is our own environment at the start."""

    project: Project
    run: Run
    params: Mapping[str, Json]
    environ: Mapping[str, str]


class TemplateError(TetraError):
    """A `{task.key}` has no value: the task ended without leaving that output."""

    code = "template"


def values(context: Context, outputs: Mapping[str, Mapping[str, Json]]) -> dict[str, Mapping[str, Json]]:
    """What references may name: every finished task's outputs, `params` and `partition`."""
    partition = context.run.partition
    known: dict[str, Mapping[str, Json]] = {**outputs, "params": context.params}
    if partition:
        known["partition"] = {"start": partition.start, "end": partition.end}
    return known


def referenced(task: Task) -> list[Reference]:
    """Every `{owner.key}` in the task's program, arguments and environment."""
    match task.program:
        case Command(argv):
            texts: tuple[str, ...] = argv
        case Shell(line):
            texts = (line,)
        case Module(name):
            texts = (name,)
    braced = [text for text in (*texts, *task.args, *(value for _, value in task.env)) if "{" in text]
    if not braced:
        return []
    from tetra_orchestrator.core.template import references

    return [reference for text in braced for reference in references(text)]


def given(task: Task, context: Context, outputs: Mapping[str, Mapping[str, Json]]) -> Mapping[str, Json]:
    """The content of `TETRA_INPUT`: parameters, and the outputs of what the task depends on; {} for neither."""
    upstream: dict[str, Json] = {name: dict(outputs[name]) for name in task.depends_on if outputs.get(name)}
    parts: dict[str, Json] = {"params": dict(context.params), "upstream": upstream}
    return {name: part for name, part in parts.items() if part}


def launch(
    task: Task,
    number: int,
    token: str,
    files: AttemptFiles,
    context: Context,
    known: Mapping[str, Mapping[str, Json]],
) -> Launch:
    """Fill in references and the environment. Raises `TemplateError` where an output is missing."""
    value_of = values_in(known)
    argv, variables = command_line(task, context.project.python, value_of)
    env = environment(task, context, value_of)
    env.update(variables)
    env.update(_identity(task, number, token, files, context))
    root = context.project.root
    return Launch(token, argv, env, _resolve(root, task.cwd), files.log, task.kill_grace_s)


def check_outputs(task: Task, outputs: Mapping[str, Json]) -> None:
    """Compare outputs with the types the task declares; raises `ValueError` naming the first that does not fit."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "str": str,
        "int": int,
        "float": (int, float),
        "bool": bool,
        "list": list,
        "map": dict,
    }
    for name, kind in task.outputs:
        if name not in outputs:
            raise ValueError(f"the declared output '{name}' is missing")
        value = outputs[name]
        if not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "bool"):
            raise ValueError(f"the output '{name}' is {value!r}, not of type {kind}")


def values_in(known: Mapping[str, Mapping[str, Json]]) -> ValueOf:
    """The text of a reference's value; raises `TemplateError` where there is none."""

    def value_of(reference: Reference) -> str:
        from tetra_orchestrator.core.template import as_text

        try:
            return as_text(known[reference.owner][reference.key])
        except KeyError:
            raise TemplateError(
                f"{reference} has no value: {reference.owner} left no output '{reference.key}'"
            ) from None

    return value_of


def command_line(task: Task, python: str, value_of: ValueOf) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """The argument list, and the variables through which a shell line gets its values."""
    args = tuple(_fill(arg, value_of) for arg in task.args)
    match task.program:
        case Module(name):
            return (python, "-m", name, *args), {}
        case Command(argv):
            program = python if argv[0] == "python" else _fill(argv[0], value_of)
            return (program, *(_fill(arg, value_of) for arg in argv[1:]), *args), {}
        case Shell(line):
            from tetra_orchestrator.core.template import render_shell

            text, variables = render_shell(line, value_of)
            return ("/bin/sh", "-c", text, "sh", *args), variables


def environment(task: Task, context: Context, value_of: ValueOf) -> dict[str, str]:
    """The child's environment before our own names are added: inherited, the project's, then the task's."""
    project = context.project
    rule = project.environment
    if rule.inherit == "all":
        env = {name: value for name, value in context.environ.items() if not name.startswith("TETRA_")}
    else:
        env = {name: context.environ[name] for name in (*BASE_NAMES, *rule.passed) if name in context.environ}
    env["PATH"] = _path(env.get("PATH") or DEFAULT_PATH, project.python)
    if project.pythonpath:
        inherited = [env["PYTHONPATH"]] if env.get("PYTHONPATH") else []
        env["PYTHONPATH"] = ":".join([*(_resolve(project.root, p) for p in project.pythonpath), *inherited])
    # a log that is followed should show a line when it is printed, not when 8 KB are full
    env.setdefault("PYTHONUNBUFFERED", "1")
    env.update(rule.extra)
    env.update((name, _fill(text, value_of)) for name, text in task.env)
    return env


def _identity(task: Task, number: int, token: str, files: AttemptFiles, context: Context) -> dict[str, str]:
    run = context.run
    names = {
        "TETRA_HOME": context.project.root,
        "TETRA_RUN_ID": run.run_id,
        "TETRA_PIPELINE": task.pipeline,
        "TETRA_TASK": task.id,
        "TETRA_ATTEMPT": str(number),
        "TETRA_ATTEMPT_TOKEN": token,
        "TETRA_OUTPUT": files.output,
        "TETRA_INPUT": files.input,
        "TETRA_CHECKPOINT": files.checkpoint,
    }
    if run.mode:
        names["TETRA_MODE"] = run.mode
    if run.partition:
        names["TETRA_PARTITION_START"] = run.partition.start
        names["TETRA_PARTITION_END"] = run.partition.end
    return names


def _fill(text: str, value_of: ValueOf) -> str:
    if "{" not in text and "}" not in text:
        return text
    from tetra_orchestrator.core.template import render

    return render(text, value_of)


def _path(path: str, python: str) -> str:
    """PATH with the project's own interpreter first, so that `command: [python, ...]` means that one."""
    folder = python.rpartition("/")[0]
    return path if not folder or folder in path.split(":") else f"{folder}:{path}"


def _resolve(root: str, path: str | None) -> str:
    if not path:
        return root
    return path if path.startswith("/") else f"{root}/{path}"
