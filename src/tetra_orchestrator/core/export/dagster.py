"""A project as a Python file with jobs and schedules of Dagster that start the tasks' own programs."""

from __future__ import annotations

import re

from tetra_orchestrator.core.export.job import END, START, File, Rendered, heading, pieces, remarks, seconds, without
from tetra_orchestrator.core.schedule import MACROS, rule_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tetra_orchestrator.core.export.job import Chain, Exported, Job, Wake
    from tetra_orchestrator.core.model import Schedule

NAME = "jobs.py"
_HEAD = """\
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

import dagster as dg
"""
_RUN = '''\
def run(
    context: dg.OpExecutionContext,
    argv: Sequence[str],
    *,
    cwd: str = ROOT,
    path: str = PATH,
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    grace_s: float = 10,
    waits: Sequence[float] = (),
    retry_codes: Sequence[int] = (),
    tolerated: Sequence[int | None] = (),
) -> None:
    """Run a program to its end; what it prints is among the logs of the op. Only the exit code 0 is a success.

    `waits` are the seconds before each further attempt where no retry policy says it. An attempt follows only one of
    `retry_codes`, if there are any; after one of `tolerated`, or any if that holds None, the job goes on.
    """
    program = subprocess.Popen(
        argv, cwd=cwd, env=environment(path, env or {}), stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        code = program.wait(timeout_s)
        ended = f"exit code {code}"
    except subprocess.TimeoutExpired:
        code, ended = None, f"longer than {timeout_s:g} s"
    finally:
        if program.poll() is None:
            end(program, grace_s)
    if code == 0:
        return
    again = not retry_codes or code in retry_codes
    if again and context.retry_number < len(waits):
        raise dg.RetryRequested(len(waits), waits[context.retry_number])
    if None in tolerated or code in tolerated:
        context.log.warning(f"{ended}: what depends on it goes on all the same")
        return
    raise dg.Failure(f"{argv[0]}: {ended}", allow_retries=again)


def end(program: subprocess.Popen[bytes], grace_s: float) -> None:
    """End a program and all that it has started."""
    os.killpg(program.pid, signal.SIGTERM)
    try:
        program.wait(grace_s)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()
'''
#: Names that a file uses itself.
_TAKEN = {
    "ROOT",
    "PATH",
    "dg",
    "defs",
    "os",
    "run",
    "end",
    "environment",
    "signal",
    "subprocess",
    "Mapping",
    "Sequence",
}
_UNSAID = re.compile(r"[#LW]", re.I)
_LINE = 120


def definitions(exported: Exported) -> Rendered:
    """The file: an op for each task of each chain, a job for each chain, and its schedules."""
    crons: dict[str, tuple[str, str]] = {}
    unsaid = {}
    for wake in exported.wakes:
        found = _cron(wake.schedule)
        if isinstance(found, str):
            unsaid[wake.schedule.name] = found
        else:
            crons[wake.schedule.name] = found
    exported = without(exported, unsaid)
    names = _Names()
    how = ["", f"`dagster dev -f {NAME}` shows the jobs; `dagster job execute -f {NAME} -j JOB` runs one."]
    parts = [[*heading(exported, how), "", *_HEAD.splitlines(), "", *_constants(exported)]]
    parts += [_environment(exported).splitlines(), _RUN.splitlines()]
    jobs = {chain.name: names.free(f"{chain.name}_job") for chain in exported.chains}
    for chain in exported.chains:
        ops = {job.id: names.free(f"{chain.name}_{job.id}") for job in chain.jobs}
        parts += [list(_op(job, chain, ops, exported)) for job in chain.jobs]
        parts.append(list(_job(chain, jobs[chain.name], ops, exported)))
    parts.append(list(_definitions(exported, jobs, crons)))
    return Rendered((File(NAME, "\n\n\n".join("\n".join(part) for part in parts) + "\n"),), exported.notes)


