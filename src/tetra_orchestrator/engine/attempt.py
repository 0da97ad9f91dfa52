"""One attempt, from a task and what is known so far to everything a runner needs to start it."""

from __future__ import annotations

from tetra_orchestrator.core.history import WRAPPED
from tetra_orchestrator.core.model import LOCAL, Command, Function, Module, Shell, Typed
from tetra_orchestrator.engine.bounds import bounds, wants
from tetra_orchestrator.engine.environment import in_span, interpreter, of_attempt, of_run, resolve, surroundings
from tetra_orchestrator.engine.filling import fill, fill_shell, fill_value, texts_in, values_in
from tetra_orchestrator.engine.inputs import arguments, writers
from tetra_orchestrator.ports import Call, Launch
from tetra_orchestrator.worker import START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.model import Json, Project, Session, Task
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.core.template import Reference
    from tetra_orchestrator.engine.filling import ValueOf
    from tetra_orchestrator.ports import AttemptFiles

    Known = Mapping[str, Mapping[str, Json]]

#: Owners of references that are not tasks.
RESERVED = ("params", "partition")


class Context:
    """What all attempts of a run share. `environ` is our own environment at the start.

    `secrets` are values that no log may show.
    """

    def __init__(
        self,
        project: Project,
        run: Run,
        params: Mapping[str, Json],
        environ: Mapping[str, str],
        secrets: tuple[str, ...] = (),
    ):
        self.project = project
        self.run = run
        self.params = params
        self.secrets = secrets if project.logs.redact else ()
        self.patterns = tuple(pattern.encode() for pattern in project.logs.patterns)
        self._environ = dict(environ)
        self._surroundings: dict[tuple[str, bool], dict[str, str]] = {}
        self._writers: Mapping[str, tuple[str, ...]] | None = None

    def surroundings(self, python: str, runner: str) -> dict[str, str]:
        """The environment that all attempts with this interpreter there have in common."""
        key = python, runner == LOCAL
        found = self._surroundings.get(key)
        if found is None:
            here = surroundings(self.project, self.run, self._environ, python, here=key[1])
            found = self._surroundings[key] = here
        return found

    def told(self, outcome: Outcome) -> Outcome:
        """The outcome as it may be shown: without secrets."""
        if not self.secrets:
            return outcome
        from tetra_orchestrator.engine.secrets import without_secrets

        return without_secrets(outcome, self.secrets)

    def kept(self, outputs: Mapping[str, Json]) -> Mapping[str, Json]:
        """The outputs as they may be stored: without secrets."""
        if not self.secrets:
            return outputs
        from tetra_orchestrator.engine.secrets import masked

        return masked(outputs, self.secrets)

    def writers(self, data_set: str) -> tuple[str, ...]:
        """The ids of the tasks that write the data set."""
        if self._writers is None:
            self._writers = writers(self.project)
        return self._writers.get(data_set, ())


def values(context: Context, outputs: Known) -> dict[str, Mapping[str, Json]]:
    """What references may name: every finished task's outputs, `params` and `partition`."""
    partition = context.run.partition
    known: dict[str, Mapping[str, Json]] = {**outputs, "params": context.params}
    if partition:
        known["partition"] = {"start": partition.start, "end": partition.end}
    return known


def referenced(task: Task) -> list[Reference]:
    """Every `{owner.key}` in the task's program, arguments, environment, configuration and inputs."""
    inputs = task.cache.inputs if task.cache else ()
    return _references([*_handed_over(task), *texts_in(_config(task)), *inputs])


def handed_over(task: Task) -> list[Reference]:
    """Those of them that are filled in in the command line and the environment."""
    return _references(_handed_over(task))


def _references(texts: list[str]) -> list[Reference]:
    braced = [text for text in texts if "{" in text]
    if not braced:
        return []
    from tetra_orchestrator.core.template import references

    return [reference for text in braced for reference in references(text)]


def _handed_over(task: Task) -> list[str]:
    texts = [*task.args, *(value for _, value in task.env)]
    match task.program:
        case Command(argv):
            texts += argv
        case Shell(line):
            texts.append(line)
        case Module(name):
            texts.append(name)
    return texts


def _config(task: Task) -> Json:
    if task.config is None:
        return {}
    from json import loads

    config: Json = loads(task.config)
    return config


