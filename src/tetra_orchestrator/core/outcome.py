"""How one attempt ended: a closed union of frozen values, each from one kind of evidence."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.states import Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias, assert_never
else:

    def assert_never(value: object) -> None:
        raise AssertionError(f"not an outcome: {value!r}")


class Exited(Record):
    """The process ended by itself with an exit status."""

    code: int


class Signalled(Record):
    """A signal that we did not send ended the process."""

    signal: int


class TimedOut(Record):
    """We ended it because its time limit (seconds) had passed; a `wall` limit counts while the machine sleeps too."""

    after_s: float
    wall: bool = False


class OutOfMemory(Record):
    """The kernel killed a process of it for want of memory: at its own limit, or (None) when the host had no more."""

    limit_bytes: int | None = None


class LimitExceeded(Record):
    """We ended it because it took more than it may: `limit` is the key of `resources`, `text` says how much."""

    limit: str
    text: str


class Unkillable(Record):
    """We had to end it, and the kernel does not let go of a process of its tree."""

    text: str


class Cancelled(Record):
    """We ended it because the run was cancelled."""


class Stopped(Record):
    """We ended a service because nothing in the run needed it any more."""


class SpawnFailed(Record):
    """The process could not be started; `error` is the errno's name, such as ENOENT."""

    error: str
    text: str


class OutputsInvalid(Record):
    """It exited 0, but what it left in `TETRA_OUTPUT` cannot be read."""

    text: str


class Lost(Record):
    """Its owner died, so how it ended cannot be known."""

    text: str


if TYPE_CHECKING:
    Killed: TypeAlias = OutOfMemory | LimitExceeded | Unkillable
    Outcome: TypeAlias = (
        Exited | Signalled | TimedOut | Killed | Cancelled | Stopped | SpawnFailed | OutputsInvalid | Lost
    )

#: Names of the signals whose numbers are the same on Linux and macOS (signal(7)).
SIGNALS = {1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 6: "ABRT", 8: "FPE", 9: "KILL", 11: "SEGV", 13: "PIPE", 15: "TERM"}


def succeeded(outcome: Outcome) -> bool:
    """True for an exit status of 0, and for a service that was no longer needed."""
    return (isinstance(outcome, Exited) and outcome.code == 0) or isinstance(outcome, Stopped)


def kind_of(outcome: Outcome) -> tuple[str, int | None, int | None]:
    """The outcome as stored and shown: (kind, exit code, signal)."""
    match outcome:
        case Exited(code):
            return ("exited", code, None)
        case Signalled(signal):
            return ("signalled", None, signal)
        case TimedOut():
            return ("timed_out", None, None)
        case OutOfMemory():
            return ("oom", None, 9)
        case LimitExceeded():
            return ("limit_exceeded", None, None)
        case Unkillable():
            return ("unkillable", None, None)
        case Cancelled():
            return ("cancelled", None, None)
        case Stopped():
            return ("stopped", None, None)
        case SpawnFailed():
            return ("spawn_error", None, None)
        case OutputsInvalid():
            return ("outputs_invalid", 0, None)
        case Lost():
            return ("lost", None, None)
        case _:
            assert_never(outcome)


def describe(outcome: Outcome) -> str:
    """One clause for people: `exited with code 3`, `killed by signal 9 (KILL)`."""
    match outcome:
        case Exited(code):
            return f"exited with code {code}"
        case Signalled(signal):
            return f"killed by signal {signal} ({SIGNALS.get(signal, 'unknown')})"
        case TimedOut(after_s, wall):
            return f"ended by its {'wall ' if wall else ''}time limit of {after_s:g} s"
        case OutOfMemory(None):
            return "killed by the kernel, because the host ran out of memory"
        case OutOfMemory(limit_bytes):
            return f"killed by the kernel at its memory limit of {limit_bytes} bytes"
        case LimitExceeded(limit, text):
            return f"ended by its limit of {limit}: {text}"
        case Unkillable(text):
            return f"cannot be ended: {text}"
        case Cancelled():
            return "cancelled"
        case Stopped():
            return "stopped, because nothing in the run needed it any more"
        case SpawnFailed(error, text):
            return f"could not start: {text} ({error})"
        case OutputsInvalid(text):
            return f"exited with code 0, but its outputs cannot be read: {text}"
        case Lost(text):
            return f"lost: {text}"
        case _:
            assert_never(outcome)


def ending(outcome: Outcome) -> Event:
    """What happens to a task whose last attempt failed with the outcome."""
    match outcome:
        case TimedOut():
            return Event.TIME_OUT
        case Lost():
            return Event.LOSE
        case Cancelled():
            return Event.CANCEL
        case _:
            return Event.FAIL


def code_of(outcome: Outcome) -> str:
    """The code of the reason for such an end."""
    codes = {Event.TIME_OUT: "timeout", Event.LOSE: "lost", Event.CANCEL: "cancelled"}
    return codes.get(ending(outcome), "failed")