class _Names:
    """Names of Python, each given once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {*_TAKEN, *taken}

    def free(self, text: str) -> str:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", text)
        plain = f"_{plain}" if plain[:1].isdigit() else plain
        name, number = plain, 1
        while name in self._taken:
            number += 1
            name = f"{plain}_{number}"
        self._taken.add(name)
        return name


def _constants(exported: Exported) -> list[str]:
    return [
        f"ROOT = {_text(exported.root)}",
        *remarks(["Where the interpreter is: it comes first on the tasks' PATH."]),
        f"PATH = {_text(exported.path)}",
    ]


def _environment(exported: Exported) -> str:
    around = exported.around
    found = "dict(os.environ)"
    if around.inherited is not None:
        kept = _wrapped("names = ", map(_text, around.inherited), "()", 4)
        found = "{name: os.environ[name] for name in names if name in os.environ}"
    lines = ["def environment(path: str, own: Mapping[str, str]) -> dict[str, str]:"]
    lines.append('    """What a task has in its environment: what is here, what all have, and its own."""')
    lines += [*([kept] if around.inherited is not None else []), f"    found = {found}"]
    lines += [f"    found.pop({_text(name)}, None)" for name in around.withheld]
    lines.append(
        '    found["PATH"] = ":".join(filter(None, (path, found.get("PATH", "/usr/local/bin:/usr/bin:/bin"))))'
    )
    if around.pythonpath:
        folders = ":".join(around.pythonpath)
        lines.append(f'    found["PYTHONPATH"] = ":".join(filter(None, ({_text(folders)}, found.get("PYTHONPATH"))))')
    lines.append('    found.setdefault("PYTHONUNBUFFERED", "1")')
    shared = [f"{_text(name)}: {_value(value)}" for name, value in around.env]
    shared += [f"{_text(name)}: os.environ[{_text(name)}]" for name in around.demanded]
    lines.append(_wrapped("return ", ["**found", *shared, "**own"], "{}", 4))
    return "\n".join(lines)


def _wrapped(head: str, items: Iterator[str] | list[str] | map[str], brackets: str, indent: int, tail: str = "") -> str:
    """The items in brackets behind the head: on one line where that is not too long, else one each."""
    some = list(items)
    margin = " " * indent
    comma = "," * (brackets == "()" and head.endswith("= ") and len(some) == 1)  # or it is no tuple
    line = f"{margin}{head}{brackets[0]}{', '.join(some)}{comma}{brackets[1]}{tail}"
    if len(line) <= _LINE:
        return line
    rows = "".join(f"{margin}    {item},\n" for item in some)
    return f"{margin}{head}{brackets[0]}\n{rows}{margin}{brackets[1]}{tail}"


def _text(text: str) -> str:
    """The text as Python writes it, in double quotes where that needs no more escapes."""
    written = repr(text)
    return written if '"' in written else f'"{written[1:-1]}"'


def _value(text: str) -> str:
    """The text as Python writes it; the dates of a run come from the environment."""
    parts = [
        f'os.environ["{piece.strip(chr(0))}"]' if piece in (START, END) else _text(piece) for piece in pieces(text)
    ]
    return " + ".join(parts) or '""'


def _op(job: Job, chain: Chain, ops: Mapping[str, str], exported: Exported) -> Iterator[str]:
    options = []
    if job.needs:
        ins = ", ".join(f'"{ops[name]}": dg.In(dg.Nothing)' for name in job.needs)
        options.append(f"ins={{{ins}}}")
    # Dagster does not say to an op which attempt is the last of a policy's: only after that a failure is tolerated
    constant = len(set(job.waits)) == 1 and not job.tolerated
    if constant:
        delay = f", delay={seconds(job.waits[0])}" if job.waits[0] else ""
        options.append(f"retry_policy=dg.RetryPolicy(max_retries={len(job.waits)}{delay})")
    yield _wrapped("@dg.op", [*options, "out=dg.Out(dg.Nothing)"], "()", 0)
    yield f"def {ops[job.id]}(context: dg.OpExecutionContext) -> None:"
    yield _wrapped("argv = ", [_value(text) for text in job.argv], "[]", 4)
    yield _wrapped("run", ["context", "argv", *_options(job, exported, constant=constant)], "()", 4)


def _options(job: Job, exported: Exported, *, constant: bool) -> Iterator[str]:
    """What `run` is to be told beyond its defaults."""
    if job.cwd != exported.root:
        yield f"cwd={_text(job.cwd)}"
    if job.path != exported.path:
        yield f"path={_text(job.path)}"
    env = [f"{_text(name)}: {_value(value)}" for name, value in job.env]
    env += [f"{_text(name)}: os.environ[{_text(name)}]" for name in job.demanded]
    if env:
        yield f"env={{{', '.join(env)}}}"
    if job.timeout_s:
        yield f"timeout_s={seconds(job.timeout_s)}"
    if job.grace_s != 10:
        yield f"grace_s={seconds(job.grace_s)}"
    if job.waits and not constant:
        yield f"waits=[{', '.join(map(seconds, job.waits))}]"
    if job.retry_codes:
        yield f"retry_codes={list(job.retry_codes)}"
    if job.tolerated:
        yield f"tolerated={list(job.tolerated)}"


def _job(chain: Chain, name: str, ops: Mapping[str, str], exported: Exported) -> Iterator[str]:
    most = f'{{"execution": {{"config": {{"multiprocess": {{"max_concurrent": {exported.parallel}}}}}}}}}'
    yield f"@dg.job(config={most})"
    yield f"def {name}() -> None:"
    yield f"    {_text(chain.about or f'What {chain.name} runs.')}"
    names = _Names(ops.values())
    done = {other: names.free(f"{ops[other]}_done") for job in chain.jobs for other in dict.fromkeys(job.needs)}
    for job in _ordered(chain):
        call = f"{ops[job.id]}({', '.join(f'{ops[other]}={done[other]}' for other in job.needs)})"
        yield f"    {done[job.id]} = {call}" if job.id in done else f"    {call}"


def _ordered(chain: Chain) -> list[Job]:
    """Every job after what it needs."""
    from tetra_orchestrator.core.graph import order

    jobs = {job.id: job for job in chain.jobs}
    return [jobs[name] for name in order({name: job.needs for name, job in jobs.items()})]


def _definitions(exported: Exported, jobs: Mapping[str, str], crons: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    yield "defs = dg.Definitions("
    yield _wrapped("jobs=", list(jobs.values()), "[]", 4, ",")
    if exported.wakes:
        yield "    schedules=["
        names = _Names()
        for wake in exported.wakes:
            yield from _schedule(wake, names.free(wake.schedule.name), jobs[wake.chain], *crons[wake.schedule.name])
        yield "    ],"
    yield ")"


def _schedule(wake: Wake, name: str, job: str, cron: str, zone: str) -> Iterator[str]:
    status = "default_status=dg.DefaultScheduleStatus.RUNNING"
    parts = [
        f'name="{name}"',
        f"job={job}",
        f"cron_schedule={_text(cron)}",
        f"execution_timezone={_text(zone)}",
        status,
    ]
    yield _wrapped("dg.ScheduleDefinition", parts, "()", 8, ",")


def _cron(schedule: Schedule) -> tuple[str, str] | str:
    """The rule as Dagster takes it, and its zone; or why there is none."""
    if schedule.cron is None:
        return _of_interval(schedule.every_s) if schedule.every_s else "only a cron rule or an interval can be said"
    text = MACROS.get(schedule.cron, schedule.cron)
    rule = rule_of(schedule.cron)
    if _UNSAID.search(re.sub(r"[A-Za-z]{3,}", "", text)):
        return f"Dagster does not know the rule '{schedule.cron}'"
    days = text.split()
    if rule.both_days and "*" not in (days[2], days[4]):
        return f"Dagster takes the days of '{schedule.cron}' for one or the other, and both count"
    return text, schedule.timezone


def _of_interval(every_s: float) -> tuple[str, str] | str:
    """The cron rule that is due at the multiples of an interval since 1970, in UTC."""
    minutes, rest = divmod(every_s, 60)
    if not rest and 60 % minutes == 0:
        return (f"*/{minutes:g} * * * *" if minutes < 60 else "0 * * * *"), "UTC"
    if not rest and minutes % 60 == 0 and 24 % (minutes / 60) == 0:
        return (f"0 */{minutes / 60:g} * * *" if minutes < 24 * 60 else "0 0 * * *"), "UTC"
    return "no cron rule has its interval"
