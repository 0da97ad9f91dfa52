"""A project as what exported files are made of: each task with the program that an attempt of it would start."""

from __future__ import annotations

from json import dumps, loads

from tetra_orchestrator.core.condition import FINISHED
from tetra_orchestrator.core.export.carried import (
    has_conditions,
    losses,
    losses_of_project,
    losses_of_run,
    losses_of_schedule,
    refusals,
    refusals_of_chain,
)
from tetra_orchestrator.core.export.job import (
    END,
    MAKE,
    START,
    SYSTEMD,
    Chain,
    Exported,
    Job,
    Note,
    Surroundings,
    Wake,
    secrets_file,
)
from tetra_orchestrator.core.model import Function
from tetra_orchestrator.core.params import resolve as resolve_params
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.retry import delay_s
from tetra_orchestrator.core.selection import declared, policy, select
from tetra_orchestrator.engine.attempt import RESERVED, command_line, referenced
from tetra_orchestrator.engine.environment import BASE_NAMES, interpreter, resolve
from tetra_orchestrator.engine.filling import fill, fill_value, values_in
from tetra_orchestrator.errors import ConfigError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tetra_orchestrator.core.model import Json, Project, Task
    from tetra_orchestrator.core.selection import Selection
    from tetra_orchestrator.engine.filling import ValueOf

#: What calls a function without our worker: its path and the JSON of its keywords are the arguments.
_CALL = (
    "import asyncio, inspect, json, pkgutil, sys; "
    "value = pkgutil.resolve_name(sys.argv[1])(**json.loads(sys.argv[2])); "
    "asyncio.run(value) if inspect.iscoroutine(value) else [*value] if inspect.isgenerator(value) else None"
)
#: timeout(1) and systemd take 0 seconds for no end.
_SHORTEST_S = 0.001
#: The name of the one chain of a project that has no modes.
ALL = "all"


class _Given(Record):
    """What the writing of all chains needs. `secrets` are values that no file may hold."""

    project: Project
    to: str
    secrets: tuple[str, ...]

    def hides(self, text: str) -> bool:
        return any(secret in text for secret in self.secrets)

    def demand(self, subject: str, variable: str) -> Note:
        """What is told of a variable that is not written."""
        place = (
            f"in {secrets_file(self.project.root, self.project.name)}" if self.to == SYSTEMD else "in the environment"
        )
        return Note(subject, f"{variable} is a secret, to be set {place}")


class _Found(Record):
    """A chain, why it cannot be written (nothing where it can), and what is lost of it.

    `taken` has of each variable that holds a secret here, or in chains before, its value and the task that has it.
    """

    chain: Chain
    refused: tuple[Note, ...]
    lost: tuple[Note, ...]
    pipelines: tuple[str, ...]
    taken: dict[str, tuple[str, str]]


def exported(project: Project, to: str, names: Sequence[str] = (), secrets: Sequence[str] = ()) -> Exported:
    """The modes of those names, or all that can be written, and the schedules that start them.

    Raises `ConfigError` with every reason for a named one that cannot be written, and where none can be; `UsageError`
    for a name that is no mode's.
    """
    given = _Given(project, to, tuple(filter(None, secrets)))
    wakes, asked = _schedules(project, names)
    found = _all_found(asked, given)
    refused = [note for one in found for note in one.refused]
    kept = [one for one in found if not one.refused]
    if refused and (names or not kept):
        raise _refusal(refused, to, [one.chain.name for one in kept] if names else [])
    chains = {one.chain.name: one for one in kept}
    woken = [wake for wake in wakes if wake.chain in chains]
    pipelines = {name for one in kept for name in one.pipelines}
    around = _surroundings(given)
    notes = [
        *losses_of_project(project, pipelines),
        *(given.demand(project.name, each) for each in around.demanded),
        *_left_out(found),
        *(note for one in kept for note in one.lost),
        *(note for wake in woken for note in losses_of_schedule(wake.schedule, to)),
        *(Note(f"schedule {one.name}", "left out: it is off") for one in project.schedules if not one.enabled),
    ]
    return Exported(
        project.name,
        project.root,
        project.logs.dir,
        tuple(one.chain for one in kept),
        tuple(woken),
        tuple(dict.fromkeys(notes)),
        around,
        _folder(interpreter(project.root, project.python)),
        project.host.max_parallel,
        project.timers.sandbox == "strict",
    )


