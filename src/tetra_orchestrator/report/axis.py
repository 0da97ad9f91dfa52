"""An axis of time in a few round steps."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record
from tetra_orchestrator.report.markup import Html, tag

#: The steps in seconds, and how many of them an axis has at most.
STEPS = (
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0),
    *(60.0, 120.0, 300.0, 600.0, 900.0, 1800.0),
    *(3600.0, 7200.0, 10800.0, 21600.0, 43200.0, 86400.0, 172800.0, 604800.0),
)
MOST = 6


class Axis(Record):
    """`parts` steps of `step_s` seconds from 0."""

    step_s: float
    parts: int

    @property
    def end_s(self) -> float:
        """Where it ends."""
        return self.step_s * self.parts

    def share(self, at_s: float) -> float:
        """That place on the axis, from 0 to 1."""
        return min(max(at_s / self.end_s, 0.0), 1.0)


def axis(total_s: float) -> Axis:
    """One that has room for that many seconds."""
    step = next((step for step in STEPS if total_s <= step * MOST), 0.0)
    while not step or total_s > step * MOST:  # more than six weeks
        step = (step or STEPS[-1]) * 2
    return Axis(step, max(-int(-total_s // step), 1))


def drawn(of: Axis) -> Html:
    """Its labels, each at the beginning of its step."""
    labels = (tag("span", spoken(of.step_s * part)) for part in range(of.parts))
    return tag("span", *labels, class_="axis")


def spoken(seconds: float) -> str:
    """A round time: `0`, `0.5 s`, `20 s`, `15 min`, `3 h`, `2 d`; more exactly where it is not round."""
    if seconds == 0:
        return "0"
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length and abs(seconds / length - round(seconds / length, 1)) < 1e-9:
            return f"{seconds / length:.10g} {unit}"
    return f"{round(seconds, 1):.10g} s"
