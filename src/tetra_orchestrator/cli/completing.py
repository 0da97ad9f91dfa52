"""What may follow the words of a command line: shells ask for it on TAB, by the scripts of `completion`.

A line for each word that fits, with a tab and what it means behind it where there is something to say. `FILES` stands
for the names of files, which the shell knows best.
"""

from __future__ import annotations

import os
from contextlib import redirect_stderr

from tetra_orchestrator.cli.commands import COMMANDS
from tetra_orchestrator.cli.completing_names import FILES, kind_of, names
from tetra_orchestrator.errors import Exit, TetraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

#: Seconds after which nobody waits for an answer any more, such as from a store that is locked.
LIMIT_S = 3.0


def answer(words: Sequence[str]) -> int:
    """Print what completes the last of the words behind the program's name; nothing where that cannot be found out."""
    import signal

    signal.signal(signal.SIGALRM, lambda *_: os._exit(Exit.OK))
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
            lines = list(completions(words))
    except TetraError:  # this is no time to tell it: a command line is being written
        return Exit.OK
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    print("".join(f"{line}\n" for line in lines), end="")
    return Exit.OK


def completions(words: Sequence[str]) -> Iterator[str]:
    """The lines of the answer."""
    *before, current = words or [""]
    before = before[before[:1] == ["help"] :]
    if not before and not current.startswith("-"):
        yield from (name for name in COMMANDS if name.startswith(current))
        return
    from typer.main import get_command

    from tetra_orchestrator.cli.app import build

    # bash takes `--mode=weekly` for three words
    line = _Line(get_command(build([one for one in before[:1] if one in COMMANDS])))
    for word in before:
        if word != "=":
            line.take(word)
    yield from line.ending("" if current == "=" else current)


class _Line:
    """How far a command line has come: in which command, and whether an option waits for its value."""

    def __init__(self, command: Any):
        self.command = command
        self.path: list[str] = []
        self.arguments: list[str] = []
        self.options: dict[str, str] = {}
        self.waiting: Any = None

    def take(self, word: str) -> None:
        """Go on by one word."""
        if self.waiting is not None:
            self.options[self.waiting.opts[0]], self.waiting = word, None
        elif word.startswith("-") and word != "-":
            name, sign, value = word.partition("=")
            option = self._option(name)
            if option is not None and sign:
                self.options[option.opts[0]] = value
            elif option is not None and option.is_flag:
                self.options[option.opts[0]] = ""
            else:
                self.waiting = option
        elif word in getattr(self.command, "commands", {}):
            self.command = self.command.commands[word]
            self.path.append(word)
        else:
            self.arguments.append(word)

    def ending(self, current: str) -> Iterator[str]:
        """What the word may become that is being written."""
        if self.waiting is not None:
            return self._values(self.waiting, current)
        name, sign, value = current.partition("=")
        if sign and current.startswith("-"):
            return (f"{name}={line}" for line in self._values(self._option(name), value) if line != FILES)
        if current.startswith("-"):
            return self._unused(current)
        if hasattr(self.command, "commands"):
            names = self.command.commands.items()
            return (_told(key, one.help) for key, one in names if key.startswith(current) and not one.hidden)
        return self._values(self._argument(), current)

    def _option(self, name: str) -> Any:
        found = (one for one in self.command.params if name in (*one.opts, *one.secondary_opts))
        return next(found, None)

    def _argument(self) -> Any:
        """The argument that is next; the last takes all the rest where it takes several."""
        wanted = [one for one in self.command.params if one.param_type_name == "argument"]
        place = len(self.arguments)
        if place < len(wanted):
            return wanted[place]
        return wanted[-1] if wanted and wanted[-1].nargs == -1 else None

    def _unused(self, current: str) -> Iterator[str]:
        """The options that can still be given."""
        for option in self.command.params:
            is_free = option.multiple or option.opts[0] not in self.options
            if option.param_type_name == "option" and is_free and not option.hidden:
                yield from (_told(name, option.help) for name in option.opts if _fits(name, current))
        if _fits("--help", current):
            yield _told("--help", "Show what this command does and exit.")

    def _values(self, param: Any, current: str) -> Iterator[str]:
        if param is None:
            return
        choices = getattr(param.type, "choices", None)
        if choices:
            yield from (str(one) for one in choices if str(one).startswith(current))
            return
        kind = kind_of(self.path, param)
        if kind == FILES:
            yield FILES
        elif kind is not None:
            for name, meaning in names(kind, self.options.get("--config")):
                if name.startswith(current) and name not in self.arguments:
                    yield _told(name, meaning)


def _fits(name: str, current: str) -> bool:
    return name.startswith(current) and (name.startswith("--") or current == name)


def _told(name: str, meaning: str | None) -> str:
    """A line: the word, and what it means in one sentence."""
    first = " ".join((meaning or "").split()).split(". ")[0].removesuffix("...").removesuffix(".").rstrip()
    return f"{name}\t{first}" if first else name
