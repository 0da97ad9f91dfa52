"""Tables that fit the terminal. What is piped is as wide as it has to be, and loses nothing."""

from __future__ import annotations

from tetra_orchestrator.cli.paint import Signed, on_terminal, painted
from tetra_orchestrator.cli.terminal import columns
from tetra_orchestrator.core.cells import cells, cut_middle, wrapped
from tetra_orchestrator.core.spoken import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Heads of columns whose text is wrapped; that of others is cut in the middle.
PROSE = frozenset(("dates", "found", "it", "outputs", "partition", "partitions", "value", "what", "when", "why"))
#: Heads of columns with several names: they are wrapped between them, and each of them is cut.
NAMES = frozenset(("depends on", "modes", "runs", "schedules"))
#: Heads of columns that people copy from, and that are therefore never cut; nor are times, whose head ends in a zone.
WHOLE = frozenset(("backfill", "due", "id", "run"))
#: What a column is not made narrower than, in columns of the terminal.
NAME, TEXT = 9, 13
GAP = 2


def drawn(headers: Sequence[str], rows: Iterable[Sequence[object]], spare: Sequence[str] = ()) -> str:
    """The table as text, as `output.print_table` prints it."""
    from tabulate import tabulate

    texts = [[_text(each) for each in row] for row in rows]
    given = dict(zip(headers, zip(*texts, strict=True), strict=True))
    natural = {head: max(map(_natural, (head, *column))) for head, column in given.items()}
    widths = natural
    if on_terminal():
        least = {head: _least(head, natural[head], column) for head, column in given.items()}
        widths = fitted(natural, least, columns(), spare)
    shown = [[head, "-" * most, *(_cell(each, head, most) for each in given[head])] for head, most in widths.items()]
    text = tabulate(zip(*shown, strict=True), tablefmt="plain", disable_numparse=True)
    left_out = ", ".join(head for head in headers if head not in widths)
    return f"{text}\n{painted(f'(a wider terminal also shows: {left_out})', 'dim')}" if left_out else text


def fitted(
    natural: Mapping[str, int], least: Mapping[str, int], most: int, spare: Sequence[str] = ()
) -> dict[str, int]:
    """The width of each column that is shown where the table may take `most` columns of the terminal.

    What is `spare` goes where the others would become narrower than their `least`, the first of it first. The rest are
    at most as wide as a common limit, the widest there is.
    """
    shown, gone = dict(natural), list(spare)
    while gone and sum(least[head] for head in shown) + GAP * (len(shown) - 1) > most:
        shown.pop(gone.pop(0), None)
    room, limit = most - GAP * (len(shown) - 1), min(max(shown.values()), most + 1)
    while limit > 1 and sum(shown.values()) > room:
        limit -= 1
        shown = {head: min(size, max(limit, least[head])) for head, size in shown.items()}
    return shown


def _text(value: object) -> str:
    return "-" if value is None else printable(value if isinstance(value, str) else str(value))


def _natural(text: str) -> int:
    return max(map(cells, text.split("\n")))


def _least(head: str, natural: int, column: Sequence[str]) -> int:
    if head in WHOLE or head.endswith(")") or all(isinstance(each, Signed) for each in column):
        return natural
    return min(natural, max(len(head), TEXT if head in PROSE else NAME))


def _cell(text: str, head: str, most: int) -> str:
    if isinstance(text, Signed):
        return painted(text, text.colour)
    if head in NAMES:
        text = " ".join(cut_middle(name, most) for name in text.split(" "))
    return "\n".join(wrapped(text, most)) if head in PROSE or head in NAMES else cut_middle(text, most)
