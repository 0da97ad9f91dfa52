"""Units that run a project's tasks without us: a service for each task, one for each chain, a timer for each schedule.

A retry is a loop of the shell within one start: after a `Restart=`, systemd before 254 does not start what depends on a
service that has failed once (systemd.service(5), RestartMode=). Nothing here has an effect.
"""

from __future__ import annotations

from posixpath import normpath

from tetra_orchestrator.adapters.timer.systemd import parse, quoting
from tetra_orchestrator.adapters.timer.systemd.calendar import lines, plain_lines
from tetra_orchestrator.adapters.timer.systemd.intervals import interval_lines
from tetra_orchestrator.adapters.timer.systemd.patches import patch_lines
from tetra_orchestrator.core.export.job import File, Note, Rendered, heading, remarks, seconds, secrets_file, without
from tetra_orchestrator.core.export.shell import loop
from tetra_orchestrator.core.units import TimerSpec
from tetra_orchestrator.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.export.job import Chain, Exported, Job, Wake

    Line = tuple[str, str]
    Sections = dict[str, list[Line]]

_DAY_S = 24 * 3600
_LONGEST_NAME = 255
#: Where units look for programs.
_PATH = "/usr/local/bin:/usr/bin:/bin"
_HOW = [
    "",
    "User units: put the files into ~/.config/systemd/user, then `systemctl --user daemon-reload`.",
    "`systemctl --user start CHAIN.service` runs one; `systemctl --user enable --now NAME.timer` does by the clock.",
    "What a task prints is in the journal: `journalctl --user -u UNIT`.",
]


def ejected(exported: Exported, specs: Sequence[TimerSpec], now: datetime) -> Rendered:
    """The units. `specs` say when each schedule is due, `now` is aware UTC.

    Raises `ConfigError` for a task that a unit cannot say.
    """
    whens, unsaid, doubts = _whens(exported, {spec.name: spec for spec in specs}, now)
    exported = without(exported, unsaid)
    exported = exported._replace(notes=(*exported.notes, *doubts))
    head = "\n".join(heading(exported, _HOW)) + "\n"
    files = []
    for chain in exported.chains:
        files.append(File(_unit(exported, chain.name) + ".service", head + _text(_chain(exported, chain))))
        tolerated = {job.id for job in chain.jobs if None in job.tolerated}
        files += [_service(exported, chain, job, tolerated) for job in chain.jobs]
    for wake in exported.wakes:
        sections = _timer(exported, wake, whens[wake.schedule.name])
        files.append(File(_unit(exported, wake.schedule.name) + ".timer", _text(sections)))
    return Rendered(tuple(files), exported.notes)


def _unit(exported: Exported, *names: str) -> str:
    """A unit's name without its ending. Neither a project's nor a chain's has a dot, and so no two are the same."""
    unit = ".".join((quoting.name(exported.project, "the project's name"), *names))
    if len(f"{unit}.service") > _LONGEST_NAME:
        raise ConfigError(f"the name {unit!r} is too long for a unit", hint="shorten the names that it consists of")
    return unit


def _text(sections: Sections) -> str:
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in lines) for name, lines in sections.items()
    )


def _chain(exported: Exported, chain: Chain) -> Sections:
    names = {job.id: f"{_unit(exported, chain.name, job.id)}.service" for job in chain.jobs}
    wanted = [names[job.id] for job in chain.jobs if None in job.tolerated]
    required = [name for name in names.values() if name not in wanted]
    about = _described(exported, f"{chain.name}: {chain.about}" if chain.about else chain.name)
    service = [("Type", "oneshot"), ("ExecStart", "/bin/true")]
    return {"Unit": [*about, *_ties(required, wanted)], "Service": service}


def _described(exported: Exported, text: str) -> list[Line]:
    said = remarks([f"{exported.project}: {text}"])[0].removeprefix("# ")
    return [("Description", quoting.line(said, "the description"))]


def _ties(required: Sequence[str], wanted: Sequence[str]) -> Iterator[Line]:
    for key, names in (("Requires", required), ("Wants", wanted), ("After", [*required, *wanted])):
        if names:
            yield key, " ".join(names)


def _service(exported: Exported, chain: Chain, job: Job, tolerated: set[str]) -> File:
    unit = _unit(exported, chain.name, job.id)
    loose = tolerated.union(job.loose)
    units = {name: f"{_unit(exported, chain.name, name)}.service" for name in job.needs}
    ties = _ties(
        [units[name] for name in job.needs if name not in loose], [units[name] for name in job.needs if name in loose]
    )
    argv, env = _argv(job), _env(exported, job)
    about = _described(exported, f"{chain.name}, {job.id}")
    text = _text({"Unit": [*about, *ties], "Service": [*_process(exported, job, argv, env), *_limits(exported, job)]})
    _require_same(parse.read(text), unit, argv, env, job.cwd)
    return File(f"{unit}.service", text)


