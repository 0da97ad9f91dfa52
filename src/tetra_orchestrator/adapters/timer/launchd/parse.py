"""Property lists of launchd read back: what is in them, and whether launchd would take it for what it says."""

from __future__ import annotations

import plistlib
from datetime import datetime
from xml.parsers.expat import ExpatError

from tetra_orchestrator.adapters.timer.launchd.calendar import RANGES
from tetra_orchestrator.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: The keys that we write, with the types that launchd.plist(5) asks for.
KEYS: Mapping[str, type | tuple[type, ...]] = {
    "AbandonProcessGroup": bool,
    "EnvironmentVariables": dict,
    "ExitTimeOut": int,
    "Label": str,
    "LowPriorityIO": bool,
    "ProcessType": str,
    "ProgramArguments": list,
    "RunAtLoad": bool,
    "StandardErrorPath": str,
    "StandardOutPath": str,
    "StartCalendarInterval": (dict, list),
    "StartInterval": int,
    "Umask": int,
    "UserName": str,
    "WorkingDirectory": str,
}
VALID_UNTIL = "<!-- valid until "


def read(text: str) -> dict[str, object]:
    """The keys of a property list in XML and their values. Raises `ConfigError` for one that launchd misreads.

    launchd takes a wrong type or an unknown name in StartCalendarInterval for a missing key: for any time.
    """
    try:
        found = plistlib.loads(text.encode())
    except (ExpatError, ValueError) as error:
        raise _refused(f"it is no property list: {error}") from None
    if not isinstance(found, dict):
        raise _refused("it has no dictionary")
    for fault in _faults(found):
        raise _refused(fault)
    return found


def valid_until(text: str) -> datetime | None:
    """Until when (aware UTC) a rendered property list has all its wakes; None where it goes on as clocks do now."""
    _, said, rest = text.partition(VALID_UNTIL)
    return datetime.fromisoformat(rest.split(" ", 1)[0]) if said else None


def _faults(found: Mapping[str, object]) -> Iterator[str]:
    for key, value in found.items():
        if key not in KEYS:
            yield f"the key {key} is not one of ours"
        elif not isinstance(value, KEYS[key]) or (isinstance(value, bool) and KEYS[key] is int):
            yield f"{key} is {value!r}"
    yield from (f"{key} is missing" for key in ("Label", "ProgramArguments") if not found.get(key))
    calendar = found.get("StartCalendarInterval", [])
    for entry in calendar if isinstance(calendar, list) else [calendar]:
        yield from _faults_of(entry)


def _faults_of(entry: object) -> Iterator[str]:
    if not isinstance(entry, dict) or not entry:
        yield f"StartCalendarInterval has {entry!r}"
        return
    if {"Day", "Weekday"} <= entry.keys():
        yield "StartCalendarInterval has Day and Weekday in one entry"
    for key, value in entry.items():
        first, last = RANGES.get(key, (1, 0))
        if type(value) is not int or not first <= value <= last:
            yield f"StartCalendarInterval has {key}: {value!r}"


def _refused(fault: str) -> ConfigError:
    return ConfigError(f"launchd would misread the property list: {fault}", hint="write it anew: `schedule apply`")
