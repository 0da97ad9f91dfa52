"""Whether what a command printed is what the page says, but for what is otherwise each time and the columns' widths."""

from __future__ import annotations

import re
from collections.abc import Sequence

RUN = re.compile(r"\b\d{8}T\d{6}Z-[a-z2-7]{6}\b")
#: What is otherwise each time; the order matters.
_VARIES = (
    (RUN, "RUN"),
    (re.compile(r"\b\d{8}T\d{6}Z"), "STAMP"),
    (re.compile(r"(?<!\d)\d{8}_\d{6}(_\d+)?(?!\d)"), "STAMP"),
    (re.compile(r"(\b|T)(\d\d:\d\d):\d\d(\.\d+)?"), r"\1\2"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|s|min|h|d|days?|[KMG]?B|bytes)\b"), "AMOUNT"),
    (re.compile(r"AMOUNT( AMOUNT)+"), "AMOUNT"),
    (re.compile(r"\b\d+(\.\d+)?%"), "SHARE"),
    (re.compile(r"\btetra-orchestrator \d+(\.\d+)+"), "VERSION"),
    (re.compile(r"\b(load|pid|CPU)( |=)\d+(\.\d+)?"), r"\1 NUMBER"),
    (re.compile(r"(?<!\S)[#x>=█▉▊▋▌▍▎▏░▒▓]+(?!\S)"), "BAR"),
    (re.compile(r"(?<!\S)[-─━]{2,}(?!\S)"), "---"),
    (re.compile(r"\s+"), " "),
)


def fits(expected: Sequence[str], actual: Sequence[str]) -> bool:
    """Line by line; `...` stands for any lines, and within a line for anything."""
    pattern = "".join(_line_pattern(line) for line in _told(expected))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _told(actual))) is not None


def runs(lines: Sequence[str]) -> list[str]:
    """The runs that are named, each once."""
    return list(dict.fromkeys(RUN.findall("\n".join(lines))))


def is_cut(lines: Sequence[str]) -> bool:
    """Whether something is left out of them."""
    return any("..." in line for line in lines)


def _told(lines: Sequence[str]) -> list[str]:
    """Without what varies, blank lines and blanks at both ends."""
    told = []
    for line in lines:
        for pattern, word in _VARIES:
            line = pattern.sub(word, line)
        told.append(line.strip())
    return [line for line in told if line]


def _line_pattern(line: str) -> str:
    if line == "...":
        return r"(?:.*\n)*?"
    return ".*?".join(re.escape(part) for part in line.split("...")) + r"\n"
