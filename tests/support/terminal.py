"""A terminal in memory, as much of one as our views drive: what it shows, and whether its cursor can be seen."""

from __future__ import annotations

import re
import unicodedata

_PIECES = re.compile(r"\x1b\[(?P<number>[0-9;?]*)(?P<code>[A-Za-z])|(?P<move>[\r\n])|(?P<text>[^\x1b\r\n]+)")


class Terminal:
    """Takes text as an outlet does; `behind` says that its reader has stopped. Lines that scroll out are kept."""

    encoding = "utf-8"
    #: Columns of characters that this terminal shows wider or narrower than Unicode says.
    widths: dict[str, int] = {}
    #: Whether a line stays as long as it was once, until all of it is erased, as tmux has it.
    keeps_room = False

    def __init__(self, columns=80, rows=24):
        self.columns = columns
        self.rows = rows
        self.behind = False
        self.hidden = False
        self.wraps = True
        self.disturbed = False
        self.coloured = False
        self.written = []
        self._lines = [""]
        self._line = self._column = 0

    @property
    def lines(self):
        """Everything that was shown, without the empty lines at the end."""
        return "\n".join(line.replace("\0", "").rstrip() for line in self._lines).rstrip("\n").split("\n")

    def size(self):
        return self.columns, self.rows

    def fileno(self):
        """That of no terminal."""
        return -1

    def flush(self):
        """Nothing waits."""

    def write(self, text):
        """Show it."""
        self.written.append(text)
        for piece in _PIECES.finditer(text):
            if piece["code"]:
                self._control(piece["code"], piece["number"])
            elif piece["move"] == "\r":
                self._column = 0
            elif piece["move"]:
                self._line, self._column = self._line + 1, 0
                self._lines += [""] * (self._line + 1 - len(self._lines))
            else:
                for each in piece["text"]:
                    self._put(each)
        return len(text)

    def resize(self, columns, rows):
        """Become smaller or larger; lines that are too long go on in the next one, as on most terminals."""
        lines = []
        for at, line in enumerate(self._lines):
            if at == self._line:
                self._line = len(lines)
            parts = [line[begin : begin + columns] for begin in range(0, len(line), columns)]
            lines += parts or [""]
        self.columns, self.rows, self._lines = columns, rows, lines

    def _control(self, code, number):
        if code == "A":
            top = max(len(self._lines) - self.rows, 0)
            self._line = max(self._line - int(number), top)
        elif code == "K":
            line = self._lines[self._line]
            kept = "" if number == "2" else line[: self._column]
            self._lines[self._line] = kept.ljust(len(line)) if self.keeps_room and number != "2" else kept
        elif code == "J":
            self._lines[self._line] = self._lines[self._line][: self._column]
            del self._lines[self._line + 1 :]
        elif number == "?25":
            self.hidden = code == "l"
        elif number == "?7":
            self.wraps = code == "h"
        elif code == "m":
            self.coloured = True
        else:
            raise AssertionError(f"nobody sends {number}{code}")

    def _put(self, each):
        wide = self.widths.get(each, 2 if unicodedata.east_asian_width(each) in "WF" else 1)
        if self._column + wide > self.columns:
            if not self.wraps:
                return
            self._line, self._column = self._line + 1, 0
            self._lines += [""] * (self._line + 1 - len(self._lines))
        line = self._lines[self._line]
        # the second half of a wide character is a place that holds nothing
        line = line.ljust(self._column)[: self._column] + each + "\0" * (wide - 1) + line[self._column + wide :]
        self._lines[self._line] = line
        self._column += wide
