"""Tables, long ones in portions that a script turns to and filters; without it, the first of them is shown."""

from __future__ import annotations

from json import dumps

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.report.markup import NOTHING, Html, join, tag, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tetra_orchestrator.report.markup import Content

#: Rows that are shown at a time, and from how many on there is a filter.
PORTION, FILTERED = 200, 12
#: What `<` is in a script of data, so that nothing in there can end it.
_LESS = "\\u003c"


class Row(Record):
    """A row; `state` is what the filter of states goes by, `key` its anchor."""

    cells: Sequence[Content]
    state: str = ""
    key: str | None = None


def table(key: str, title: str, columns: Sequence[Content], rows: Sequence[Row], *, wide: bool = False) -> Html:
    """A table called `title` for who cannot see where it stands, in a frame that scrolls by itself.

    A column whose name begins with `#` holds figures. With `wide` the last column takes the room that is left.
    """
    figures = [
        isinstance(column, str) and not isinstance(column, Html) and column.startswith("#") for column in columns
    ]
    heads = (
        tag("th", column[1:] if figure and isinstance(column, str) else column, scope="col", class_=figure and "figure")
        for column, figure in zip(columns, figures, strict=True)
    )
    shown = tag("tbody", *(_row(row, figures) for row in rows[:PORTION]))
    kind = "rows wide" if wide else "rows"
    drawn = tag("table", tag("caption", title, class_="sr"), tag("thead", tag("tr", *heads)), shown, class_=kind)
    frame = tag("div", drawn, class_="frame", role="group", aria_label=title, tabindex="0")
    rest = _rest(rows[PORTION:])
    return tag("div", _tools(key, title, rows), frame, rest, class_="list", id=f"{key}-list")


def _rest(rows: Sequence[Row]) -> Html:
    """The further rows as data, since a browser is slow to build what nobody looks at yet: each is its key, its state,
    and where its cells stand in a pool, which has every cell once."""
    if not rows:
        return NOTHING
    pool: dict[str, int] = {}
    data = [(row.key or "", row.state, *(pool.setdefault(text(cell), len(pool)) for cell in row.cells)) for row in rows]
    packed = dumps({"pool": list(pool), "rows": data}, ensure_ascii=False, separators=(",", ":"))
    note = f"{len(rows):,} more rows are not shown, as only the script of this page can turn to them."
    script = Html(f'<script type="application/json">{packed.replace("<", _LESS)}</script>')
    return join((script, tag("noscript", tag("p", note))))


def folded(summary: str, content: Html, *, is_open: bool = False) -> Html:
    """What is only looked at when it is asked for; on paper it is always there."""
    return tag("details", tag("summary", summary), content, open=is_open)


def _row(row: Row, figures: Sequence[bool]) -> Html:
    first, *rest = zip(row.cells, figures, strict=True)
    others = (tag("td", value, class_=figure and "figure") for value, figure in rest)
    return tag("tr", tag("th", first[0], scope="row"), *others, id=row.key, data_state=row.state or None)


def _tools(key: str, title: str, rows: Sequence[Row]) -> Html:
    """What the script filters by; it shows itself with the script."""
    if len(rows) < FILTERED:
        return NOTHING
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.state] = counts.get(row.state, 0) + 1
    choices = [tag("option", f"{word.replace('_', ' ')} ({count:,})", value=word) for word, count in counts.items()]
    every = tag("option", f"every state ({len(rows):,})", value="")
    return tag(
        "div",
        tag("label", "Find ", tag("input", type="search", id=f"{key}-find", placeholder="part of a name")),
        tag("label", "State ", tag("select", every, *choices, id=f"{key}-state")) if any(counts) else NOTHING,
        tag("p", class_="count", role="status"),
        join(
            (
                tag("button", "Earlier", type="button", class_="earlier", aria_label=f"Earlier rows of {title}"),
                tag("button", "Further", type="button", class_="further", aria_label=f"Further rows of {title}"),
            )
        ),
        class_="tools",
    )
