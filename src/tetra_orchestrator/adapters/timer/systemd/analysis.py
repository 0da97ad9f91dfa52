"""What systemd itself says of unit files that are not installed: `systemd-analyze verify` and `calendar`."""

from __future__ import annotations

from tetra_orchestrator.adapters.timer import program
from tetra_orchestrator.adapters.timer.systemd.parse import read
from tetra_orchestrator.adapters.timer.systemd.session import USER, Session
from tetra_orchestrator.adapters.timer.systemd.verify import verify
from tetra_orchestrator.errors import CannotWrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.units import UnitFile

_ANALYZE = "systemd-analyze"
#: A program that is on every system, in the place of one that is not on this one.
_ANY_PROGRAM = "/bin/sh"


def complaints(files: Sequence[UnitFile], starts: str, since: datetime) -> list[str] | None:
    """What systemd finds wrong in the files, and which of their times are never due after `since`.

    The program that they start, `starts`, need not be here. None where there is no systemd-analyze(1) to ask.
    """
    if not program.is_there(_ANALYZE):
        return None
    return [*_in_files(files, starts), *(line for file in files for line in _in_calendar(file, since))]


def _in_files(files: Sequence[UnitFile], starts: str) -> Iterator[str]:
    here = [file._replace(text=file.text.replace(f'"{starts}"', f'"{_ANY_PROGRAM}"')) for file in files]
    try:
        verify(Session(USER), here)
    except CannotWrite as error:
        yield error.message


def _in_calendar(file: UnitFile, since: datetime) -> Iterator[str]:
    times = read(file.text).calendar
    if not times:
        return
    begin = f"--base-time={since:%Y-%m-%d %H:%M:%S} UTC"
    done = program.run([_ANALYZE, "calendar", begin, *times], program.environment(TZ="UTC"))
    if done.code:
        yield f"{file.name}: {program.reason(done)}"
    elif "Next elapse: never" in done.out:
        yield f"{file.name}: one of its times is never due: {', '.join(times)}"