def _all_found(asked: Sequence[tuple[str, Selection]], given: _Given) -> list[_Found]:
    """All chains; those for Dagster and systemd have one place for all secrets, each run of make has its own."""
    found: list[_Found] = []
    project = given.project
    shared = {name: (value, project.name) for name, value in project.environment.extra if given.hides(value)}
    taken = shared
    for name, selection in asked:
        one = _found(name, selection, given, dict(shared if given.to == MAKE else taken))
        found.append(one)
        taken = taken if one.refused else one.taken
    return found


def _left_out(found: Sequence[_Found]) -> Iterator[Note]:
    for one in found:
        for reason in one.refused:
            yield Note(f"mode {one.chain.name}", f"left out: {reason}")


def _refusal(refused: Sequence[Note], to: str, others: Sequence[str]) -> ConfigError:
    """The error: its only reason behind it, several on lines of their own."""
    reasons = [*dict.fromkeys(map(str, refused))]
    hint = f"--mode {others[0]} can be exported" if others else "docs/leaving.md says what each export can carry"
    between = "\n  " if reasons[1:] else " "
    return ConfigError(between.join([f"this cannot be exported for {to}:", *reasons]), hint=hint)


def _schedules(project: Project, names: Sequence[str]) -> tuple[list[Wake], list[tuple[str, Selection]]]:
    """The schedules with the names of what they start, and each chain's name with what it consists of."""
    modes: list[str | None] = [*names] or [mode.name for mode in project.modes] or [None]
    asked = {name or ALL: select(project, name) for name in modes}
    wakes = []
    for schedule in project.schedules:
        name = schedule.mode
        if name is None and not names:
            name = schedule.name if schedule.name not in asked else f"{schedule.name}_schedule"
            asked[name] = select(project, None, schedule.pipelines)
        if name is not None and schedule.enabled:
            wakes.append(Wake(schedule, name))
    return wakes, list(asked.items())


def _found(name: str, selection: Selection, given: _Given, taken: dict[str, tuple[str, str]]) -> _Found:
    mode = selection.mode
    tasks, off = _running(selection.tasks)
    dates = bool(mode and mode.partition)
    refused = [Note(task.id, text) for task in tasks for text in refusals(task, given.to)]
    refused += refusals_of_chain(name, given.to, dates=dates)
    lost = [note for task in tasks for note in losses(task, given.to)]
    lost += [Note(each, "left out: it, or what it depends on, is off") for each in off]
    lost += losses_of_run(name, policy(given.project, mode))
    try:
        params = resolve_params(declared(given.project, mode), {})
    except UsageError as error:
        params = {}
        refused.append(Note(name, error.message))
    known: dict[str, Mapping[str, Json]] = {"params": params}
    if dates:
        known["partition"] = {"start": START, "end": END}
    jobs = []
    for task in tasks:
        why = list(_unknown(task, known))
        refused += why
        lost += _fixed(task)
        if not why and not any(note.subject == task.id for note in refused):
            job, hidden = _job(task, values_in(known), given, dates=dates)
            refused += _unsayable(job, given)
            refused += _clashing(task.id, hidden, taken)
            jobs.append(job)
            lost += [given.demand(task.id, each) for each in job.demanded]
    chain = Chain(name, tuple(jobs), (mode and mode.description) or "", dates)
    return _Found(chain, tuple(refused), tuple(lost), selection.pipelines, taken)


def _running(tasks: Sequence[Task]) -> tuple[list[Task], list[str]]:
    """Those of the tasks that run, and the ids of those that are off, or depend on one that is."""
    off: set[str] = set()
    while True:
        more = {task.id for task in tasks if not task.enabled or off.intersection(task.depends_on)} - off
        if not more:
            return [task for task in tasks if task.id not in off], [task.id for task in tasks if task.id in off]
        off |= more


def _unknown(task: Task, known: Mapping[str, Mapping[str, Json]]) -> Iterator[Note]:
    """The references that only a run of ours could fill in."""
    for reference in dict.fromkeys(referenced(task)):
        if reference.owner not in RESERVED:
            yield Note(task.id, f"{reference} is an output of another task, which only we hand on")
        elif reference.key not in known.get(reference.owner, ()):
            yield Note(task.id, f"{reference} has no value here")
        elif reference.owner == "partition" and isinstance(task.program, Function):
            yield Note(task.id, f"{reference} is among what its function is called with")


