"""launchctl(1), as it is since OS X 10.10 and as it was before. Labels name jobs, paths their property lists."""

from __future__ import annotations

import os
import re
import time

from tetra_orchestrator.adapters.timer import program
from tetra_orchestrator.errors import NotNow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.adapters.timer.program import Done

USER, SYSTEM = "user", "system"
#: Leaving is asynchronous: a job that is told to go ends first. Seconds.
LEAVE_LIMIT_S = 10.0
_PAUSE_S = 0.05
_UNKNOWN = re.compile(r"(unknown|unrecognized) subcommand", re.IGNORECASE)
#: Of the text that is "not API in any sense at all" (launchctl(1)) only lines of the job itself are read.
_STATE = re.compile(r"^\tstate = (.*)$", re.MULTILINE)
_OVERRIDE = re.compile(r'^\s*"(.+)" => (?:disabled|true)$', re.MULTILINE)


class Launchctl:
    """Jobs in a domain: `gui/UID` of who is logged in, `user/UID`, or `system`."""

    def __init__(self, domain: str) -> None:
        self._domain = domain

    def running(self, label: str) -> bool | None:
        """Whether the job's process runs; None where launchd does not have the job."""
        done = _ask("print", f"{self._domain}/{label}")
        if done.code:
            return None
        found = _STATE.search(done.out)
        return found is not None and found[1].strip() == "running"

    def load(self, label: str, path: str) -> None:
        """Raises `CannotWrite` where launchd refuses it."""
        done = _ask("bootstrap", self._domain, path)
        if done.code and self.running(label) is None:
            _call("bootstrap", self._domain, path)  # 5, "Input/output error", stands for all that can pass, too

    def unload(self, label: str, path: str) -> None:
        """Comes back when the job has gone. Raises `NotNow` where it stays."""
        _ask("bootout", f"{self._domain}/{label}")
        limit = time.monotonic() + LEAVE_LIMIT_S
        while self.running(label) is not None:
            if time.monotonic() > limit:
                message = f"launchd still has {label}, {LEAVE_LIMIT_S:g} s after it was told to let go of it"
                raise NotNow(message, hint=f"`launchctl print {self._domain}/{label}` tells why; then try again")
            time.sleep(_PAUSE_S)

    def start(self, label: str) -> None:
        """Have the job run now. Raises `CannotWrite` where launchd does not have it."""
        _call("kickstart", f"{self._domain}/{label}")

    def allow(self, label: str) -> None:
        """Have the job loaded at the next start."""
        _call("enable", f"{self._domain}/{label}")

    def forbid(self, label: str, path: str) -> None:
        """Have the job not loaded at the next start; a job that runs goes on."""
        _call("disable", f"{self._domain}/{label}")

    def forbidden(self) -> set[str]:
        """The labels of jobs that are not loaded at the next start."""
        return set(_OVERRIDE.findall(_call("print-disabled", self._domain)))


class OldLaunchctl:
    """Before OS X 10.10. What is forbidden it keeps for itself."""

    def running(self, label: str) -> bool | None:
        done = _ask("list", label)
        return None if done.code else '"PID" = ' in done.out

    def load(self, label: str, path: str) -> None:
        _call("load", "-w", path)

    def unload(self, label: str, path: str) -> None:
        _call("unload", path)

    def start(self, label: str) -> None:
        _call("start", label)

    def allow(self, label: str) -> None:
        """`load -w` does it."""

    def forbid(self, label: str, path: str) -> None:
        _ask("unload", "-w", path)  # it fails for one that is not loaded

    def forbidden(self) -> set[str]:
        return set()


def find(scope: str) -> Launchctl | OldLaunchctl:
    """The one of this system. Raises `CannotWrite` or `NotNow` where there is none that answers."""
    domain = "system" if scope == SYSTEM else f"gui/{os.geteuid()}"
    done = _ask("print", domain)
    if done.code and _UNKNOWN.search(done.err):
        return OldLaunchctl()
    if done.code and scope == USER:
        domain = f"user/{os.geteuid()}"  # nobody is logged in at the screen, as over ssh
    return Launchctl(domain)


def _call(*words: str) -> str:
    return program.succeed(("launchctl", *words), program.environment())


def _ask(*words: str) -> Done:
    return program.run(("launchctl", *words), program.environment())
