"""A page with what its commands have printed here, in place of what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from walk.fit import is_cut
from walk.page import Typed

MARK = "    # exit code "


def anew(text: str, printed: Mapping[Typed, tuple[int, Sequence[str]]]) -> str:
    """The page's text, where each of these commands ends with that exit code and prints those lines.

    What has `...` in it was cut by hand, and stays.
    """
    lines = text.split("\n")
    for step in sorted(printed, key=lambda step: step.line, reverse=True):
        if is_cut(step.output):
            continue
        code, output = printed[step]
        last = step.line - 1 + step.command.count("\n")
        lines[last] = lines[last].partition(MARK)[0] + (f"{MARK}{code}" if code else "")
        lines[last + 1 : last + 1 + len(step.output)] = _without_blank_ends(output)
    return "\n".join(lines)


def _without_blank_ends(lines: Sequence[str]) -> list[str]:
    return "\n".join(lines).strip("\n").split("\n") if any(lines) else []
