"""The unit files of a project's timers as text. Nothing here has an effect.

Keys are those of systemd.unit(5), systemd.timer(5), systemd.service(5), systemd.exec(5), systemd.kill(5) and
systemd.resource-control(5), as of systemd 252; the oldest that knows all of them is 244.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from posixpath import dirname

from tetra_orchestrator.adapters.timer.systemd import notifier, parse, quoting
from tetra_orchestrator.adapters.timer.systemd.calendar import lines, patched_to
from tetra_orchestrator.core.marker import marked
from tetra_orchestrator.core.units import UnitFile
from tetra_orchestrator.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tetra_orchestrator.core.units import TimerSpec

#: Whose manager a unit is for.
USER, SYSTEM = "user", "system"
_HEAD = "# Written by `tetra-orchestrator schedule apply`: change the configuration instead.\n"
_PATCHED_LINE = re.compile(r"^PatchedUntil=(\d{4}-01-01T00:00:00Z)$", re.M)

Line = tuple[str, str]


def units(specs: Sequence[TimerSpec], root: str, now: datetime, scope: str) -> list[UnitFile]:
    """A timer and a service for each spec, and one service for each project that tells of failures.

    `root` is the project's folder, `now` aware UTC, `scope` is `user` or `system`. The text is the same throughout a
    calendar year. Raises `ConfigError` for a spec that a unit cannot say safely, with the field's name.
    """
    files = {file.name: file for spec in specs for file in _units(spec, root, now, scope)}
    return list(files.values())


def patched_until(text: str) -> datetime | None:
    """Until when a rendered timer has all its wakes; None where it holds as long as the zone keeps its ways."""
    found = _PATCHED_LINE.search(text)
    return datetime.fromisoformat(found[1]) if found else None


def _units(spec: TimerSpec, root: str, now: datetime, scope: str) -> Iterator[UnitFile]:
    project = quoting.name(spec.project, "the project's name")
    quoting.name(spec.name, "the schedule's name")
    calendar = lines(spec, now)
    timer = _text(_timer(spec, calendar, now, scope))
    service = _text(_service(spec, root, scope))
    parse.require_same(spec, calendar, timer, service)
    bodies = {f"{spec.unit}.timer": timer, f"{spec.unit}.service": service}
    bodies[notifier.template(project)] = _text(notifier.sections(project, spec.log))
    for name, body in bodies.items():
        yield UnitFile(name, marked(body, project, root, "# {}"))


def _text(sections: dict[str, list[Line]]) -> str:
    written = (f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in found) for name, found in sections.items())
    return _HEAD + "\n".join(written)


def _timer(spec: TimerSpec, calendar: Sequence[str], now: datetime, scope: str) -> dict[str, list[Line]]:
    sections = {
        "Unit": _about(spec),
        "Timer": [("Unit", f"{spec.unit}.service"), *_when(spec, calendar, scope)],
        "Install": [("WantedBy", "timers.target")],
    }
    end = patched_to(spec, now)
    if end:
        # systemd leaves such a section alone
        sections["X-Tetra"] = [("PatchedUntil", f"{end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")]
    return sections


def _about(spec: TimerSpec) -> list[Line]:
    return [
        ("Description", quoting.line(spec.description, _of(spec, "description"))),
        ("SourcePath", quoting.path(spec.source, _of(spec, "source"))),
    ]


def _when(spec: TimerSpec, calendar: Sequence[str], scope: str) -> Iterator[Line]:
    yield from (("OnCalendar", line) for line in calendar)
    if spec.every_s and not calendar:
        # OnUnitActiveSec= alone never fires: nothing has been active yet
        yield "OnActiveSec", _span(spec.every_s)
        yield "OnUnitActiveSec", _span(spec.every_s)
    if spec.at_boot:
        yield ("OnStartupSec" if scope == USER else "OnBootSec"), "1min"
    if not (calendar or spec.every_s or spec.at_boot):
        raise ConfigError(f"the timer {spec.name!r} is never due", hint="give it a time", where=spec.source)
    if spec.persistent and calendar:
        yield "Persistent", "yes"
    yield "AccuracySec", "1s"
    if spec.jitter_s:
        yield "RandomizedDelaySec", _span(spec.jitter_s)


def _service(spec: TimerSpec, root: str, scope: str) -> dict[str, list[Line]]:
    about = [
        *_about(spec),
        ("OnFailure", notifier.instance(spec.project, spec.name)),
        ("StartLimitIntervalSec", "0"),
    ]
    return {"Unit": about, "Service": [*_process(spec), *_end(spec), *_limits(spec), *_sandbox(spec, root, scope)]}


def _process(spec: TimerSpec) -> Iterator[Line]:
    log = f"append:{quoting.path(spec.log, _of(spec, 'log'))}"
    quoting.program(spec.argv[0], _of(spec, "program"))
    yield "Type", "oneshot"
    yield "ExecStart", quoting.command(spec.argv, _of(spec, "command"))
    yield "WorkingDirectory", quoting.path(spec.cwd, _of(spec, "folder"))
    for name, value in spec.env:
        quoting.variable(name, _of(spec, "environment"))
        yield "Environment", quoting.word(f"{name}={value}", _of(spec, f"variable {name}"))
    yield "StandardOutput", log
    yield "StandardError", log
    yield "UMask", f"{spec.umask:04o}"


def _end(spec: TimerSpec) -> Iterator[Line]:
    """The guard ends its tasks itself, within their grace: what it leaves is for systemd to kill (systemd.kill(5)).

    Where some of that is to outlive it, systemd has only the guard to end.
    """
    yield "SuccessExitStatus", " ".join(map(str, spec.no_failure))
    yield "KillMode", "process" if spec.outlived else "mixed"
    yield "TimeoutStartSec", "infinity" if spec.timeout_s is None else _span(spec.timeout_s)
    yield "TimeoutStopSec", _span(spec.stop_s)


def _limits(spec: TimerSpec) -> Iterator[Line]:
    if spec.memory_bytes:
        yield "MemoryMax", str(spec.memory_bytes)
    if spec.cpu:
        yield "CPUQuota", f"{max(round(spec.cpu * 100), 1)}%"
    if spec.processes:
        yield "TasksMax", str(spec.processes)
    if spec.delegate:
        yield "Delegate", "yes"
        yield "OOMPolicy", "continue"


def _sandbox(spec: TimerSpec, root: str, scope: str) -> Iterator[Line]:
    yield "NoNewPrivileges", "yes"
    yield "RestrictSUIDSGID", "yes"
    if spec.strict:
        if scope == USER:
            # without it the rest is silently ignored in a user's unit
            yield "PrivateUsers", "yes"
        yield "ProtectSystem", "strict"
        yield "ProtectHome", "read-only"
        yield "PrivateTmp", "yes"
        for folder in dict.fromkeys((root, dirname(spec.log))):
            yield "ReadWritePaths", quoting.path_word(folder, _of(spec, "writable folder"))


def _of(spec: TimerSpec, field: str) -> str:
    return f"the {field} of the timer {spec.name!r}"


def _span(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
