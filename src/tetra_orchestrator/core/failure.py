"""What kind of failure an attempt ended with, read from its outcome, the end of its log and what the child reported.

The classes that a retry policy may name are `timeout`, `connection_error`, `memory_error`, `file_not_found`,
`schema_error` and `validation_error`, and the names of exception classes, bare or with their module.
"""

from __future__ import annotations

from tetra_orchestrator.core.outcome import Exited, LimitExceeded, OutOfMemory, Signalled, TimedOut
from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.outcome import Outcome

#: What timeout(1) exits with.
TIMEOUT_CODE = 124
SIGKILL = 9

#: The first ending that fits an exception's name gives its class.
_ENDINGS = (
    ("ConnectionError", "connection_error"),
    ("TimeoutError", "timeout"),
    ("Timeout", "timeout"),
    ("MemoryError", "memory_error"),
    ("FileNotFoundError", "file_not_found"),
    ("SchemaError", "schema_error"),
    ("ValidationError", "validation_error"),
)
_CONNECTIONS = frozenset(
    {"BrokenPipeError", "ConnectionAbortedError", "ConnectionRefusedError", "ConnectionResetError"}
)
_RESOLVERS = frozenset({"gaierror", "herror"})
_SYSTEM_ERRORS = frozenset({"OSError", "URLError"})
_NETWORK = (
    r"Connection refused|Connection reset|Host is down|Name or service not known|Network is down"
    r"|Network is unreachable|No route to host|Temporary failure in name resolution|nodename nor servname"
)

_TRACEBACK = "Traceback (most recent call last):"
_RAISED = r"(?m)^([\w.<>]+)(?:: *(.*))?$"
_REPORTED = r"((?:\w+\.)*\w+(?:[Ee]rror|Exception|Timeout|Interrupt))(?:: *(.*))?"
#: How many lines from the end a failure may be named in, where there is no traceback.
_LAST = 5


class Evidence(Record):
    """What an attempt left besides its outcome.

    `error_class` is the exception that the child reported; the names of its base classes may follow, with spaces.
    """

    tail: str = ""
    error_class: str | None = None
    memory_limited: bool = False


#: An attempt that left nothing.
NOTHING = Evidence()


def classes(outcome: Outcome, evidence: Evidence) -> tuple[str, ...]:
    """The names by which a retry policy may know the failure, the most telling first; none is a plain failure."""
    if isinstance(outcome, TimedOut) or outcome == Exited(TIMEOUT_CODE):
        return ("timeout",)
    if isinstance(outcome, OutOfMemory) or (isinstance(outcome, LimitExceeded) and outcome.limit == "memory"):
        return ("memory_error",)
    if isinstance(outcome, Signalled) and outcome.signal == SIGKILL and evidence.memory_limited:
        return ("memory_error",)
    if evidence.error_class:
        found = [name for each in evidence.error_class.split() for name in _names(each, "")]
    else:
        found = [name for each in _raised(evidence.tail) for name in _names(*each)]
    return tuple(dict.fromkeys(found))


def _names(exception: str, text: str) -> list[str]:
    """What an exception is called: its name, with its module too, and its class."""
    name = exception.rpartition(".")[2]
    names = [name, exception]
    if name in _CONNECTIONS:
        names.append("ConnectionError")
    if name in _CONNECTIONS or name in _RESOLVERS or (name in _SYSTEM_ERRORS and _of_network(text)):
        return [*names, "connection_error"]
    return names + [kind for ending, kind in _ENDINGS if name.endswith(ending)][:1]


def _of_network(text: str) -> bool:
    import re

    return re.search(_NETWORK, text) is not None


def _raised(tail: str) -> list[tuple[str, str]]:
    """The exception (name, text) that the log ends with: after the last traceback, or in one of the last lines."""
    import re

    _, traceback, after = tail.rpartition(_TRACEBACK)
    if traceback:
        found = re.search(_RAISED, after)
        return [(found[1], found[2] or "")] if found else []
    lines = [line for line in tail.splitlines() if line.strip()][-_LAST:]
    matches = [match for line in reversed(lines) if (match := re.fullmatch(_REPORTED, line.strip()))]
    return [(match[1], match[2] or "") for match in matches[:1]]
