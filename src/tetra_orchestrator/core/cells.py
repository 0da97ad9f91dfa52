"""How wide text is on a terminal, and how it is made to fit there."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ELLIPSIS = "…"
#: Marks on the character before them; and what joins characters, which takes no room either.
_MARKS, _JOINING = ("Mn", "Me"), frozenset((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))
#: The mark that asks for a coloured picture, for which many terminals take a second column.
_PICTURE = 0xFE0F


def cells(text: str) -> int:
    """The columns of a printable text of one line; a wide character takes two, a combining one none.

    Terminals disagree about pictures made of several characters; none gives them more room.
    """
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    import unicodedata

    code = ord(character)
    if code in _JOINING or (unicodedata.category(character) in _MARKS and code != _PICTURE):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, most: int) -> str:
    """The text, cut at its end with `…` where it is wider than that."""
    return text if cells(text) <= most else _beginning(text, most - 1) + ELLIPSIS[:most]


def cut_middle(text: str, most: int) -> str:
    """A name, cut in its middle: names are often alike but for their ends."""
    if cells(text) <= most:
        return text
    end = _beginning(reversed(text), most // 3)[::-1]
    return _beginning(text, most - 1 - cells(end)) + ELLIPSIS[:most] + end


def padded(text: str, least: int) -> str:
    """The text with spaces behind it up to that width."""
    return text + " " * (least - cells(text))


def wrapped(text: str, most: int) -> list[str]:
    """The lines of a text of words, none of them wider than that; a longer word goes on in the next line."""
    return [line for paragraph in text.split("\n") for line in _lines(paragraph, max(most, 2))]


def _lines(text: str, most: int) -> Iterator[str]:
    if cells(text) <= most:
        yield text
        return
    line = ""
    for word in text.split():
        if line and cells(line) + 1 + cells(word) > most:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
        if cells(line) > most:
            *full, line = _pieces(line, most)
            yield from full
    if line:
        yield line


def _beginning(characters: Iterable[str], most: int) -> str:
    return next(_pieces(characters, most))


def _pieces(characters: Iterable[str], most: int) -> Iterator[str]:
    """The text in pieces, none of them wider than that; at least one."""
    piece: list[str] = []
    room = most
    for each in characters:
        width = _columns(each)
        if width > room:
            yield "".join(piece)
            piece, room = [], most
        piece.append(each)
        room -= width
    yield "".join(piece)
