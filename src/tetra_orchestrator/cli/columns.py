"""Columns that are aligned without a table library, whose import would cost more than an interpreter's own start."""

from __future__ import annotations

from tetra_orchestrator.cli.paint import Signed, on_terminal, painted
from tetra_orchestrator.core.cells import cells, cut_middle, padded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GAP = "  "
#: What the first column is not made narrower than on a terminal.
LEAST = 9


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A line for each row. On a terminal that is too narrow the texts of the first column are cut in the middle."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    if on_terminal():
        from tetra_orchestrator.cli.terminal import columns

        rest = sum(widths[1:]) + len(GAP) * (len(widths) - 1)
        widths[0] = min(widths[0], max(columns() - rest, LEAST))
    for row in rows:
        yield GAP.join(_padded(*each) for each in zip(row, widths, strict=True)).rstrip()


def _padded(text: str, most: int) -> str:
    shown = padded(cut_middle(text, most), most)
    return painted(shown, text.colour) if isinstance(text, Signed) else shown
