"""The attempts of a run along its time: a table whose last column is the drawing."""

from __future__ import annotations

from tetra_orchestrator.core.spoken import duration
from tetra_orchestrator.core.states import TaskState
from tetra_orchestrator.report.axis import Axis, axis, drawn
from tetra_orchestrator.report.markup import NOTHING, Html, join, number, tag
from tetra_orchestrator.report.signs import legend, shown, sign
from tetra_orchestrator.report.tables import Row, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tetra_orchestrator.core.bars import Bar
    from tetra_orchestrator.core.history import Attempt

#: The narrowest bar, in percent of the axis.
LEAST = 0.4
#: What an attempt can have waited for, by how that is drawn.
WAITS = {"wait": "waited for room before its first attempt", "retry": "waited for its next attempt"}


def gantt(bars: Sequence[Bar], total_s: float, places: Mapping[str, int]) -> Html:
    """A row for each attempt. `places` are the tasks' by id, for the links to them."""
    of = axis(total_s)
    columns = ("attempt", "state", "#start", "#waited", "#took", drawn(of))
    rows = [_row(bar, of, places) for bar in bars]
    return join((_key(bars), table("attempts", "Attempts along the time of the run", columns, rows, wide=True)))


def state_of(attempt: Attempt) -> str:
    """The state that the attempt is in; one that was started and has not ended is running."""
    return attempt.state if attempt.kind is not None else TaskState.RUNNING.value


def anchor(place: int, attempt: int) -> str:
    """Where the attempt of the task at that place of the plan is found."""
    return f"a{place}-{attempt}"


def _row(bar: Bar, of: Axis, places: Mapping[str, int]) -> Row:
    attempt = bar.attempt
    place = places.get(attempt.task_id, 0)
    state = state_of(attempt)
    name = tag("a", bar.name, href=f"#t{place}")
    times = (f"+{duration(bar.start_s)}", duration(bar.start_s - bar.ready_s), duration(bar.end_s - bar.start_s))
    return Row((name, shown(state), *times, _bar(bar, of, state)), state, anchor(place, attempt.number))


def _bar(bar: Bar, of: Axis, state: str) -> Html:
    ready, start, end = (100 * of.share(at) for at in (bar.ready_s, bar.start_s, bar.end_s))
    parts = [_rect(start, max(end - start, LEAST), f"bar {sign(state).colour}")]
    if start - ready > LEAST / 4:
        parts.insert(0, _rect(ready, start - ready, _wait(bar)))
    return tag("svg", *parts, class_=f"gantt n{of.parts}", aria_hidden="true")  # the cells before it say the same


def _wait(bar: Bar) -> str:
    return "retry" if bar.attempt.number > 1 else "wait"


def _rect(x: float, width: float, kind: str) -> Html:
    x = min(x, 100 - min(width, 100))
    return tag("rect", x=f"{number(x)}%", width=f"{number(width)}%", class_=kind)


def _key(bars: Sequence[Bar]) -> Html:
    signs = legend(state_of(bar.attempt) for bar in bars)
    waited = {_wait(bar) for bar in bars if bar.start_s > bar.ready_s}
    swatches = (
        tag(
            "li",
            tag("svg", tag("rect", width=22, class_=kind), class_="swatch", aria_hidden="true"),
            text,
        )
        for kind, text in WAITS.items()
        if kind in waited
    )
    return join((signs, tag("ul", *swatches, class_="legend") if waited else NOTHING))
