"""Named places at which this process can be killed or stopped, or refused its disk: what survives that is tested there.

`TETRA_FAILPOINT=name:nth=action`, several with commas between them, arms them: at the n-th time (1 without a number)
that the place is reached, `kill` sends KILL to this process, `stop` sends STOP, `enospc` raises the error of a full
disk, `raise` an error that nobody expects. Without the variable a place costs one call of an empty function. Every
write stands between two of them; docs/durability.md lists them all.
"""

from __future__ import annotations

import errno
import os

from tetra_orchestrator.errors import CannotWrite, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VARIABLE = "TETRA_FAILPOINT"
#: The places that are one by one; `_WRITES` come twice, before the write and after it as `name.commit`.
_PLACES = (
    "cfg.loaded",
    "lock.taken",
    "lock.release",
    "spawn.before",
    "spawn.after_fork",
    "child.exited",
    "outputs.read",
    "alert.sent",
)
_WRITES = (
    *("cache.write", "lock.file", "log.open", "run.insert", "run.start", "input.write", "attempt.insert"),
    *("attempt.running", "attempt.finish", "outputs.insert", "retry.scheduled", "downstream.skip", "run.finish"),
    *("request.insert", "pause.write", "reconcile.each", "record.write", "prune.files", "prune.rows", "store.make"),
    *("migrate.step", "reserve.make", "slots.settle", "owner.write", "seen.write", "backup.write", "restore.write"),
    *("checkpoint.write", "checkpoint.carry"),
    *("backfill.insert", "backfill.move"),
    *("result.keep", "result.drop"),
    *("marks.write", "textfile.write"),
    *("alert.enqueue", "alert.claim", "alert.group", "alert.ack"),
    *("aside.make", "aside.drop"),
)
NAMES = (*_PLACES, *(name for write in _WRITES for name in (write, f"{write}.commit")))


class Injected(RuntimeError):
    """What `raise` raises: like a mistake of ours, nobody expects it."""


class DiskFull(CannotWrite, OSError):
    """What `enospc` raises at a write: the system's error for whoever writes, for others the one that is made of it."""

    def __init__(self, message: str, **details: str | None):
        super().__init__(message, **details)
        self.errno, self.strerror, self.filename = errno.ENOSPC, os.strerror(errno.ENOSPC), message


def _kill(name: str) -> None:
    os.kill(os.getpid(), 9)


def _stop(name: str) -> None:
    import signal

    os.kill(os.getpid(), signal.SIGSTOP)


def _raise(name: str) -> None:
    raise Injected(f"failpoint {name}")


def _enospc(name: str) -> None:
    reason, place = os.strerror(errno.ENOSPC), f"failpoint {name}"
    raise OSError(errno.ENOSPC, reason, place) if name in _PLACES else DiskFull(f"{place}: {reason}")


ACTIONS: Mapping[str, Callable[[str], None]] = {"kill": _kill, "raise": _raise, "enospc": _enospc, "stop": _stop}

#: (name, how many times it is still passed by, what happens then).
_waiting: list[tuple[str, int, Callable[[str], None]]] = []
#: Whether any place is armed; what costs something to find out is found out only then.
armed = False


def _pass_by(name: str) -> None:
    """Nothing: no place is armed."""


def _reached(name: str) -> None:
    for index, (place, left, action) in enumerate(_waiting):
        if place == name:
            _waiting[index] = (place, left - 1, action)
            if left == 1:
                action(name)


#: Call it at a place with its name.
hit: Callable[[str], None] = _pass_by


def arm(text: str, actions: Mapping[str, Callable[[str], None]] = ACTIONS) -> None:
    """Arm the places that `text` names, and no others; "" disarms all. Raises `UsageError` for what is no such text."""
    global armed, hit
    _waiting[:] = [_parsed(part.strip(), actions) for part in text.split(",")] if text else []
    armed = bool(_waiting)
    hit = _reached if armed else _pass_by


def _parsed(text: str, actions: Mapping[str, Callable[[str], None]]) -> tuple[str, int, Callable[[str], None]]:
    place, _, action = text.partition("=")
    name, _, number = place.partition(":")
    if name not in NAMES:
        raise UsageError(f"{VARIABLE}: there is no failpoint '{name}'", hint=f"there are {', '.join(NAMES)}")
    if action not in actions or not (number or "1").isdecimal() or not int(number or "1"):
        hint = f"write it as {name}:1=kill; there are {', '.join(actions)}"
        raise UsageError(f"{VARIABLE}: {text!r} is not NAME:NTH=ACTION", hint=hint)
    return name, int(number or "1"), actions[action]


if os.environ.get(VARIABLE):
    arm(os.environ[VARIABLE])
