"""What the attempts of a run took while it lasted: lines of samples in, curves over its time out."""

from __future__ import annotations

from itertools import groupby

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.core.samples import samples

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from tetra_orchestrator.core.bars import Bar
    from tetra_orchestrator.core.samples import Sample

#: Values of a curve.
POINTS = 240
#: What begins so shortly before another's end comes after it: the two were timed by different clocks.
HANDOVER_S = 0.01


class Curve(Record):
    """`POINTS` mean values over the run's time, and the most that there was at any moment."""

    values: Sequence[float]
    most: float


class Curves(Record):
    """Attempts that ran and that waited, cores in use, bytes of memory.

    With `sampled` false the last two are drawn from the mean and the peak of each attempt.
    """

    running: Curve
    waiting: Curve
    cores: Curve
    memory: Curve
    sampled: bool


def read(lines: Iterable[str]) -> list[Sample]:
    """The samples, ascending; a line that is cut off, as the last may be, or no sample counts for nothing."""
    return sorted(samples(lines), key=lambda one: one.at)


def curves(bars: Sequence[Bar], began: datetime | None, total_s: float, found: Sequence[Sample]) -> Curves:
    """The curves over so many seconds from the run's beginning."""
    step = total_s / POINTS or 1.0
    running = [(bar.start_s, bar.end_s, 1.0) for bar in bars]
    waiting = [(bar.ready_s, bar.start_s, 1.0) for bar in bars]
    known = _sampled(bars, began, found) if found and began is not None else list(map(_flat, bars))
    cores = [(start, end, value) for start, end, value, _ in known]
    memory = [(start, end, value) for start, end, _, value in known]
    ran, waited, worked, held = (_curve(spans, step) for spans in (running, waiting, cores, memory))
    return Curves(ran, waited, worked, held, bool(found))


def _sampled(bars: Sequence[Bar], began: datetime, taken: Sequence[Sample]) -> list[tuple[float, float, float, float]]:
    """Spans of (start, end, cores, bytes): from one sample of an attempt to the next, the first from its start.

    Of attempts that were over before the first sample, as without any.
    """
    left = {(bar.attempt.task_id, bar.attempt.number): bar for bar in bars}
    found: list[tuple[float, float, float, float]] = []
    for key, own in groupby(sorted(taken, key=_whose), key=_whose):
        bar = left.pop(key, None)
        if bar is None:
            continue
        at, spent, held = bar.start_s, 0.0, 0.0
        for sample in own:
            now = min((sample.at - began).total_seconds(), bar.end_s)  # the wall clock may have been set meanwhile
            if now > at:
                found.append((at, now, max(sample.cpu_s - spent, 0.0) / (now - at), sample.rss_bytes))
                at, spent, held = now, sample.cpu_s, sample.rss_bytes
        if bar.end_s > at:
            rest = max((bar.attempt.facts.usage.cpu_s or spent) - spent, 0.0)
            found.append((at, bar.end_s, rest / (bar.end_s - at), held))
    return [*found, *map(_flat, left.values())]


def _flat(bar: Bar) -> tuple[float, float, float, float]:
    """What is known of an attempt without samples."""
    return bar.start_s, bar.end_s, _cores(bar), _memory(bar)


def _whose(sample: Sample) -> tuple[str, int]:
    return sample.task, sample.attempt


def _cores(bar: Bar) -> float:
    spent = bar.attempt.facts.usage.cpu_s
    return 0.0 if spent is None else spent / max(bar.end_s - bar.start_s, 0.01)


def _memory(bar: Bar) -> float:
    return float(bar.attempt.facts.usage.peak_rss_bytes or 0)


def _curve(spans: Sequence[tuple[float, float, float]], step: float) -> Curve:
    """The sum of the values of all spans (start, end, value)."""
    changes = [(start, value) for start, end, value in spans if end > start]
    changes += [(max(start, end - HANDOVER_S), -value) for start, end, value in spans if end > start]
    level = most = 0.0
    for _, change in sorted(changes, key=lambda each: each[0]):
        level += change
        most = max(most, level)
    return Curve(_means(spans, step), most)


def _means(spans: Sequence[tuple[float, float, float]], step: float) -> list[float]:
    """The mean of each step of time; a span counts by how much of the step it takes."""
    change = [0.0] * (POINTS + 1)
    edges = [0.0] * POINTS
    for start, end, value in spans:
        first, last = min(int(start / step), POINTS - 1), min(int(end / step), POINTS - 1)
        if first == last:
            edges[first] += value * (end - start) / step
            continue
        edges[first] += value * (first + 1 - start / step)
        edges[last] += value * (end / step - last)
        change[first + 1] += value
        change[last] -= value
    level, found = 0.0, []
    for at in range(POINTS):
        level += change[at]
        found.append(max(edges[at] + level, 0.0))
    return found
