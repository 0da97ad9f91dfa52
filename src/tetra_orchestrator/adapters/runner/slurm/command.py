"""Slurm's commands: found once, started in an environment of their own, and given a time limit each."""

from __future__ import annotations

import os
import subprocess
from shutil import which

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: Of our environment; all of this is the jobs' environment, too. SLURM_CONF names the cluster, other variables of Slurm
#: are those of a job in which we may be.
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "SLURM_CONF")
#: No answer for so long is none. A command gives up by itself after Slurm's MessageTimeout, 10 s if not set otherwise.
PATIENCE_S = 30.0
#: The code of a command that could not be started; no program ends with it.
MISSING = 1000


class Answer(Record):
    """What a command said; `code` is None where it was ended because it had not answered in time."""

    code: int | None
    out: str
    error: str


class Commands:
    """The commands of the Slurm that `environ` leads to."""

    def __init__(self, environ: Mapping[str, str], patience_s: float = PATIENCE_S) -> None:
        self._environ = {**{name: environ[name] for name in _KEPT if name in environ}, "LC_ALL": "C"}
        self._patience_s = patience_s
        self._found: dict[str, str] = {}

    def run(self, name: str, *arguments: str, script: str = "") -> Answer:
        """Run the command to its end, with the script as its input."""
        path = self._found.get(name) or which(name, path=self._environ.get("PATH", os.defpath))
        if path is None:
            return Answer(MISSING, "", f"no program called {name} in PATH={self._environ.get('PATH', os.defpath)}")
        self._found[name] = path
        if not os.path.exists(conf := self._environ.get("SLURM_CONF", path)):
            return Answer(MISSING, "", f"SLURM_CONF names {conf}, which does not exist")  # sbatch would wait for it
        try:
            # in a session of its own: an interrupt from the terminal is for us, and no reason to leave a job unknown
            done = subprocess.run(
                (path, *arguments),
                input=script,
                env=self._environ,
                cwd="/",
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=self._patience_s,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Answer(None, "", f"{name} did not answer within {self._patience_s:g} s")
        except OSError as error:
            return Answer(MISSING, "", f"{path} cannot be started: {error.strerror}")
        return Answer(done.returncode, done.stdout, done.stderr)
