"""Masking secrets in a stream of bytes that arrives in pieces."""

from __future__ import annotations

from tetra_orchestrator.adapters.runner.output.encodings import forms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = b"***"
#: Patterns are matched within a line, and within so many bytes of one that is longer: many a pattern takes the square.
LONGEST_LINE = 1 << 14


class Redactor:
    """Masks every form of the secrets, also where it is split over pieces, and what a pattern matches in a line.

    Occurrences that overlap become one mask. Held back is only what may be the beginning of one, and with patterns the
    line that has not ended. `patterns` are regular expressions over bytes.
    """

    def __init__(self, secrets: Iterable[bytes], patterns: tuple[bytes, ...] = ()) -> None:
        self._forms, self._needles = _prepared(tuple(secrets))
        self._carry = b""
        self._masked = 0  # so many bytes of the carry belong to a mask that has been written
        self._lines = _Lines(patterns) if patterns else None

    def feed(self, data: bytes) -> bytes:
        """What can be written now that `data` has come."""
        text = self._feed(self._carry + data if self._carry else data)
        return self._lines.feed(text) if self._lines else text

    def flush(self) -> bytes:
        """What was held back, once there is nothing more to come."""
        text = self._mask(self._carry, len(self._carry))
        return self._lines.feed(text) + self._lines.flush() if self._lines else text

    def _feed(self, data: bytes) -> bytes:
        cut = self._safe(data)
        if self._masked or any(needle in data for needle in self._needles):
            return self._mask(data, cut)
        self._carry = data[cut:]
        return data[:cut] if cut < len(data) else data

    def _safe(self, data: bytes) -> int:
        """Before this index nothing begins that could be a form which has not come whole."""
        cut = size = len(data)
        for form in self._forms:
            at = data.find(form[:1], max(size - len(form) + 1, 0), cut)
            while at >= 0 and not form.startswith(data[at:]):
                at = data.find(form[:1], at + 1, cut)
            if at >= 0:
                cut = at
        return cut

    def _mask(self, data: bytes, cut: int) -> bytes:
        parts, end = [], self._masked
        for start, stop in self._spans(data):
            if start >= max(cut, end):
                break
            if start >= end:
                parts += [data[end:start], MASK]
            end = max(end, stop)
        parts.append(data[end:cut])
        self._carry, self._masked = data[cut:], max(end - cut, 0)
        return b"".join(parts)

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        spans = []
        for form in self._forms:
            at = data.find(form)
            while at >= 0:
                spans.append((at, at + len(form)))
                at = data.find(form, at + 1)
        return sorted(spans, key=lambda span: (span[0], -span[1]))


# By secrets: most attempts of a run are given the same ones.
_known: dict[tuple[bytes, ...], tuple[tuple[bytes, ...], tuple[bytes, ...]]] = {}


def _prepared(secrets: tuple[bytes, ...]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """All forms, longest first, and those of them that show whether there is any: no other is within them."""
    if secrets not in _known:
        every = sorted({form for secret in secrets for form in forms(secret)}, key=len, reverse=True)
        needles: list[bytes] = []
        for form in reversed(every):
            if not any(needle in form for needle in needles):
                needles.append(form)
        _known[secrets] = tuple(every), tuple(needles)
    return _known[secrets]


class _Lines:
    """Masks what patterns match, line by line."""

    def __init__(self, patterns: tuple[bytes, ...]) -> None:
        from re import compile

        self._patterns = [compile(pattern) for pattern in patterns]
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        *lines, self._rest = (self._rest + data).split(b"\n")
        parts = [self._sub(line) + b"\n" for line in lines]
        while len(self._rest) >= LONGEST_LINE:
            parts.append(self._sub(self._rest[:LONGEST_LINE]))
            self._rest = self._rest[LONGEST_LINE:]
        return b"".join(parts)

    def flush(self) -> bytes:
        rest, self._rest = self._rest, b""
        return self._sub(rest)

    def _sub(self, line: bytes) -> bytes:
        for pattern in self._patterns:
            line = pattern.sub(MASK, line)
        return line
