"""Sentences that fit the terminal. What is piped is one line for each of them, however long."""

from __future__ import annotations

import re

from tetra_orchestrator.cli.paint import on_terminal
from tetra_orchestrator.cli.terminal import columns
from tetra_orchestrator.core.cells import cells

#: What is not broken: a command, which is copied from there, and any other word.
_WORDS = re.compile(r"`[^`]+`\S*|(?<=: )tetra .+|\S+")


def sentence(text: str, indent: str = "") -> str:
    """The text behind its indent; on a terminal in lines as wide as that, those that go on two columns further in.

    A command stays whole, and so does a path: where one of them is wider than the terminal, so is its line.
    """
    return indent + text if not on_terminal() else "\n".join(broken(text, columns(), indent))


def broken(text: str, most: int, indent: str = "") -> list[str]:
    """The lines of a sentence, none wider than `most` columns where its words are not."""
    lines = [""]
    for word in _WORDS.findall(text):
        line = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and len(indent) + 2 * (len(lines) > 1) + cells(line) > most:
            lines.append(word)
        else:
            lines[-1] = line
    return [indent + "  " * bool(number) + line for number, line in enumerate(lines)]
