"""A page of the documentation as steps: what its blocks have a reader type, write and see.

    ```console     lines behind `$ ` are typed, what follows each is what it prints
    ```yaml        is written to the file that the line above names, which ends with "`PATH`:"; one that begins with
                   "Append to" adds to it. The same goes for every other language.

A comment is for us: `<!-- not run: REASON -->` above a block leaves it out, and with `<!-- clock: TIME -->` the reader
comes back at that time (UTC).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"(\s*)```(.*)")
_NOTE = re.compile(r"<!-- (?:(not run|clock): )?(.+) -->$")
_NAMED = re.compile(r"(Append)?.*`([^`\s]+)`:$")
_EXIT = re.compile(r"\s+# exit code (\d+)$")


class PageError(Exception):
    """A block that nobody could follow: where it is, and what is wrong with it."""


@dataclass(frozen=True)
class Typed:
    """A command, the exit code that is said of it, and what it is to print."""

    line: int
    command: str
    code: int
    output: tuple[str, ...]


@dataclass(frozen=True)
class Written:
    """A file, or what is put at its end."""

    line: int
    path: str
    text: str
    appended: bool


@dataclass(frozen=True)
class Waited:
    """The reader comes back at this time (UTC)."""

    line: int
    until: str


@dataclass(frozen=True)
class LeftOut:
    """A block that is not run, and why."""

    line: int
    reason: str


Step = Typed | Written | Waited | LeftOut


def steps(text: str) -> Iterator[Step]:
    """The steps of a page in their order. Raises `PageError`."""
    lines = text.split("\n")
    number, before = 0, ""
    note: LeftOut | None = None
    while number < len(lines):
        line, number = lines[number], number + 1
        said, fence = _NOTE.match(line), _FENCE.match(line)
        if note and line.strip() and not fence:
            raise PageError(f"line {note.line}: there is no block below `not run: {note.reason}`")
        if said:
            step = _note(number, said[1], said[2])
            note = step if isinstance(step, LeftOut) else None
            yield from () if note else [step]
        elif fence:
            start, body = number, list(_body(lines[number:], fence[1], number))
            number += len(body) + 1
            yield from [LeftOut(start, note.reason)] if note else _block(start, fence[2].strip(), body, before)
            note, before = None, ""
        elif line.strip():
            before = line.strip()


def _note(number: int, word: str | None, text: str) -> LeftOut | Waited:
    if not word:
        raise PageError(f"line {number}: this comment is no word of ours: `not run: REASON` or `clock: TIME`")
    return LeftOut(number, text) if word == "not run" else Waited(number, text)


def _body(lines: list[str], indent: str, start: int) -> Iterator[str]:
    """The lines of a block without the indentation that it has in a list."""
    for line in lines:
        if line.strip() == "```":
            return
        yield line.removeprefix(indent)
    raise PageError(f"line {start}: this block has no end")


def _block(start: int, language: str, body: list[str], before: str) -> Iterator[Step]:
    if language == "console":
        yield from _typed(start, body)
        return
    if not re.fullmatch(r"\w*", language):
        raise PageError(f"line {start}: this block begins like none that is read: ```{language}")
    named = _NAMED.fullmatch(before)
    if not named:
        hint = 'a `console` block, a line above it that ends with "`PATH`:", or `<!-- not run: reason -->`'
        raise PageError(f"line {start}: nobody is told what to do with this block; there are: {hint}")
    yield Written(start, named[2], "\n".join(body) + "\n", appended=bool(named[1]))


def _typed(start: int, body: list[str]) -> Iterator[Typed]:
    if not body or not body[0].startswith("$ "):
        raise PageError(f"line {start}: a console block begins with `$ ` and a command")
    index = 0
    while index < len(body):
        first, command = index, body[index][2:]
        index += 1
        while command.endswith("\\") and index < len(body):
            command, index = f"{command}\n{body[index]}", index + 1
        output = index
        while index < len(body) and not body[index].startswith("$ "):
            index += 1
        code = _EXIT.search(command)
        yield Typed(start + 1 + first, _EXIT.sub("", command), int(code[1]) if code else 0, tuple(body[output:index]))
