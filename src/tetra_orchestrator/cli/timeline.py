"""The attempts of a run along its time, in text."""

from __future__ import annotations

from tetra_orchestrator.cli.records import by_task
from tetra_orchestrator.core.history import lasted_s
from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.spoken import duration, printable
from tetra_orchestrator.core.states import TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.history import Attempt, Run

#: Columns of a line, and the most of them for a task's name, the start and the bar's ends.
WIDTH, NAME, START = 80, 24, 13
WAITED, GOOD, BAD, ACTIVE = ".", "#", "x", ">"
LEGEND = f"{GOOD} succeeded  {BAD} did not  {ACTIVE} is running  {WAITED} waited"


class Bar(Record):
    """An attempt: seconds since the run began at which it might have started, did start, and ended."""

    name: str
    ready_s: float
    start_s: float
    end_s: float
    sign: str


def timeline(run: Run, attempts: Sequence[Attempt], now: datetime) -> list[str]:
    """Lines of at most 80 columns: a bar for each attempt in the order of the plan. None for fewer than two of them."""
    if run.started_at is None or len(attempts) < 2:
        return []
    total = run.duration_s
    if total is None:
        total = max((now - run.started_at).total_seconds(), 0.0)
    bars = list(_bars(run.started_at, attempts, total))
    name = min(NAME, max(len(bar.name) for bar in bars))
    places = WIDTH - name - START - 3
    head = f"{'':{name}}  0 s{duration(total).rjust(places - 3)}"
    return [head.rstrip(), *(_line(bar, name, places, total) for bar in bars), f"{'':{name}}  {LEGEND}"]


def _bars(began: datetime, attempts: Sequence[Attempt], total: float) -> Iterator[Bar]:
    for task_id, own in by_task(attempts).items():
        free = None
        for attempt in own:
            start = _within((attempt.started_at - began).total_seconds() if attempt.started_at else total, total)
            lasted = attempt.duration_s
            if lasted is None:
                lasted = lasted_s(attempt.started_at, attempt.finished_at, total)
            end = total if lasted is None else _within(start + lasted, total)
            ready = start - (attempt.waited_s or 0.0) if free is None else min(free, start)
            name = f"{task_id} {attempt.number}" if len(own) > 1 else task_id
            yield Bar(name, _within(ready, total), start, end, _sign(attempt))
            free = end


def _within(seconds: float, total: float) -> float:
    """Within the run: the wall clock may have been set meanwhile."""
    return min(max(seconds, 0.0), total)


def _sign(attempt: Attempt) -> str:
    if attempt.kind is None:
        return ACTIVE
    return GOOD if attempt.state == TaskState.SUCCEEDED else BAD


def _line(bar: Bar, name: int, places: int, total: float) -> str:
    ready, start, end = (places * (at / total) if total else 0.0 for at in (bar.ready_s, bar.start_s, bar.end_s))
    first = min(int(start), places - 1)
    waits = first - min(int(ready), first)
    length = max(min(round(end), places) - first, 1)
    drawn = " " * (first - waits) + WAITED * waits + bar.sign * length
    return f"{_short(bar.name, name):{name}}  {drawn:{places}} {'+' + duration(bar.start_s):>{START - 1}}".rstrip()


def _short(text: str, most: int) -> str:
    """The text, without its middle where it is too long: names differ at their ends."""
    text = printable(text)
    head = (most - 2) // 2
    return text if len(text) <= most else f"{text[:head]}..{text[len(text) - (most - 2 - head) :]}"
