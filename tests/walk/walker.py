"""Walks a page: types its commands on a machine of its own as a user without rights, and compares what they print."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import quote

from rig.machine import HOME, REPOSITORY, Machine, until
from walk.fit import fits, is_cut, runs
from walk.page import LeftOut, Step, Typed, Waited, Written, steps

#: The reader is called Anna, and has installed with pipx.
READER, USER = "anna", "tester"
INSTALLED = f"/home/{READER}/.local/share/pipx/venvs/tetra-orchestrator"
#: What the reader has installed for a page besides our commands.
BESIDES = {"dagster": ("dagster",)}
#: A Monday's evening. The clock goes slowly, so that a busy computer changes no minute that a page shows.
CLOCK = ("2026-03-02 17:00:05", 0.1)
#: How long it may take until what the reader came back for has happened.
LIMIT_S, PATIENCE_S = 60.0, 5.0
#: One shell after the other, each where the one before it ended.
_SHELL = """exec 2>&1
[ ! -e /tmp/walked ] || . /tmp/walked
eval "$1"
code=$?
{ export -p; printf 'cd %q\\n' "$PWD"; } >/tmp/walked
exit "$code"
"""


class Mismatch(Exception):
    """A command that did something else than its page says."""


class Walker:
    """Follows a page on a machine. `told` is called with each line of what is done.

    With `forgiving` a command that does something else is no `Mismatch`: what it did is in `printed`.
    """

    def __init__(self, machine: Machine, told: Callable[[str], None] = print, *, forgiving: bool = False) -> None:
        self._machine, self._told, self._forgiving = machine, told, forgiving
        self._runs: dict[str, str] = {}
        self.printed: dict[Typed, tuple[int, Sequence[str]]] = {}
        self._waiting = False
        self._install("tetra", "tetra-orchestrator")

    def walk(self, page: Path) -> list[LeftOut]:
        """Do what the page says, and return what it leaves out. Raises `Mismatch`, `PageError`."""
        left: list[LeftOut] = []
        self._install(*BESIDES.get(page.stem, ()))
        for step in steps(page.read_text()):
            self._told(f"{page.name}:{step.line}: {_summary(step)}")
            match step:
                case Typed():
                    self._type(page, step)
                case Written():
                    self._write(page, step)
                case Waited():
                    self._machine.clock.set(step.until)
                    self._waiting = True
                case LeftOut():
                    left.append(step)
        return left

    def _install(self, *names: str) -> None:
        bin_ = f"{HOME}/.local/bin"
        for name in names:
            self._typed(f"mkdir -p {bin_} && ln -s {shlex.quote(f'{sys.prefix}/bin/{name}')} {bin_} && cd")

    def _type(self, page: Path, step: Typed) -> None:
        """What comes after a wait may be a moment late: it is typed again until it fits."""
        seen: list[CompletedProcess[str]] = []

        def holds() -> bool:
            seen.append(self._typed(self._here(step.command)))
            lines = self._lines(seen[-1])
            return seen[-1].returncode == step.code and fits(step.output, lines) and self._are_its_runs(step, lines)

        limit_s = PATIENCE_S if self._forgiving else LIMIT_S
        right = until(holds, limit_s if self._waiting else 0)
        code, lines = seen[-1].returncode, self._lines(seen[-1])
        if not right and not self._forgiving:
            raise Mismatch(_difference(page, step, code, lines))
        if not right:
            self.printed[step] = (code, self._as_on_the_page(lines))
        self._waiting = False
        self._date_logs()
        here = [run for run in runs(lines) if run not in self._runs.values()]
        on_the_page = [run for run in runs(step.output) if run not in self._runs] if right else here
        self._runs |= dict(zip(on_the_page, here, strict=False))

    def _are_its_runs(self, step: Typed, lines: list[str]) -> bool:
        """Whether a page that names a run by one id goes on to do so."""
        on_the_page = [self._runs.get(run, "another") for run in runs(step.output)]
        here = [run if run in self._runs.values() else "another" for run in runs(lines)]
        return on_the_page == here or is_cut(step.output)

    def _as_on_the_page(self, lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        for named, run in self._runs.items():
            text = text.replace(run, named)
        return text.split("\n")

    def _write(self, page: Path, step: Written) -> None:
        mode = ">>" if step.appended else ">"
        folder = os.path.dirname(step.path) or "."
        done = self._typed(f"mkdir -p {folder} && printf %s {shlex.quote(self._here(step.text))} {mode}{step.path}")
        if done.returncode:
            raise Mismatch(f"{page}:{step.line}: {step.path} cannot be written\n{done.stdout}")

    def _typed(self, command: str) -> CompletedProcess[str]:
        path = f"{HOME}/.local/bin:/usr/local/bin:/usr/bin:/bin"
        return self._machine.as_user("bash", "-c", _SHELL, "-", command, timeout_s=120, PATH=path, COLUMNS="80")

    def _date_logs(self) -> None:
        """Have logs be from when the machine's clock says: the kernel, which knows another time, has dated them."""
        now = self._machine.clock.now().timestamp()
        for path in self._machine.path(HOME).glob("*/logs/**/*"):
            if path.is_file() and path.stat().st_mtime > now:
                os.utime(path, (now, now))

    def _here(self, text: str) -> str:
        """What the page says, with the names that things have on this machine."""
        for named, run in self._runs.items():
            text = text.replace(named, run)
        return re.sub(rf"\b{READER}\b", USER, text)

    def _lines(self, done: CompletedProcess[str]) -> list[str]:
        """What was printed, with the names that things have on the reader's."""
        text = done.stdout
        for ours, theirs in ((f"{REPOSITORY}/src", f"{INSTALLED}/lib/python3/site-packages"), (sys.prefix, INSTALLED)):
            text = text.replace(f"file://{quote(ours)}", theirs).replace(ours, theirs)
        return re.sub(rf"\b{USER}\b", READER, text).split("\n")


def _summary(step: Step) -> str:
    match step:
        case Typed():
            return f"$ {step.command}"
        case Written():
            return f"{'>>' if step.appended else '>'} {step.path}"
        case Waited():
            return f"the clock shows {step.until}"
        case LeftOut():
            return f"not run: {step.reason}"


def _difference(page: Path, step: Typed, code: int, lines: list[str]) -> str:
    ended = f"ended with {code}" + (f", and the page says {step.code}" if code != step.code else "")
    head = f"{page}:{step.line}: `{step.command}` {ended}"
    return "\n".join([head, "the page says:", *_indented(step.output), "here it is:", *_indented(lines)])


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]
