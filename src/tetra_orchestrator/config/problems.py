"""What is wrong with a configuration, and where: places in texts, problems, and their collector."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    Path = tuple[str | int, ...]

COMPARISONS = 50_000  # guessing names is quadratic: a large file with many faults gets no further guesses
LONGEST_WORD = 100  # and so is comparing two words
LONGEST = 400  # a message may quote what somebody wrote
MOST = 20_000  # faults in one configuration
SHOWN = 20  # names in a hint
SHORTEST = 6  # of what can be hidden
WIDTH = 160  # longer source lines are shown in part


class Source(Record):
    """A text that problems point into. `option` says that it comes from the command line, not from a file."""

    name: str
    lines: tuple[str, ...]
    option: bool = False


class Mark(Record):
    """A character in a source; `line` and `column` count from 1."""

    source: Source
    line: int
    column: int


class Problem(Record):
    """One fault. `path` is where in the document (`pipelines.a.args[2]`), `source` the line of text it stands in."""

    code: str
    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str | None
    source: str

    def render(self) -> str:
        """`file:line:column: message`, the source line, a caret below the place, and the hint."""
        lines = [f"{self.file}:{self.line}:{self.column}: {self.message}"]
        if self.source.strip():
            start = max(0, self.column - WIDTH // 2) if len(self.source) > WIDTH else 0
            before = self.source[start : self.column - 1]
            indent = "".join("\t" if char == "\t" else " " for char in before)
            lines += [f"  {self.source[start : start + WIDTH]}", f"  {indent}^"]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class Problems:
    """Collects faults so that all of them are told at once. `file` is the main one, for the summary."""

    def __init__(self, file: str):
        self._file = file
        self._found: dict[tuple[str, int, int, str], Problem] = {}
        self._options: list[Problem] = []
        self._comparisons = COMPARISONS
        self._warnings: dict[tuple[Mark, str], Problem] = {}
        self._hidden: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._found or self._options)

    def hide(self, secret: str) -> None:
        """Have a value shown as `***` from now on; one that is short would be found in everything."""
        if len(secret) >= SHORTEST:
            self._hidden = sorted({*self._hidden, secret, repr(secret)[1:-1]}, key=len, reverse=True)

    def error(self, code: str, mark: Mark, path: Path, message: str, hint: str | None = None) -> None:
        """Add a fault; of several at the same place and path only the first is kept. Raises all when it is too many."""
        problem = self._problem(code, mark, path, message, hint)
        if mark.source.option:
            self._options.append(problem)
        else:
            self._found.setdefault((problem.file, problem.line, problem.column, problem.path), problem)
            if len(self._found) == MOST:
                self.raise_any()

    def warning(self, code: str, mark: Mark, path: Path, message: str, hint: str | None = None) -> None:
        """Add something that deserves a look but stops nothing; what was said of the same place is not said twice."""
        if len(self._warnings) < MOST:
            self._warnings.setdefault((mark, message), self._problem(code, mark, path, message, hint))

    def guess(self, word: str, known: Collection[str], otherwise: str | None = None) -> str | None:
        """`did you mean 'x'?`, or `otherwise` where no known word is close."""
        if self._comparisons <= 0 or len(word) > LONGEST_WORD:
            return otherwise
        near = get_close_matches(word, [each for each in known if len(each) <= LONGEST_WORD], n=1)
        self._comparisons -= len(known)
        return f"did you mean '{near[0]}'?" if near else otherwise

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The warnings so far, in file order."""
        return tuple(self._in_file_order(self._warnings.values()))

    def raise_any(self) -> None:
        """Raise `UsageError` for the first fault in an option, else `ConfigError` with every fault in file order."""
        if self._options:
            first = self._options[0]
            raise UsageError(first.message, hint=first.hint, where=first.file)
        found = self._in_file_order(self._found.values())
        if len(found) == 1:
            only = found[0]
            where = f"{only.file}:{only.line}:{only.column}"
            raise ConfigError(only.message, hint=only.hint, where=where, problems=(only,))
        if found:
            count = f"{MOST:,} problems and more" if len(found) == MOST else f"{len(found)} problems"
            raise ConfigError(f"{count} in {self._file}", problems=tuple(found))

    def _problem(self, code: str, mark: Mark, path: Path, message: str, hint: str | None) -> Problem:
        problem = _problem(code, mark, path, self._veiled(message), hint and self._veiled(hint))
        return problem._replace(source=self._veiled(problem.source)) if self._hidden else problem

    def _veiled(self, text: str) -> str:
        for secret in self._hidden:
            text = text.replace(secret, "***")
        return text

    def _in_file_order(self, problems: Iterable[Problem]) -> list[Problem]:
        return sorted(problems, key=lambda p: (p.file != self._file, p.file, p.line, p.column))


def listed(names: Collection[str]) -> str:
    """The first of the names, for a hint: a large file may have many of them, in as many faults."""
    return ", ".join(islice(names, SHOWN)) + (" ..." if len(names) > SHOWN else "")


def dotted(path: Path) -> str:
    """A path as text: `modes.daily[1].data_pipeline`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _problem(code: str, mark: Mark, path: Path, message: str, hint: str | None) -> Problem:
    lines = mark.source.lines
    text = lines[mark.line - 1] if mark.line <= len(lines) else ""
    place, hint = _short(dotted(path)), hint and _short(hint)
    return Problem(code, mark.source.name, mark.line, mark.column, place, _short(message), hint, text)


def _short(text: str) -> str:
    return f"{text[:LONGEST]}..." if len(text) > LONGEST else text
