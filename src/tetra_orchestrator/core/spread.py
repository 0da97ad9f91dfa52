"""What is usual among durations, and what is not."""

from __future__ import annotations

from tetra_orchestrator.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

#: From so many values on anything can be unusual.
FEWEST = 5
#: Median deviations that are ordinary; one of them is that of a normal distribution times this.
DEVIATIONS, NORMAL = 3.5, 1.4826
#: What differs from the median by less than this part of it, or by less than these seconds, is ordinary.
PART, LEAST_S = 0.25, 0.5


class Spread(Record):
    """The median of durations, and how far from it (seconds) is usual; infinitely far where they are too few."""

    middle_s: float
    usual_s: float

    def is_odd(self, seconds: float) -> bool:
        """Whether that took unusually long, or was over unusually soon."""
        return abs(seconds - self.middle_s) > self.usual_s


def spread(seconds: Sequence[float]) -> Spread | None:
    """That of at least one value; None for none. The median is not moved by what is unusual, as a mean would be."""
    if not seconds:
        return None
    usual = middle(sorted(seconds))
    if len(seconds) < FEWEST:
        return Spread(usual, float("inf"))
    deviation = middle(sorted(abs(each - usual) for each in seconds)) * NORMAL
    return Spread(usual, max(DEVIATIONS * deviation, PART * usual, LEAST_S))


def middle(ordered: Sequence[float]) -> float:
    """The median of numbers in their order."""
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
