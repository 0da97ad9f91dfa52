"""The block of a user's crontab that is a project's, as text, and the crontab with another block in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tetra_orchestrator.adapters.timer.crontab import quoting
from tetra_orchestrator.adapters.timer.crontab.fields import lines
from tetra_orchestrator.core.marker import marked, read_marker
from tetra_orchestrator.core.units import UnitFile
from tetra_orchestrator.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tetra_orchestrator.core.units import TimerSpec

NAME = "crontab"
#: Debian's cron cuts off what is longer (MAX_COMMAND), without a word.
LONGEST_COMMAND = 998
_BEGIN = "# begin {}"
_WRITTEN = "# Written by `tetra-orchestrator schedule apply`: change the configuration instead."
_END = "# end tetra-orchestrator: project="
_UNTIL = "# valid until "
_SAID_UNTIL = re.compile(rf"^{_UNTIL}(\S+)$", re.MULTILINE)


def block(specs: Sequence[TimerSpec], root: str, now: datetime, local_zone: str) -> UnitFile:
    """The lines for all timers of a project, between one that has its marker and one that says where they end.

    `root` is the project's folder, `now` aware UTC, `local_zone` the machine's IANA zone. cron is expected to start
    commands with a shell that understands sh(1). The text is the same throughout a calendar year. Raises `ConfigError`
    for a spec that a crontab cannot hold, with the field's name.
    """
    found = {spec: lines(spec, local_zone, now) for spec in specs}
    until = min((each.until for each in found.values() if each.until), default=None)
    said = [f"{_UNTIL}{until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"] if until else []
    body = [line for spec, each in found.items() for line in _lines(spec, each.fields)]
    project = quoting.name(specs[0].project, "the project's name")
    text = "".join(f"{line}\n" for line in [_WRITTEN, *said, *body, _END + project])
    return UnitFile(NAME, marked(text, project, root, _BEGIN))


def valid_until(text: str) -> datetime | None:
    """Until when (aware UTC) a rendered block has all its wakes; None where it goes on as clocks do now."""
    found = _SAID_UNTIL.search(text)
    return datetime.fromisoformat(found[1]) if found else None


def block_of(crontab: str, project: str) -> str | None:
    """The project's block as it is in the crontab. Raises `ConfigError` where its end is missing."""
    lines = _lines_of(crontab)
    place = next(_places(lines, project), None)
    return "".join(lines[slice(*place)]) if place else None


def replace_block(crontab: str, block: str | None, project: str) -> str:
    """The crontab with this block in the place of the project's, or behind all else; with None, without any.

    Every other line stays as it is; only a last one without a newline gets it, if a block comes behind it. Raises
    `ConfigError` where the end of a block is missing.
    """
    lines = _lines_of(crontab)
    places = list(_places(lines, project))
    for start, end in reversed(places):
        lines[start:end] = []
    if block is not None:
        at = places[0][0] if places else len(lines)
        if at and not lines[at - 1].endswith("\n"):
            lines[at - 1] += "\n"
        lines.insert(at, block)
    return "".join(lines)


def _lines(spec: TimerSpec, fields: Sequence[str]) -> Iterator[str]:
    if not fields:
        raise ConfigError(f"the timer {spec.name!r} is never due", hint="give it a time", where=spec.source)
    command = _command(spec)
    yield f"# {quoting.name(spec.name, 'the name of a timer')}"
    yield from (f"{each} {command}" for each in fields)


def _command(spec: TimerSpec) -> str:
    """What cron starts. What a task prints goes to the log, so that cron has nothing to mail."""
    about = f"of the timer {spec.name!r}"
    argv = [quoting.word(argument, f"the command {about}") for argument in spec.argv]
    environment = [
        f"{quoting.variable(name, f'the environment {about}')}={quoting.word(value, f'the variable {name} {about}')}"
        for name, value in spec.env
    ]
    folder, log = quoting.word(spec.cwd, f"the folder {about}"), quoting.word(spec.log, f"the log {about}")
    start = " ".join([*environment, *argv])
    command = f"umask {spec.umask:04o} && cd {folder} && {start} >> {log} 2>&1"
    _require_same(command, spec)
    size = len(command.encode())
    if size > LONGEST_COMMAND:
        message = f"the command {about} has {size} bytes, of which cron may keep only the first {LONGEST_COMMAND}"
        raise ConfigError(message, hint="use shorter paths, or a shorter PATH", where=spec.source)
    return command


def _require_same(command: str, spec: TimerSpec) -> None:
    mask, start = ["umask", f"{spec.umask:04o}", "&&"], ["cd", spec.cwd, "&&"]
    environment = [f"{name}={value}" for name, value in spec.env]
    if quoting.split(command) != [*mask, *start, *environment, *spec.argv, ">>", spec.log, "2>&1"]:
        message = f"the timer {spec.name!r} cannot be said to cron: it would be read as another"
        raise ConfigError(message, hint="report this with the schedule", where=spec.source)


def _lines_of(crontab: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", crontab)


def _places(lines: Sequence[str], project: str) -> Iterator[tuple[int, int]]:
    """Where the project's blocks are, each from its first line to behind its last one."""
    start: int | None = None
    for number, line in enumerate(lines):
        if line.startswith("# begin ") and (marker := read_marker(line)):
            if start is not None:
                break
            start = number if marker.project == project else None
        elif start is not None and line.rstrip("\r\n") == _END + project:
            yield start, number + 1
            start = None
    if start is not None:
        message = f"the block of the project {project} has no last line, {_END + project!r}"
        raise ConfigError(message, hint="put it back, or take out the block", where=f"crontab:{start + 1}")
