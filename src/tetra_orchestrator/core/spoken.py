"""Values in their published forms, for people and for programs."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

#: Marks of direction, separators of lines and annotations: they show the text around them in another order or place.
_MOVING = frozenset((0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x2070), *range(0xFFF9, 0xFFFC)))


def instant(when: datetime) -> str:
    """RFC 3339 in UTC, ending in Z, without a fraction where there is none."""
    return f"{when.replace(tzinfo=None).isoformat()}Z"  # strftime(3) does not fill up years before 1000 with zeros


def to_second(when: datetime) -> str:
    """The same without a fraction, for people."""
    return instant(when.replace(microsecond=0))


def printable(text: str) -> str:
    """Text that cannot drive a terminal: control characters other than newline and tab become `\\x1b`.

    What would rearrange the text around it becomes `\\u202e`, half a surrogate pair `\\ud800`, as no stream could take
    it. Joiners stay: some scripts need them.
    """
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(_harmless(each) for each in text)


def _harmless(character: str) -> str:
    code = ord(character)
    if 0xD800 <= code < 0xE000 or code in _MOVING:
        return f"\\u{code:04x}"
    is_control = code < 0x20 or 0x7F <= code < 0xA0
    return f"\\x{code:02x}" if is_control and character not in "\n\t" else character


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `2 h 03 min`; `-` for None, and between times of a clock that was set back."""
    if seconds is None or seconds < 0:
        return "-"
    if round(seconds, 1) < 10:
        return f"{seconds:.1f} s"
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def about(seconds: float) -> str:
    """A time as one number: `12 s`, `3 min`, `5 h`, `2 d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def params(given: Mapping[str, str | None] | None) -> str:
    """The parameters of a run: `day=monday, key=***`; the value of one that was a secret is not kept."""
    return ", ".join(f"{name}={'***' if value is None else value}" for name, value in (given or {}).items())


def percent(share: float) -> str:
    """A share from 0 to 1: `94%`; `100%` is all and `0%` nothing, what comes close is `> 99%` or `< 1%`."""
    text = f"{share:.0%}"
    if text == "100%" and share < 1:
        return "> 99%"
    return "< 1%" if text == "0%" and share > 0 else text


def size(count: float) -> str:
    """A number of bytes: `812 B`, `1.5 KB`, `20 GB`, in steps of 1024."""
    for unit in ("B", "KB", "MB", "GB"):
        if round(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"
