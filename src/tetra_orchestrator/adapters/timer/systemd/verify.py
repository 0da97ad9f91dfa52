"""Having systemd read unit files before they are installed."""

from __future__ import annotations

import os
import re

from tetra_orchestrator.adapters.timer import program
from tetra_orchestrator.errors import CannotWrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.adapters.timer.systemd.session import Session
    from tetra_orchestrator.core.units import UnitFile

_PROGRAM = "systemd-analyze"
#: A key of a newer systemd is passed over by an older one: that harms nothing.
_HARMLESS = re.compile(r"Unknown (key|lvalue|section)")


def verify(session: Session, files: Sequence[UnitFile]) -> None:
    """Raises `CannotWrite` with what systemd finds wrong in the files; says nothing where it cannot be asked."""
    if not files or not program.is_there(_PROGRAM):
        return
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="tetra-units-") as folder:
        for file in files:
            with open(os.path.join(folder, file.name), "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(file.text)
        words = ("verify", "--man=no", "--recursive-errors=one", *(os.path.join(folder, each.name) for each in files))
        done = program.run(session.command(_PROGRAM, *words), session.environment())
        faults = _faults(done.err, folder, {file.name for file in files}) if done.code else []
    if faults:
        message = f"systemd would not take the timers: {'; '.join(faults)}"
        raise CannotWrite(message, hint="nothing was installed; mend what it names in the configuration")


def _faults(said: str, folder: str, names: set[str]) -> list[str]:
    """Lines about the files themselves: what else is wrong on this system is not in our way."""
    lines = dict.fromkeys(line.removeprefix(f"{folder}/") for line in said.splitlines() if not _HARMLESS.search(line))
    return [line for line in lines if line.partition(":")[0] in names]