def given(task: Task, context: Context, known: Known) -> Mapping[str, Json]:
    """The content of `TETRA_INPUT`; parts that would be empty are left out.

    `params`, the outputs of what the task depends on as `upstream`, its `config`, and for a function what `call` needs.
    Raises `TemplateError` where something it is to be given is missing.
    """
    upstream: dict[str, Json] = {name: dict(known[name]) for name in task.depends_on if known.get(name)}
    config = fill_value(_config(task), values_in(known))
    parts: dict[str, Json] = {"params": dict(context.params), "upstream": upstream, "config": config}
    if isinstance(task.program, Function):
        parts.update(arguments(task, task.program, context, known))
    return {name: part for name, part in parts.items() if part}


def launch(task: Task, number: int, token: str, files: AttemptFiles, context: Context, known: Known) -> Launch:
    """Fill in references and the environment. Raises `TemplateError` where an output is missing."""
    project, value_of = context.project, values_in(known)
    session = _session(task, project)
    python = interpreter(project.root, (session and session.python) or task.python or project.python)
    argv, variables = command_line(task, python, value_of)
    env = context.surroundings(python, task.runner)
    own = {name: fill(text, value_of) for name, text in task.env}
    own.update(variables)
    if isinstance(task.program, Typed):
        own["TETRA_PLUGINS"] = _plugins(project)
    own.update(of_run(project, context.run))
    own.update(of_attempt(task, number, token, files))
    own["TRACEPARENT"] = in_span(env["TRACEPARENT"], token)
    cwd = resolve(project.root, task.cwd)
    call = None
    if session is not None:
        assert isinstance(task.program, Function)
        call, own, cwd = Call(session.name, session.threads, task.program.path, own, cwd), {}, project.root
    env = env | own
    # a pattern may take for ever, which must hold up nobody but the wrapper that matches it
    wrapped = call is None and (runner_of(task) != LOCAL or bool(context.patterns))
    return Launch(
        token,
        argv,
        env,
        cwd,
        files.log,
        task.kill_grace_s,
        call,
        bounds(task, number, project.root, files),
        _hidden(task, [*argv, *env.values()], context, known) if context.secrets else (),
        context.patterns,
        files.record if wrapped else None,
        task.background,
        task.runner,
        None if task.runner == LOCAL else wants(task, number),
    )


def runner_of(task: Task) -> str:
    """What the attempt's row says of where it runs."""
    return WRAPPED if task.runner == LOCAL and task.survive else task.runner


def _hidden(task: Task, texts: list[str], context: Context, known: Known) -> tuple[bytes, ...]:
    """The secrets among all that the attempt is given; of a call every one, as any call may print what another left."""
    from tetra_orchestrator.engine.secrets import given_secrets

    if _session(task, context.project):
        return given_secrets(context.secrets, context.secrets)
    return given_secrets(context.secrets, [*texts, *texts_in(dict(given(task, context, known)))])


def _plugins(project: Project) -> str:
    from json import dumps

    return dumps([module for module in project.plugins if ":" not in module])


def _session(task: Task, project: Project) -> Session | None:
    name = task.program.session if isinstance(task.program, Function) else None
    return None if name is None else next(each for each in project.sessions if each.name == name)


def command_line(task: Task, python: str, value_of: ValueOf) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """The argument list, and the variables through which a shell line gets its values."""
    args = tuple(fill(arg, value_of) for arg in task.args)
    match task.program:
        case Module(name):
            return (python, "-m", fill(name, value_of), *args), {}
        case Command(argv):
            program = python if argv[0] == "python" else fill(argv[0], value_of)
            return (program, *(fill(arg, value_of) for arg in argv[1:]), *args), {}
        case Shell(line):
            text, variables = fill_shell(line, value_of)
            return ("/bin/sh", "-c", text, "sh", *args), variables
        case Function(path, None):
            return (python, START, "function", path), {}
        case Function():
            return (python, START, "session"), {}
        case Typed(name, target):
            return (python, START, "type", name, *([target] if target else [])), {}


def check_outputs(task: Task, outputs: Mapping[str, Json]) -> None:
    """Compare outputs with the task's limit and the types it declares; raises `ValueError` for the first misfit."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "str": str,
        "int": int,
        "float": (int, float),
        "bool": bool,
        "list": list,
        "map": dict,
    }
    if outputs:
        from json import dumps

        size = len(dumps(outputs, ensure_ascii=False).encode(errors="surrogatepass"))
        if size > task.output_limit_bytes:
            raise ValueError(f"{size} bytes are more than the limit of {task.output_limit_bytes}")
    for name, kind in task.outputs:
        if name not in outputs:
            raise ValueError(f"the declared output '{name}' is missing")
        value = outputs[name]
        if not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "bool"):
            raise ValueError(f"the output '{name}' is {value!r}, not of type {kind}")
