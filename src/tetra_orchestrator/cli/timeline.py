"""The attempts of a run along its time, in text."""

from __future__ import annotations

from tetra_orchestrator.cli.terminal import columns
from tetra_orchestrator.core.bars import bars, span_s
from tetra_orchestrator.core.cells import cut_middle, padded
from tetra_orchestrator.core.spoken import duration, printable
from tetra_orchestrator.core.states import TaskState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tetra_orchestrator.core.bars import Bar
    from tetra_orchestrator.core.history import Attempt, Run

#: The most columns of a line and the fewest, and the most of them for a task's name, the start and the bar's ends.
WIDTH, NARROW, NAME, START = 80, 60, 24, 13
WAITED, GOOD, BAD, ACTIVE = ".", "#", "x", ">"
LEGEND = f"{GOOD} succeeded  {BAD} did not  {ACTIVE} is running  {WAITED} waited"


def timeline(run: Run, attempts: Sequence[Attempt], now: datetime) -> list[str]:
    """Lines of at most 80 columns: a bar for each attempt in the order of the plan. None for fewer than two of them."""
    if run.started_at is None or len(attempts) < 2:
        return []
    total = span_s(run, now)
    found = bars(run, attempts, total)
    name = min(NAME, max(len(bar.name) for bar in found))
    places = width() - name - START - 3
    head = f"{'':{name}}  0 s{duration(total).rjust(places - 3)}"
    return [head.rstrip(), *(_line(bar, name, places, total) for bar in found), f"{'':{name}}  {LEGEND}"]


def _sign(attempt: Attempt) -> str:
    if attempt.kind is None:
        return ACTIVE
    return GOOD if attempt.state == TaskState.SUCCEEDED else BAD


def _line(bar: Bar, name: int, places: int, total: float) -> str:
    ready, start, end = (places * (at / total) if total else 0.0 for at in (bar.ready_s, bar.start_s, bar.end_s))
    first = min(int(start), places - 1)
    waits = first - min(int(ready), first)
    length = max(min(round(end), places) - first, 1)
    drawn = " " * (first - waits) + WAITED * waits + _sign(bar.attempt) * length
    shown = padded(cut_middle(printable(bar.name), name), name)
    return f"{shown}  {drawn:{places}} {'+' + duration(bar.start_s):>{START - 1}}".rstrip()


def width() -> int:
    """The columns of a drawing: those of the terminal, at most 80, and as many as it cannot do without."""
    return max(min(columns(), WIDTH), NARROW)
