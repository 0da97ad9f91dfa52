"""What made a task fail: what its last attempt's end means, and what the end of its log says."""

from __future__ import annotations

import re

from tetra_orchestrator.core.failed_how import in_a_line, in_short
from tetra_orchestrator.core.model import Reason
from tetra_orchestrator.core.outcome import SIGNALS
from tetra_orchestrator.core.spoken import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.core.history import Attempt, TaskRun

#: What exit codes mean that shells and sysexits(3) have agreed on.
MEANINGS = {
    64: "wrong usage of a command",
    65: "bad input data",
    66: "an input that cannot be read",
    69: "a service that is not available",
    70: "an error inside the program",
    73: "a file that cannot be made",
    74: "an error in reading or writing",
    75: "a trouble that may pass by itself",
    77: "a missing permission",
    78: "a wrong configuration",
    126: "a command that was found and cannot be executed",
    127: "a command that was not found",
}
#: What the end of a log says of a failure that an exit code does not tell: code, how it is written, in words.
SIGNS = (
    ("disk_full", r"No space left on device|ENOSPC|[Dd]isk quota exceeded", "a disk is full"),
    ("no_memory", r"\bMemoryError\b|Cannot allocate memory|std::bad_alloc|OutOfMemoryError", "it got no more memory"),
    ("too_many_files", r"Too many open files", "it had too many files open"),
    ("module_missing", r"(?:ModuleNotFoundError|ImportError): .*", "a Python module is missing"),
    (
        "no_connection",
        r"Connection refused|Could not resolve host|Name or service not known|Temporary failure in name resolution",
        "something could not be reached",
    ),
    ("no_permission", r"Permission denied", "it was not allowed to do something"),
)
#: What its last line says, where there is none of those: earlier it may be something that was dealt with.
LAST_SIGNS = (
    ("missing_file", r"No such file or directory", "a file is missing"),
    ("exception", r"^(?:\w+\.)*\w+(?:Error|Exception)s?(?::|$)", "an exception was not handled"),
)
#: What it says behind the exit codes with which a shell tells that a command did not start.
UNSTARTED = {
    126: (("not_executable", r"denied|annot execute|format error|directory", "a command could not be executed"),),
    127: (("missing_program", r"not found|No such file", "a command was not found"),),
}
_UNSTARTED = re.compile(r"could not start: (?P<why>.*) \((?P<error>\w+)\)", re.DOTALL)
_MEMORY = re.compile(r"memory limit of (?P<bytes>\d+) bytes")


def cause(task: TaskRun, attempt: Attempt | None, most: int | None) -> Reason:
    """What made the task fail, in words behind `failed:`. `most` is how many attempts it may have, where known."""
    kind = attempt.kind if attempt else None
    if attempt is None or kind is None:
        return task.reason or Reason(task.state, in_short(task, None))
    number = _which(attempt, most)
    if kind == "exited":
        return _exited(task, attempt, number)
    if kind == "oom":
        return _out_of_memory(attempt, number)
    if kind == "spawn_error":
        return _unstarted(attempt)
    if kind == "signalled":
        return Reason("signal", f"{in_short(task, attempt)}{_in(number)}{_hint_of(attempt.signal)}")
    if kind == "timed_out":
        return Reason("timeout", f"{number} was {attempt.text or 'ended by its time limit'}")
    text = task.reason.text if task.reason else attempt.text or kind
    return Reason("limit" if kind == "limit_exceeded" else kind, text.removeprefix(f"{kind}: "))


def _which(attempt: Attempt, most: int | None) -> str:
    if most is not None and most > 1:
        return f"attempt {attempt.number} of {most}"
    return f"attempt {attempt.number}" if attempt.number > 1 else "it"


def _in(number: str) -> str:
    return "" if number == "it" else f" in {number}"


def _exited(task: TaskRun, attempt: Attempt, number: str) -> Reason:
    code = attempt.exit_code or 0
    if not code:  # such as outputs that it promised
        return task.reason or Reason("exit_code", "exit code 0")
    sign = _sign(attempt.tail or "", code)
    if sign is not None:
        return Reason(sign.code, f"{sign.text} (exit code {code}{_in(number)})")
    meaning = MEANINGS.get(code)
    if code > 128 and code - 128 in SIGNALS:  # a shell tells so how its command has ended
        meaning = f"a command of it was ended by signal {code - 128} ({SIGNALS[code - 128]})"
    told = f", which stands for {meaning}" if code in MEANINGS else f": {meaning}" if meaning else ""
    names = {126: "not_executable", 127: "missing_program"}
    return Reason(names.get(code, "exit_code"), f"exit code {code}{_in(number)}{told}")


def _sign(tail: str, exit_code: int) -> Reason | None:
    """What the end of the log says: the last of its lines that has a sign counts."""
    lines = tail.rstrip().splitlines()[::-1]
    if exit_code in UNSTARTED:
        return _found(UNSTARTED[exit_code], lines)
    return _found(SIGNS, lines) or _found(LAST_SIGNS, lines[:1])


def _found(signs: Sequence[tuple[str, str, str]], lines: Sequence[str]) -> Reason | None:
    for text in lines:
        for code, pattern, words in signs:
            if re.search(pattern, text):
                return Reason(code, f"{words}: its log says `{in_a_line(text, 120)}`")
    return None


def _out_of_memory(attempt: Attempt, number: str) -> Reason:
    found = _MEMORY.search(attempt.text or "")
    if found is None:
        return Reason("host_out_of_memory", f"out of memory: the host had no more, and the kernel ended {number}")
    limit = size(int(found["bytes"]))
    return Reason("out_of_memory", f"out of memory: the kernel ended {number} at {limit} (its limit)")


def _unstarted(attempt: Attempt) -> Reason:
    found = _UNSTARTED.fullmatch(attempt.text or "")
    if found is None:
        return Reason("cannot_start", attempt.text or "it could not start")
    if found["why"].startswith("the working folder "):
        return Reason("no_folder", found["why"])
    codes = {"ENOENT": "missing_program", "EACCES": "not_executable"}
    return Reason(codes.get(found["error"], "cannot_start"), _without_path(found["why"]))


def _without_path(text: str) -> str:
    head, found, _ = text.partition(" in PATH=")
    return f"there is {head} in its PATH" if found else text


def path_of(attempt: Attempt | None) -> str | None:
    """The PATH in which a program was looked for that is not there."""
    found = _UNSTARTED.fullmatch(attempt.text or "") if attempt else None
    return found["why"].partition(" in PATH=")[2] or None if found else None


def _hint_of(signal: int | None) -> str:
    if signal == 9:
        return ", which somebody sent, or the kernel for want of memory"
    if signal in (1, 2, 15):
        return ", which somebody sent"
    return ", a fault of the program" if signal in (4, 6, 7, 8, 11) else ""
