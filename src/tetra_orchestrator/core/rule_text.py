"""The small language of conditions, as far as its text goes: words, signs, and the names that it speaks of.

Names, numbers, quoted text, `== != < <= > >=`, `+ - * / %`, `and or not`, `true false` and parentheses. There is
nothing else, so that a condition can neither call, look into, search nor blow up anything.
"""

from __future__ import annotations

import re
from functools import cache

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Characters and words of one condition; what reads it goes as deep as it has words.
LONGEST, MOST = 1000, 100
NAME, NUMBER, TEXT, SIGN, WORD = "name", "number", "text", "sign", "word"
WORDS = ("and", "or", "not", "true", "false")
EXAMPLE = "write it like error_rate > 0.1 and mode == 'daily'"
#: What other languages write, and what is written here.
_INSTEAD = {
    "=": "==", "===": "==", "<>": "!=", "!": "not", "&&": "and", "||": "or", "&": "and", "|": "or",
    "AND": "and", "OR": "or", "NOT": "not", "True": "true", "False": "false", "TRUE": "true", "FALSE": "false",
}  # fmt: skip
_SIZES, _SUMS = frozenset(("<", "<=", ">", ">=")), frozenset("+-*/%")
_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<number>(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(?:[eE][+-]?[0-9]{1,2})?)(?![\w.])"
    r"""|(?P<text>'[^'\\\n]*'|"[^"\\\n]*")"""
    r"|(?P<sign>==(?!=)|!=|<=|>=|<(?![<>])|>(?!>)|\*(?!\*)|/(?!/)|[-+%()]))"
)
_STRANGE = re.compile(r"\s*([A-Za-z0-9_.]+|\(|\S[^\w\s'\"()]*)")


class Token(Record):
    """A word or sign; `text` is as it stands there, quotes included."""

    kind: str
    text: str


class NotUnderstood(ValueError):
    """What cannot be read, and what to write instead."""

    def __init__(self, message: str, hint: str = EXAMPLE):
        super().__init__(message)
        self.hint = hint


def tokens(condition: str) -> list[Token]:
    """The condition word by word. Raises `NotUnderstood` for what is not in the language."""
    if len(condition) > LONGEST:
        raise NotUnderstood(f"has {len(condition):,} characters, and at most {LONGEST:,} are read", "make it several")
    found, at = [], 0
    end = len(condition.rstrip())
    while at < end:
        match = _TOKEN.match(condition, at)
        if match is None:
            raise _strange(condition, at)
        kind = str(match.lastgroup)
        text = match[kind]
        found.append(Token(WORD if text in WORDS else kind, text))
        at = match.end()
    if len(found) > MOST:
        raise NotUnderstood(f"has {len(found)} words and signs, and at most {MOST} are read", "make it several rules")
    _refuse_calls(found)
    return found


@cache
def names_in(condition: str) -> frozenset[str]:
    """The names that a condition speaks of; none for one that cannot be read."""
    try:
        return frozenset(token.text for token in tokens(condition) if token.kind == NAME)
    except NotUnderstood:
        return frozenset()


def compared(found: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """(name, text) of what is compared for being the same or not."""
    for left, sign, right in zip(found, found[1:], found[2:], strict=False):
        if sign.text in ("==", "!="):
            if (left.kind, right.kind) == (NAME, TEXT):
                yield left.text, right.text[1:-1]
            elif (left.kind, right.kind) == (TEXT, NAME):
                yield right.text, left.text[1:-1]


def sized(found: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """(name, number) of what is compared by size, where each stands there by itself."""
    signs = [token.text if token.kind == SIGN else "" for token in found]
    for at in range(len(found) - 2):
        left, right = found[at], found[at + 2]
        around = (*signs[max(at - 1, 0) : at], *signs[at + 3 : at + 4])
        if signs[at + 1] in _SIZES and not set(around) & _SUMS:
            if (left.kind, right.kind) == (NAME, NUMBER):
                yield left.text, right.text
            elif (left.kind, right.kind) == (NUMBER, NAME):
                yield right.text, left.text


def _strange(condition: str, at: int) -> NotUnderstood:
    match = _STRANGE.match(condition, at)
    word = match[1] if match else condition[at:].strip()[:20]
    if word[:1] in "'\"":
        return NotUnderstood(f"has a text that does not end: {condition[at:].strip()[:40]}", EXAMPLE)
    instead = _INSTEAD.get(word)
    return NotUnderstood(f"cannot be read at {word[:40]!r}", f"write {instead!r}" if instead else EXAMPLE)


def _refuse_calls(found: Sequence[Token]) -> None:
    for before, token in zip(found, found[1:], strict=False):
        if token.text == "(" and (before.kind in (NAME, NUMBER, TEXT) or before.text in (")", "true", "false")):
            raise NotUnderstood(f"cannot be read at '(' after {before.text!r}", "there are no functions; " + EXAMPLE)
        if token.kind == NAME and token.text in _INSTEAD:
            raise NotUnderstood(f"cannot be read at {token.text!r}", f"write {_INSTEAD[token.text]!r}")
