"""Durations over time: the median, what is unusual, and what failed."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import duration, percent
from tetra_orchestrator.core.spread import spread
from tetra_orchestrator.core.states import RUN_TERMINAL, TERMINAL, RunState
from tetra_orchestrator.report.charts import Dot, dots, spark
from tetra_orchestrator.report.markup import NOTHING, Html, join, local, moment, run_id, tag
from tetra_orchestrator.report.signs import shown
from tetra_orchestrator.report.tables import Row, folded, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tetra_orchestrator.core.history import Run
    from tetra_orchestrator.core.spread import Spread
    from tetra_orchestrator.report.markup import Content

#: Points of a small trend, and of a large one: more are not told apart.
SMALL, LARGE = 40, 1500
_OVER = frozenset((*RUN_TERMINAL, *TERMINAL))
LEGEND = (
    "A dot is one that succeeded, a large one was unusually long or short, a stroke from the ground one that did not "
    "succeed; the line is the median."
)


class Event(Record):
    """One run of something: when it began, how it ended, and how long it took (seconds), if that is known."""

    at: datetime
    state: str
    took_s: float | None
    run_id: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it succeeded, so that its duration says something."""
        return self.state == RunState.SUCCEEDED and self.took_s is not None


def over(events: Sequence[Event]) -> list[Event]:
    """Those of them that have ended."""
    return [event for event in events if event.state in _OVER]


def of_runs(runs: Sequence[Run]) -> list[Event]:
    """Those that have begun, oldest first."""
    return [
        Event(run.started_at, run.state, run.duration_s, run.run_id)
        for run in sorted(runs, key=lambda run: run.run_id)
        if run.started_at is not None
    ]


def usual(events: Sequence[Event]) -> Spread | None:
    """What those that succeeded took."""
    return spread([event.took_s for event in events if event.is_good and event.took_s is not None])


def earlier(run: Run, before: Sequence[Run]) -> Html:
    """The run among those of the same mode before it."""
    events = over(of_runs([*before, run]))
    if len(events) < 2:
        return NOTHING
    rows = [
        Row((run_id(one.run_id), shown(one.state), moment(one.started_at), duration(one.duration_s)), one.state)
        for one in (run, *before)
    ]
    columns = ("run", "state", "started", "#took")
    listed = folded(f"The last {len(rows)} runs as a table", table("before", "Earlier runs", columns, rows))
    return join((trend(f"Runs of {run.mode or 'a selection'} that have ended", events), listed))


def trend(title: str, events: Sequence[Event]) -> Html:
    """A chart of durations in their order in time, and in words what is unusual. All have ended."""
    found = usual(events)
    told = _told(events, found)
    points, middle = _points(events[-LARGE:], found)
    ends = tag("span", tag("span", local(events[-LARGE:][0].at)), tag("span", local(events[-1].at)), class_="ends")
    return dots(title, told, points, middle, ends)


def small(title: str, events: Sequence[Event]) -> Html:
    """The latest that have ended as small as a word; nothing for fewer than two."""
    events = over(events)[-SMALL:]
    if len(events) < 2:
        return NOTHING
    found = usual(events)
    points, middle = _points(events, found)
    return spark(f"{title}: {_told(events, found)}", points, middle)


def median_of(events: Sequence[Event]) -> Content:
    """The median as text."""
    found = usual(events)
    return "-" if found is None else duration(found.middle_s)


def rate(events: Sequence[Event]) -> str:
    """How many of those that have ended succeeded: `97%`."""
    ended = over(events)
    good = sum(event.state == RunState.SUCCEEDED for event in ended)
    return percent(good / len(ended)) if ended else "-"


def odd(events: Sequence[Event]) -> list[Event]:
    """Those that succeeded and took unusually long or short."""
    found = usual(events)
    return [event for event in events if found and event.is_good and found.is_odd(event.took_s or 0.0)]


def _told(events: Sequence[Event], found: Spread | None) -> str:
    good = sum(event.state == RunState.SUCCEEDED for event in events)
    parts = [f"{good} of {len(events)} succeeded"]
    if found is not None:
        parts.append(f"median {duration(found.middle_s)}")
    strange = odd(events)
    if strange:
        parts.append(f"{len(strange)} unusual, the last with {duration(strange[-1].took_s)}")
    return ", ".join(parts)


def _points(events: Sequence[Event], found: Spread | None) -> tuple[list[Dot], float | None]:
    top = max((event.took_s or 0.0 for event in events if event.is_good), default=0.0) or 1.0
    last = max(len(events) - 1, 1)
    points = [Dot(at / last, (event.took_s or 0.0) / top, _kind(event, found)) for at, event in enumerate(events)]
    return points, None if found is None else found.middle_s / top


def _kind(event: Event, found: Spread | None) -> str:
    if not event.is_good:
        return "bad"
    return "odd" if found and found.is_odd(event.took_s or 0.0) else "good"
