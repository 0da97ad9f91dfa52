"""What keeps the timers of launchd from starting anything, and what to do about it."""

from __future__ import annotations

from tetra_orchestrator.adapters.timer import program
from tetra_orchestrator.core.diagnosis import ERROR, WARNING, Diagnosis
from tetra_orchestrator.core.marker import read_marker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tetra_orchestrator.adapters.timer.folder import UnitFolder


def diagnose(forbidden: Callable[[], set[str]], folder: UnitFolder) -> list[Diagnosis]:
    """All that is not as it should be; empty when the timers will be seen to. `forbidden` asks launchd for labels."""
    if not program.is_there("launchctl"):
        message = "there is no launchctl on the PATH"
        return [Diagnosis("no_launchd", ERROR, message, "launchd is macOS's; elsewhere use another --by")]
    obstacle = folder.obstacle()
    found = [] if obstacle is None else [Diagnosis(obstacle.code, ERROR, obstacle.message, obstacle.remedy)]
    ours = {file.name.removesuffix(".plist") for file in folder.files(_is_list) if read_marker(file.text)}
    for label in sorted(ours & forbidden()):
        message = f"{label} is disabled in launchd: it is not started"
        remedy = "`tetra schedule enable` with its name, unless it is meant to be"
        found.append(Diagnosis("launchd_disabled_by_user", WARNING, message, remedy))
    return found


def _is_list(name: str) -> bool:
    return name.endswith(".plist")
