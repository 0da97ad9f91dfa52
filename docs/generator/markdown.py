"""The few shapes of Markdown that generated pages are made of."""

from collections.abc import Iterable, Sequence

MARK = "<!-- Written by `make reference` from the code; do not edit. -->"


def page(title: str, intro: str, *parts: str) -> str:
    """A whole page: its title, the mark that it is generated, what it is about, and its parts."""
    return "\n\n".join([f"# {title}", MARK, intro, *parts]) + "\n"


def section(title: str, *parts: str, level: int = 2) -> str:
    """A heading, and what is below it; empty parts are left out."""
    return "\n\n".join([f"{'#' * level} {title}", *filter(None, parts)])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; what stands in a cell is Markdown on one line."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(text) for text in line) + " |" for line in lines)


def cell(text: str) -> str:
    """Text that does not end its cell."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: object) -> str:
    """A word as it is typed."""
    return f"`{text}`"


def codes(words: Iterable[object]) -> str:
    """Words as they are typed, with commas between them."""
    return ", ".join(code(word) for word in words)


def block(text: str, language: str = "") -> str:
    """Lines as they are typed."""
    return f"```{language}\n{text}\n```"
