"""The limits of one attempt: the kernel keeps what it can be made to keep, and the rest is looked at now and then."""

from __future__ import annotations

import os
import sys
import time

from tetra_orchestrator.core.facts import ENFORCED, UNKNOWN, UNSUPPORTED, WATCHED, Usage
from tetra_orchestrator.core.outcome import Exited, LimitExceeded, OutOfMemory, Signalled, SpawnFailed, succeeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.adapters.runner.limits.cgroup import Group, Place
    from tetra_orchestrator.core.facts import Bounds
    from tetra_orchestrator.core.outcome import Outcome
    from tetra_orchestrator.ports import Launch

_PREAMBLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "preamble.py")
#: The exit status of a preamble that could not start the command.
_NOT_STARTED = 127
_places: list[Place | None] = []


def guard(launch: Launch) -> Guard | None:
    """What keeps the attempt's limits; None where nothing of what a guard is for is limited."""
    bounds = launch.bounds
    if bounds is None or not _asked(bounds):
        return None
    place = _place()
    return Guard(bounds, f"{launch.log}.start", place.group(launch.token, bounds) if place else None)


def _asked(bounds: Bounds) -> dict[str, float]:
    limits = {
        "memory": bounds.memory_bytes,
        "cpu": bounds.cpu,
        "processes": bounds.processes,
        "open_files": bounds.open_files,
        "disk": bounds.disk_bytes,
    }
    return {key: limit for key, limit in limits.items() if limit}


def _place() -> Place | None:
    """Where control groups can be made, found once: only tasks with limits pay for it."""
    if not _places:
        from tetra_orchestrator.adapters.runner.limits.cgroup import find_place
        from tetra_orchestrator.adapters.runner.limits.scope import enter_scope

        place = find_place()
        if place is None and os.path.exists("/sys/fs/cgroup/cgroup.controllers") and enter_scope():
            place = find_place()
        if place is not None:
            place.sweep()
        _places.append(place)
    return _places[0]


class Guard:
    """Keeps the limits of one attempt, from before its start until its process tree is gone.

    `limits` says of each how it is kept. `look_at` is when to look next, in monotonic seconds; None where nothing has
    to be looked at. `report` is a file in which the preamble says why it could not start the command.
    """

    def __init__(self, bounds: Bounds, report: str, group: Group | None) -> None:
        self._bounds = bounds
        self._report = report
        self._group = group
        self.limits = tuple((key, self._how(key)) for key in _asked(bounds))
        self._watchdog = None
        self.look_at: float | None = None
        if watched := [key for key, how in self.limits if how == WATCHED]:
            from tetra_orchestrator.adapters.runner.limits.watchdog import FIRST_S, Watchdog

            self._watchdog = Watchdog(bounds, watched)
            self.look_at = time.monotonic() + FIRST_S

    def _how(self, key: str) -> str:
        if key == "open_files" or (self._group and key in self._group.enforced):
            return ENFORCED
        if key == "cpu" or (key == "disk" and not self._bounds.folder):
            return UNSUPPORTED
        return WATCHED

    def command(self, argv: Sequence[str], env: Mapping[str, str]) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """What to start instead: a preamble that takes on the limits and becomes the command.

        The command finds its arguments, environment and signals as if it had been started directly.
        """
        if self._group is None and not self._bounds.open_files:
            return tuple(argv), env
        # An isolated interpreter still sets LC_CTYPE in a C locale (PEP 538), so the preamble is told what it was.
        locale = f"={env['LC_CTYPE']}" if "LC_CTYPE" in env else ""
        entrances = self._group.entrances if self._group else ()
        words = (self._report, str(self._bounds.open_files), locale, *entrances)
        return (sys.executable, "-I", "-S", _PREAMBLE, *words, "--", *argv), env

    def look(self, pid: int, token: str, now: float) -> LimitExceeded | None:
        """Look at what is watched, for the tree of our child `pid`: the limit it has passed, or None."""
        if self._watchdog is None:
            return None
        found, pause_s = self._watchdog.look(pid, token)
        self.look_at = now + pause_s
        return found

    def cause(self, outcome: Outcome) -> Outcome:
        """The outcome, or what is known to have brought it about: no start, or a kill for want of memory."""
        if outcome == Exited(_NOT_STARTED) and (failed := self._failed()):
            return failed
        if not isinstance(outcome, Exited | Signalled) or succeeded(outcome) or self._group is None:
            return outcome
        # A worker process may have been killed, and the main process have ended because of that.
        killed = self._group.out_of_memory()
        return outcome if killed is None else OutOfMemory((killed == "limit" and self._bounds.memory_bytes) or None)

    def _failed(self) -> SpawnFailed | None:
        try:
            with open(self._report, encoding="utf-8", errors="replace") as file:
                error, _, text = file.read().partition(" ")
        except OSError:
            return None
        return SpawnFailed(error, text)

    def note(self) -> str | None:
        """What else the kernel kept it from: processes that could not be started."""
        refused = self._group.refused() if self._group else 0
        limit = self._bounds.processes
        return f"{refused} times no process could be started: its limit of processes is {limit}" if refused else None

    def usage(self) -> Usage:
        """What the kernel counted for its control group, whoever was waited for by whom."""
        return Usage(self._group.cpu_s()) if self._group else UNKNOWN

    def empty(self) -> bool | None:
        """Whether its control group holds no process, which is so before the command has started, too.

        None: it has no group.
        """
        return self._group.empty() if self._group else None

    def kill(self) -> bool:
        """Send KILL to every process in its control group; False when it has none."""
        if self._group is None:
            return False
        self._group.kill()
        return True

    def close(self) -> None:
        """Remove what was made for the attempt. A group that is not empty stays, and is removed by a later run."""
        if self._group is not None:
            self._group.close()
        try:
            os.unlink(self._report)
        except OSError:
            return
