"""What a run took over its time, as curves with a table of the same."""

from __future__ import annotations

from tetra_orchestrator.core.spoken import duration, size
from tetra_orchestrator.report.axis import axis, drawn
from tetra_orchestrator.report.charts import area
from tetra_orchestrator.report.markup import NOTHING, Html, join, tag
from tetra_orchestrator.report.tables import Row, folded, table
from tetra_orchestrator.report.usage import POINTS, curves, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tetra_orchestrator.core.history import Attempt
    from tetra_orchestrator.report.run_story import Story
    from tetra_orchestrator.report.usage import Curve, Curves

#: Rows of the table beside the curves, and of the one of the attempts that took the most.
ROWS, MOST = 24, 10


def resources(story: Story) -> Html:
    """Up to four curves over the time of the run: how many attempts ran and waited, CPU and memory."""
    if not story.bars or story.total_s <= 0:
        return NOTHING
    of = axis(story.total_s)
    end_s = of.end_s  # the curves share the axis of the timeline
    found = curves(story.bars, story.run.started_at, end_s, read(story.beside.samples(story.attempts[0].log)))
    foot = drawn(of)
    charts = (
        _chart("Running", found.running, _at_once, foot, "cyan"),
        _chart("Waiting", found.waiting, _at_once, foot, "yellow"),
        _chart("CPU", found.cores, _in_cores, foot, "green"),
        _chart("Memory", found.memory, size, foot, "purple"),
    )
    note = tag("p", _origin(found), class_="note")
    return join((note, tag("div", *charts, class_="charts"), _table(found, end_s), _hungriest(story.attempts)))


def _chart(title: str, of: Curve, spoken: Callable[[float], str], foot: Html, kind: str) -> Html:
    """Nothing where there was nothing, or nothing is known."""
    return area(title, f"at most {spoken(of.most)}", of.values, of.most, foot, kind) if of.most > 0 else NOTHING


def _at_once(most: float) -> str:
    return f"{most:.0f} at once"


def _in_cores(most: float) -> str:
    return f"{most:.2f} cores"


def _origin(found: Curves) -> str:
    if found.sampled:
        return "CPU and memory are from samples that were taken while the run went on."
    return (
        "There are no samples of this run: CPU is drawn from each attempt's mean, memory from its peak, "
        "as if it had that all the time."
    )


def _table(found: Curves, total_s: float) -> Html:
    step = POINTS // ROWS
    rows = [
        Row(
            (
                f"+{duration(total_s * at / POINTS)}",
                *(f"{max(curve.values[at : at + step]):.2f}" for curve in (found.running, found.waiting, found.cores)),
                size(max(found.memory.values[at : at + step])),
            )
        )
        for at in range(0, POINTS, step)
    ]
    columns = ("from", "#running", "#waiting", "#cores", "#memory")
    return folded("The curves as a table", table("curves", "The most of each span of time", columns, rows))


def _hungriest(attempts: Sequence[Attempt]) -> Html:
    known = [one for one in attempts if one.facts.usage.cpu_s is not None]
    if not known:
        return NOTHING
    most = sorted(known, key=lambda one: one.facts.usage.cpu_s or 0.0, reverse=True)[:MOST]
    columns = ("attempt", "#CPU time", "#peak memory", "#read", "#written")
    title = "What took the most CPU time"
    return folded(title, table("most", title, columns, list(map(_usage_row, most))))


def _usage_row(one: Attempt) -> Row:
    used = one.facts.usage
    bytes_: Sequence[int | None] = (used.peak_rss_bytes, used.read_bytes, used.write_bytes)
    return Row((f"{one.task_id} {one.number}", duration(used.cpu_s), *("-" if b is None else size(b) for b in bytes_)))
