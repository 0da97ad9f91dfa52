"""What `systemctl` tells of our timers.

`systemctl show` prints `NextElapseUSecRealtime` and `LastTriggerUSec` by the second whatever its `--timestamp` (seen
with 252). By the microsecond, and for timers that count from something else too, `list-timers` has them as JSON.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tetra_orchestrator.timer_port import TimerState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.adapters.timer.systemd.session import Session

_PROPERTIES = "Id,LoadState,UnitFileState,ActiveState,NextElapseUSecRealtime,LastTriggerUSec,Result,ExecMainStatus"
#: Exit codes that tell of a run, of somebody who has ended it, of the store or of the file: those are told otherwise.
_TOLD = frozenset((0, 1, 2, 69, 75, 78, 130, 143))
#: Results of a service that tell of its process having been ended: what became of the run is in the store.
_ENDED = frozenset(("success", "signal", "core-dump", "oom-kill"))
_RUNNING = frozenset(("active", "activating", "deactivating", "reloading"))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Shown = dict[str, dict[str, str]]


def states(session: Session, units: Sequence[str]) -> dict[str, TimerState]:
    """Unit name without its ending -> state. Raises `CannotWrite` or `NotNow` where systemd does not answer."""
    if not units:
        return {}
    session.require()
    files = [f"{unit}.{kind}" for unit in units for kind in ("timer", "service")]
    shown = properties(session, files, _PROPERTIES)
    listed = _listed(session.ask("list-timers", "--all", "--output=json", *files[::2]).out)
    return {unit: _state(unit, shown, listed.get(f"{unit}.timer")) for unit in units}


def properties(session: Session, files: Sequence[str], names: str) -> Shown:
    """Name of the unit -> property -> value, for properties that include `Id`."""
    blocks = session.call("show", "--property", names, "--", *files).split("\n\n")
    parsed = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]
    return {block["Id"]: block for block in parsed if "Id" in block}


def _state(unit: str, shown: Shown, listed: Mapping[str, object] | None) -> TimerState:
    timer, service = shown.get(f"{unit}.timer", {}), shown.get(f"{unit}.service", {})
    if listed is None:
        next_at, last_at = (_spoken(timer.get(key, "")) for key in ("NextElapseUSecRealtime", "LastTriggerUSec"))
    else:
        next_at, last_at = _counted(listed.get("next")), _counted(listed.get("last"))
    return TimerState(
        known=timer.get("LoadState") == "loaded",
        enabled=timer.get("UnitFileState") == "enabled",
        waiting=timer.get("ActiveState") == "active",
        active=service.get("ActiveState") in _RUNNING,
        next_at=next_at,
        last_at=last_at,
        failed=_failure(service),
        masked=timer.get("LoadState") == "masked",
    )


def _failure(service: Mapping[str, str]) -> str | None:
    """Why the service came to nothing, beyond what we can tell ourselves."""
    result, status = service.get("Result", "success"), service.get("ExecMainStatus", "0")
    if service.get("ActiveState") != "failed" or result in _ENDED:
        return None
    if result != "exit-code":
        return result
    return None if status.isdigit() and int(status) in _TOLD else f"exit code {status}"


def _listed(text: str) -> dict[str, Mapping[str, object]]:
    """The timers by name; none where this systemd prints a table all the same."""
    try:
        return {row["unit"]: row for row in json.loads(text)}
    except (ValueError, TypeError, KeyError):
        return {}


def _counted(microseconds: object) -> datetime | None:
    return _EPOCH + timedelta(microseconds=microseconds) if isinstance(microseconds, int) and microseconds else None


def _spoken(text: str) -> datetime | None:
    """`Sun 2026-11-22 00:00:00 UTC`; anything else says nothing."""
    try:
        return datetime.strptime(text.partition(" ")[2], "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    except ValueError:
        return None
