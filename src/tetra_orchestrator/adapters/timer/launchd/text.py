"""The property lists of a project's timers for launchd, as text (launchd.plist(5)). Nothing here has an effect."""

from __future__ import annotations

import plistlib
import re
from datetime import UTC
from math import ceil
from posixpath import splitext

from tetra_orchestrator.adapters.timer.launchd.calendar import entries, start_interval
from tetra_orchestrator.adapters.timer.launchd.parse import VALID_UNTIL, read, valid_until
from tetra_orchestrator.adapters.timer.local_times import wakes
from tetra_orchestrator.core.marker import marked
from tetra_orchestrator.core.units import UnitFile
from tetra_orchestrator.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.units import TimerSpec

    Value = str | int | bool | list[str] | list[dict[str, int]] | dict[str, int] | dict[str, str]

__all__ = ["plists", "valid_until"]

#: Where a job is started from: the user's launchd or the machine's.
USER, SYSTEM = "user", "system"
_MARKER = "<!-- {} -->"
_WRITTEN = "<!-- Written by `tetra-orchestrator schedule apply`: change the configuration instead. -->\n"
_FIRST_LINE = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAME = re.compile(r"[A-Za-z0-9_-]+")
#: What XML 1.0 cannot hold, and what it reads as something else (a carriage return).
_UNSAYABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def plists(
    specs: Sequence[TimerSpec], root: str, now: datetime, local_zone: str, scope: str, user: str
) -> list[UnitFile]:
    """A property list for each spec, called after its label.

    `root` is the project's folder, `now` aware UTC, `local_zone` the machine's IANA zone, `scope` is `user` or `system`
    and `user` whose jobs the machine's launchd starts. The text is the same throughout a calendar year. Raises
    `ConfigError` for a spec that a property list cannot hold, with the field's name.
    """
    return [_plist(spec, root, now, local_zone, user if scope == SYSTEM else None) for spec in specs]


def _plist(spec: TimerSpec, root: str, now: datetime, local_zone: str, user: str | None) -> UnitFile:
    if not _NAME.fullmatch(spec.project) or not _NAME.fullmatch(spec.name):
        message = f"the timer {spec.name!r} of the project {spec.project!r} cannot be a label of launchd"
        raise ConfigError(message, hint="use letters, digits, '_' and '-'", where=spec.source)
    for field, text in _texts(spec, user):
        _require_sayable(text, field, spec)
    wanted = _process(spec) | _when(spec, now, local_zone) | ({} if user is None else {"UserName": user})
    until = wakes(spec, local_zone, now).until
    said = f"{VALID_UNTIL}{until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} -->\n" if until else ""
    _, first, rest = plistlib.dumps(wanted, sort_keys=True).decode().partition(_FIRST_LINE)
    text = marked(first + _WRITTEN + said + rest, spec.project, root, _MARKER)
    if read(text) != wanted or valid_until(text) != until:
        message = f"the timer {spec.name!r} cannot be said to launchd: it would be read as another"
        raise ConfigError(message, hint="report this with the schedule", where=spec.source)
    return UnitFile(f"{spec.label}.plist", text)


def _process(spec: TimerSpec) -> dict[str, Value]:
    beginning, ending = splitext(spec.log)
    keys: dict[str, Value] = {
        "Label": spec.label,
        "ProgramArguments": list(spec.argv),
        "WorkingDirectory": spec.cwd,
        "StandardOutPath": spec.log,
        "StandardErrorPath": f"{beginning}_error{ending}",
        "RunAtLoad": spec.at_boot,
        "ProcessType": "Standard",
        "LowPriorityIO": False,
        "Umask": spec.umask,
        "ExitTimeOut": max(ceil(spec.stop_s), 1),  # 0 is no limit
    }
    if spec.env:
        keys["EnvironmentVariables"] = dict(spec.env)
    if spec.dispatches or spec.outlived:
        keys["AbandonProcessGroup"] = True
    return keys


def _when(spec: TimerSpec, now: datetime, local_zone: str) -> dict[str, Value]:
    calendar, interval = entries(spec, local_zone, now), start_interval(spec)
    if calendar:
        return {"StartCalendarInterval": calendar[0] if len(calendar) == 1 else calendar}
    if interval is not None:
        return {"StartInterval": interval}
    if not spec.at_boot:
        raise ConfigError(f"the timer {spec.name!r} is never due", hint="give it a time", where=spec.source)
    return {}


def _texts(spec: TimerSpec, user: str | None) -> Iterator[tuple[str, str]]:
    yield from (("command", argument) for argument in spec.argv)
    yield "folder", spec.cwd
    yield "log", spec.log
    for name, value in spec.env:
        yield "environment", name
        yield f"variable {name}", value
    if user is not None:
        yield "user", user


def _require_sayable(text: str, field: str, spec: TimerSpec) -> None:
    found = _UNSAYABLE.search(text)
    if found:
        message = f"the {field} of the timer {spec.name!r} has the character {found[0]!r} in it"
        raise ConfigError(f"{message}, which no property list can hold", hint="take it out", where=spec.source)
