"""Lines at the end of what a terminal shows, drawn over in place: each redraw is one write, and only where something
has changed."""

from __future__ import annotations

import os
import shutil

from tetra_orchestrator.core.cells import cells, cut
from tetra_orchestrator.core.signs import CODES
from tetra_orchestrator.core.spoken import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeAlias

    from tetra_orchestrator.adapters.report.outlet import Outlet

    #: A line as pieces of text, each with its colour: `bold`, `dim`, `red` and the like, several with a space between.
    Row: TypeAlias = Sequence[tuple[str, str]]

_LINE, _REST_OF_LINE, _BELOW = "\x1b[2K", "\x1b[K", "\x1b[J"
#: Around a drawing: the cursor is not seen, and what is wider than we believe does not go on in the next line.
_BEGIN, _END = "\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h"
#: What stands for our symbols where the terminal's encoding lacks them, each as wide as it is.
ASCII = str.maketrans("✓✗▶↻·−◐■│─…", "+x>~.-%#|-.")


def draws(outlet: Outlet, environ: Mapping[str, str]) -> bool:
    """Whether the outlet is a terminal that can be drawn on, and nobody else does."""
    return outlet.isatty() and environ.get("TERM", "") not in ("", "dumb") and _is_ours(outlet.fileno())


def _is_ours(terminal: int) -> bool:
    """Whether we are in the foreground there, as far as it can be told."""
    try:
        return os.tcgetpgrp(terminal) in (0, os.getpgrp())
    except OSError:
        return True  # it is not the terminal of our session


class Canvas:
    """A terminal whose last lines are ours. While its reader is `behind` nothing is drawn.

    Where others have written there, what was drawn stays, and the next drawing stands below. `size()` is its columns
    and rows. The cursor rests below what is drawn, where it can be seen.
    """

    def __init__(
        self,
        outlet: Outlet,
        *,
        coloured: bool = True,
        size: Callable[[], tuple[int, int]] = shutil.get_terminal_size,
    ):
        self._outlet = outlet
        self._coloured = coloured
        self._size = size
        self._widths: list[int] = []
        self._shown: list[str] = []

    @property
    def behind(self) -> bool:
        """Whether the reader has not taken everything yet, or has sent us into the background."""
        if not _is_ours(self._outlet.fileno()):
            self._outlet.disturbed = True
            return True
        self._outlet.flush()
        return self._outlet.behind

    @property
    def columns(self) -> int:
        """What a line may take: the last column stays free, as some terminals go to the next line behind it."""
        return max(self._size()[0] - 1, 1)

    @property
    def rows(self) -> int:
        """How many lines may be drawn over: one is the cursor's."""
        return max(self._size()[1] - 1, 0)

    def draw(self, rows: Sequence[Row]) -> None:
        """Show these rows in the place of those that were drawn before."""
        if self._outlet.disturbed:
            self._outlet.disturbed, self._widths, self._shown = False, [], []
        fitted = [self._fitted(row) for row in rows]
        painted = [self._painted(row) for row in fitted]
        widths = [sum(cells(piece) for piece, _ in row) for row in fitted]
        up = sum(1 + max(width - 1, 0) // (self.columns + 1) for width in self._widths)
        is_wrapped = up != len(self._widths)
        if painted != self._shown or is_wrapped:
            begin = f"{_BEGIN}\r" + (f"\x1b[{up}A" if up else "")
            # for tmux a line stays as long as it was, and wrapped as it was, until all of it is erased
            before = [*self._widths, *(0 for _ in rows)]
            erased = [_LINE * (is_wrapped or width < old) for width, old in zip(widths, before, strict=False)]
            text = "".join(f"{first}{line}{_REST_OF_LINE}\n" for first, line in zip(erased, painted, strict=True))
            self._outlet.write(f"{begin}{text}{_BELOW}{_END}")
            self._outlet.flush()
        self._shown, self._widths = painted, widths

    def write(self, rows: Iterable[Row]) -> None:
        """Write rows that stay, below what is drawn; long ones go on in the next line."""
        self._outlet.write("".join(f"{self._painted(self._spelled(row))}\n" for row in rows))
        self._outlet.flush()
        self._widths, self._shown = [], []

    def _fitted(self, row: Row) -> Row:
        room, found = self.columns, []
        for piece, colour in self._spelled(row):
            shown = self._within(cut(piece, room))
            found.append((shown, colour))
            room -= cells(shown)
            if shown != piece or room <= 0:
                break
        return found

    def _spelled(self, row: Row) -> Row:
        """The row in characters that drive no terminal and that its encoding has, without spaces at its end."""
        found = [(self._within(printable(piece).expandtabs().replace("\n", " ")), colour) for piece, colour in row]
        while found and not (rest := found[-1][0].rstrip(" ")):
            found.pop()
        return [*found[:-1], (rest, found[-1][1])] if found else []

    def _within(self, text: str) -> str:
        try:
            text.encode(self._outlet.encoding)
        except UnicodeEncodeError:
            return text.translate(ASCII).encode(self._outlet.encoding, "backslashreplace").decode(self._outlet.encoding)
        return text

    def _painted(self, row: Row) -> str:
        return "".join(self._piece(text, colour) for text, colour in row)

    def _piece(self, text: str, colour: str) -> str:
        if not (self._coloured and colour and text):
            return text
        return f"\x1b[{';'.join(CODES[name] for name in colour.split())}m{text}\x1b[0m"
