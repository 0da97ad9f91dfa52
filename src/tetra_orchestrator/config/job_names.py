"""A name for a job from the command line that it runs: that of the program it is about."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tetra_orchestrator.config.check import RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 40

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SUFFIX = re.compile(r"\.(sh|bash|ksh|zsh|py|pl|rb|php|js|R|jar)$")
_AMOUNT = re.compile(r"[-+]?[0-9.]+[smhd]?|.*\.lock|[0-9]*[<>].*")
#: Commands that prepare for the one that counts.
_BEFORE = {
    ".", ":", "[", "[[", "cd", "command", "echo", "export", "mkdir", "set", "sleep", "source", "test", "true",
    "ulimit", "umask",
}  # fmt: skip
#: Commands whose argument is the one that counts, after their options.
_AROUND = {
    "chronic", "chrt", "doas", "env", "exec", "flock", "ionice", "nice", "nohup", "run-parts", "setsid", "sudo",
    "systemd-cat", "time", "timeout",
}  # fmt: skip
_WITH_VALUE = ("-u", "-g", "-t")
_INTERPRETER = re.compile(r"(python|pypy|perl|ruby|php)[0-9.]*|(ba|da|k|z|fi)?sh|node|Rscript|julia|java|uv|poetry|run")


def job_name(command: str) -> str:
    """A name of ours for what the command runs, `job` where it tells none; not unique."""
    steps = (_program(step.split()) for step in re.split(r"&&|\|\||[;|&\n]", command))
    found = next(filter(None, steps), "")
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", found)[:LONGEST].strip("_-") or "job"
    return f"{name}_job" if name.lower() in RESERVED else name


def _program(words: list[str]) -> str | None:
    """What one simple command is about, None for one that only prepares."""
    rest = _meant(words)
    first = next(rest, "")
    program = os.path.basename(first.strip("\"'(){}!"))
    if program in _BEFORE:
        return None
    if not _INTERPRETER.fullmatch(program):
        return _SUFFIX.sub("", program)
    module = False
    for word in rest:
        if module or not word.startswith("-"):
            return word if module else _SUFFIX.sub("", os.path.basename(word.strip("\"'")))
        if word == "-c":
            break
        module = word == "-m"
    return program


def _meant(words: list[str]) -> Iterator[str]:
    """The words without assignments, and without wrappers and their options."""
    wrapped = False
    rest = iter(words)
    for word in rest:
        if wrapped and word in _WITH_VALUE:
            next(rest, None)
        elif os.path.basename(word) in _AROUND:
            wrapped = True
        elif not _ASSIGNMENT.match(word) and not (wrapped and (word.startswith("-") or _AMOUNT.fullmatch(word))):
            yield word
            yield from rest
