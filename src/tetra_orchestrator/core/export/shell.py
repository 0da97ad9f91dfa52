"""Text in a POSIX shell, and the loop that tries a program again."""

from __future__ import annotations

import re

from tetra_orchestrator.core.export.job import END, START, pieces, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tetra_orchestrator.core.export.job import Job

_PLAIN = re.compile(r"[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+=:,./-]*")
#: The shell's variables for what no word can be written with.
_VARIABLES = {START: '"$START"', END: '"$END"', "\n": '"$try_newline"'}


def word(text: str) -> str:
    """One word on one line that a shell reads as the text; a newline in it is the variable `try_newline`."""
    if _PLAIN.fullmatch(text):
        return text
    parts = [part for piece in pieces(text) for part in re.split("(\n)", piece) if part]
    return "".join(_VARIABLES.get(part) or _quoted(part) for part in parts) or "''"


def assignment(name: str, value: str) -> str:
    """A variable and its value as one word."""
    return f"{name}={word(value)}"


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "'\"'\"'") + "'"


def loop(job: Job) -> str:
    """A line of shell that runs its arguments until they succeed, or no attempt is left.

    Its variables have names that nobody else's have: one of the environment would be changed for the program, too.
    """
    codes = "|".join(map(str, job.retry_codes))
    only = f"case $try_code in {codes}) ;; *) exit $try_code ;; esac; " if codes else ""
    waits = " ".join(map(seconds, job.waits))
    last = "[ $try_wait != end ] || exit $try_code"
    return f'for try_wait in {waits} end; do "$@" && exit; try_code=$?; {only}{last}; sleep $try_wait; done'