def _fixed(task: Task) -> Iterator[Note]:
    for reference in dict.fromkeys(referenced(task)):
        if reference.owner == "params":
            yield Note(task.id, f"the parameter '{reference.key}' has always its default")


def _clashing(task: str, hidden: Mapping[str, str], taken: dict[str, tuple[str, str]]) -> Iterator[Note]:
    """Why the secrets of the task cannot be set beside those that are `taken`, to which they are added."""
    for name, value in hidden.items():
        before, owner = taken.setdefault(name, (value, task))
        if value != before:
            reason = f"its {name} is another secret than that of {owner}, and both would come from one variable"
            yield Note(task, reason)


def _unsayable(job: Job, given: _Given) -> Iterator[Note]:
    """Why the program of a task cannot stand in a file that others read."""
    if any(given.hides(text) for text in (*job.argv, job.cwd)):
        yield Note(job.id, "a secret is among its arguments, which a file would show: hand it over in its `env`")
    texts = (*job.argv, job.cwd, *(value for _, value in job.env))
    if not all(_is_text(text) for text in texts):
        yield Note(job.id, "bytes that are no text (UTF-8) are among its arguments or variables")


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _job(task: Task, value_of: ValueOf, given: _Given, *, dates: bool) -> tuple[Job, dict[str, str]]:
    """The job, and those of its variables that hold secrets."""
    project, resources, retry = given.project, task.resources, task.retry
    python = interpreter(project.root, task.python or project.python)
    argv, variables = command_line(task, python, value_of)
    if isinstance(task.program, Function):
        argv = (python, "-c", _CALL, task.program.path, _keywords(task, value_of))
    env = {name: fill(text, value_of) for name, text in task.env} | dict(variables) | _ours(task, dates=dates)
    attempts = 1 if has_conditions(task) else retry.max_attempts
    allowed = task.continue_on
    growth = (resources.grow ** (attempts - 1)) if resources else 1
    hidden = {name: value for name, value in env.items() if given.hides(value)}
    job = Job(
        id=task.id,
        argv=argv,
        cwd=resolve(project.root, task.cwd),
        env=tuple((name, value) for name, value in env.items() if name not in hidden),
        demanded=tuple(hidden),
        needs=tuple(dict.fromkeys(task.depends_on)),
        loose=tuple(name for name, condition in task.conditions if condition == FINISHED),
        timeout_s=min(filter(None, (task.timeout_s, task.wall_timeout_s)), default=None),
        grace_s=max(task.kill_grace_s, _SHORTEST_S),
        waits=tuple(delay_s(retry, number) for number in range(1, attempts)),
        retry_codes=retry.on_exit_codes if attempts > 1 else (),
        tolerated=() if not allowed else (None,) if allowed.failure else allowed.exit_codes,
        memory_bytes=int(resources.memory_bytes * growth) if resources else 0,
        cpu=resources.cpu if resources else 0.0,
        processes=resources.processes if resources else 0,
        open_files=resources.open_files if resources else 0,
        background=task.background,
        path=_folder(python),
    )
    return job, hidden


def _keywords(task: Task, value_of: ValueOf) -> str:
    return dumps(fill_value(loads(task.config or "{}"), value_of), ensure_ascii=False)


def _ours(task: Task, *, dates: bool) -> dict[str, str]:
    """Variables of ours that mean something without us, too."""
    env = {"TETRA_PARTITION_START": START, "TETRA_PARTITION_END": END} if dates else {}
    if task.tenant:
        env["TETRA_TENANT"] = task.tenant
    if task.resources and task.resources.workers:
        env["TETRA_WORKERS"] = str(task.resources.workers)
    return env


def _surroundings(given: _Given) -> Surroundings:
    rule, root = given.project.environment, given.project.root
    # what a task leaves as outputs has to go somewhere
    env = {**dict(rule.extra), "TETRA_HOME": root, "TETRA_OUTPUT": "/dev/null"}
    return Surroundings(
        None if rule.inherit == "all" else tuple(dict.fromkeys((*BASE_NAMES, *rule.passed))),
        rule.withheld,
        tuple(resolve(root, path) for path in given.project.pythonpath),
        tuple((name, value) for name, value in env.items() if not given.hides(value)),
        tuple(name for name, value in env.items() if given.hides(value)),
    )


def _folder(python: str) -> str:
    return python.rpartition("/")[0]
