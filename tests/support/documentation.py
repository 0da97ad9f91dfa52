"""What stands in the documentation: its pages, their code blocks, and the commands that they mention."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
#: Every page, by its path in the repository.
PAGES = {
    path.relative_to(REPOSITORY).as_posix(): path.read_text(encoding="utf-8")
    for path in [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
}
_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[^>]*?) -->\n+)?(?P<indent> *)```(?P<language>[^\n`]*)\n(?P<text>.*?)^ *```$", re.M | re.S
)
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
#: Languages of blocks in which commands are typed, and what stands before one there.
_TYPED = {"sh": "", "console": "$ ", "": "$ "}


class Block(NamedTuple):
    """A code block; `mark` is what a comment right before it says, such as `fragment`."""

    page: str
    line: int
    language: str
    mark: str
    text: str

    @property
    def place(self) -> str:
        """Where it begins."""
        return f"{self.page}:{self.line}"


def blocks(page: str) -> list[Block]:
    """The code blocks of a page, without what they are indented by."""
    found = []
    for match in _BLOCK.finditer(PAGES[page]):
        text = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.M)
        line = PAGES[page].count("\n", 0, match.start("language")) + 1
        found.append(Block(page, line, match["language"].strip(), match["mark"] or "", text))
    return found


def prose(page: str) -> str:
    """A page without its code blocks, each of its lines in its place."""
    return _BLOCK.sub(lambda match: "\n" * match[0].count("\n"), PAGES[page])


class Typed(NamedTuple):
    """A command as the reader would type it."""

    page: str
    line: int
    text: str


def commands(page: str) -> list[Typed]:
    """Every command of ours that a page mentions, in a sentence or in a block."""
    text = prose(page)
    found = [Typed(page, text.count("\n", 0, match.start()) + 1, match[1]) for match in _CODE.finditer(text)]
    for block in blocks(page):
        prompt = _TYPED.get(block.language)
        if prompt is not None:
            lines = block.text.replace("\\\n", "  ").splitlines()
            found += [
                Typed(page, block.line + number, line.strip().removeprefix("$ "))
                for number, line in enumerate(lines, 1)
                if line.strip().startswith(prompt)
            ]
    return [one for one in found if re.match(r"(\.?[\w/.-]*/)?(tetra|tetra-orchestrator) +\S", one.text)]