def _process(exported: Exported, job: Job, argv: Sequence[str], env: Sequence[Line]) -> Iterator[Line]:
    quoting.program(argv[0], f"the program of {job.id}")
    yield "Type", "oneshot"
    yield "ExecStart", quoting.command(argv, f"the command of {job.id}")
    yield "WorkingDirectory", quoting.path(job.cwd, f"the folder of {job.id}")
    for name, value in env:
        quoting.variable(name, f"the environment of {job.id}")
        yield "Environment", quoting.word(f"{name}={value}", f"the variable {name} of {job.id}")
    own = {*dict(env), *exported.around.demanded, *job.demanded}  # which it would take away, too
    if others := [name for name in exported.around.withheld if name not in own]:
        yield "UnsetEnvironment", " ".join(others)
    if exported.around.demanded or job.demanded:
        yield "EnvironmentFile", quoting.path(secrets_file(exported.root, exported.project), "the file of secrets")
    limited = job.timeout_s and not job.waits  # each attempt has its own
    yield "TimeoutStartSec", f"{seconds(job.timeout_s)}s" if job.timeout_s and limited else "infinity"
    yield "TimeoutStopSec", f"{seconds(job.grace_s)}s"
    if job.background:
        yield "KillMode", "process"
    codes = [str(code) for code in job.tolerated if code is not None]
    if codes:
        yield "SuccessExitStatus", " ".join(codes)


def _limits(exported: Exported, job: Job) -> Iterator[Line]:
    if job.memory_bytes:
        yield "MemoryMax", str(job.memory_bytes)
    if job.cpu:
        yield "CPUQuota", f"{max(round(job.cpu * 100), 1)}%"
    if job.processes:
        yield "TasksMax", str(job.processes)
    if job.open_files:
        yield "LimitNOFILE", str(job.open_files)
    yield "UMask", "0077"
    yield "NoNewPrivileges", "yes"
    yield "RestrictSUIDSGID", "yes"
    if exported.strict:
        # without it the rest is silently ignored in a user's unit
        yield "PrivateUsers", "yes"
        yield "ProtectSystem", "strict"
        yield "ProtectHome", "read-only"
        yield "PrivateTmp", "yes"
        yield "ReadWritePaths", quoting.path_word(exported.root, "the project's folder")


def _argv(job: Job) -> tuple[str, ...]:
    """The command line: systemd starts only programs with a path, so a shell or env(1) looks for others."""
    if job.waits:
        limit = ("timeout", "-k", seconds(job.grace_s), seconds(job.timeout_s)) if job.timeout_s else ()
        return ("/bin/sh", "-c", loop(job), "sh", *limit, *job.argv)
    program, *rest = job.argv
    if "/" in program:
        return (normpath(program if program.startswith("/") else f"{job.cwd}/{program}"), *rest)
    if "=" in program or program.startswith("-"):
        raise ConfigError(f"the program of {job.id} is {program!r}", hint="give it with its path")
    return ("/usr/bin/env", program, *rest)


def _env(exported: Exported, job: Job) -> tuple[Line, ...]:
    around = exported.around
    env = {"PATH": f"{job.path}:{_PATH}" if job.path else _PATH, "PYTHONUNBUFFERED": "1"}
    if around.pythonpath:
        env["PYTHONPATH"] = ":".join(around.pythonpath)
    return tuple({**env, **dict(around.env), **dict(job.env)}.items())


def _require_same(read: parse.Unit, unit: str, argv: Sequence[str], env: Sequence[Line], cwd: str) -> None:
    """Raise `ConfigError` unless the text, read back, says what was meant."""
    found = (read.argv, read.env, read.value("Service", "WorkingDirectory"))
    if found != (tuple(argv), tuple(env), cwd):
        raise ConfigError(f"the unit {unit!r} would say {found!r}", hint="use plainer names and values")


def _timer(exported: Exported, wake: Wake, whens: Sequence[Line]) -> Sections:
    schedule = wake.schedule
    timer = [("Unit", f"{_unit(exported, wake.chain)}.service"), *whens]
    if schedule.on_startup:
        timer.append(("OnStartupSec", "1min"))
    if schedule.catch_up != "none" and any(key == "OnCalendar" for key, _ in whens):
        timer.append(("Persistent", "yes"))
    timer.append(("AccuracySec", "1s"))
    if schedule.jitter_s:
        timer.append(("RandomizedDelaySec", f"{seconds(schedule.jitter_s)}s"))
    about = _described(exported, f"schedule {schedule.name}")
    return {"Unit": about, "Timer": timer, "Install": [("WantedBy", "timers.target")]}


def _whens(
    exported: Exported, specs: dict[str, TimerSpec], now: datetime
) -> tuple[dict[str, list[Line]], dict[str, str], list[Note]]:
    """When each schedule is due, the reasons of those that cannot be said, and what is doubtful about others."""
    whens: dict[str, list[Line]] = {}
    unsaid, doubts = {}, []
    for wake in exported.wakes:
        name = wake.schedule.name
        spec = specs.get(name)
        try:
            whens[name] = _when(spec, now) if spec else []
        except ConfigError as error:
            unsaid[name] = error.message
            continue
        if not whens[name] and not wake.schedule.on_startup:
            unsaid[name] = "it is never due"
        elif spec and spec.rule and patch_lines(spec, spec.rule, now):
            doubts.append(Note(f"schedule {name}", "systemd may miss it in a night in which the clock is changed"))
    return whens, unsaid, doubts


def _when(spec: TimerSpec, now: datetime) -> list[Line]:
    if spec.rule:
        return [("OnCalendar", line) for line in plain_lines(spec, spec.rule, now)]
    if spec.every_s:
        exact = interval_lines(spec.every_s) if _DAY_S % spec.every_s == 0 else []
        span = f"{seconds(spec.every_s)}s"
        return [("OnCalendar", line) for line in exact] or [("OnActiveSec", span), ("OnUnitActiveSec", span)]
    return [("OnCalendar", line) for line in lines(spec, now)]
