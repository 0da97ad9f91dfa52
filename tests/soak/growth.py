"""I16: whether this process takes more memory or descriptors the longer it goes on."""

from __future__ import annotations

import os
from statistics import median

import psutil

#: What may be more in the last third of the looks than in the second one.
MEMORY_BYTES = 16 * 1024**2
DESCRIPTORS = 2
FEWEST = 30


class Growth:
    """Looks at our own process now and then."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._memory: list[int] = []
        self._descriptors: list[int] = []

    def look(self) -> None:
        """Remember how much it has now."""
        self._memory.append(self._process.memory_info().rss)
        self._descriptors.append(len(os.listdir("/dev/fd")))

    def violations(self) -> list[str]:
        """What grew; nothing where there were too few looks to tell."""
        if len(self._memory) < FEWEST:
            return []
        found = []
        if _rise(self._memory) > MEMORY_BYTES:
            found.append(f"I16 memory rose by {_rise(self._memory) / 1e6:.0f} MB from the second third to the last")
        if _rise(self._descriptors) > DESCRIPTORS:
            found.append(f"I16 descriptors rose by {_rise(self._descriptors):.0f} from the second third to the last")
        return found

    def __str__(self) -> str:
        if len(self._memory) < FEWEST:
            return "too few to see growth"
        return (
            f"memory {_rise(self._memory) / 1e6:+.1f} MB, descriptors {_rise(self._descriptors):+.0f} in the last third"
        )


def _rise(figures: list[int]) -> float:
    third = len(figures) // 3
    return median(figures[-third:]) - median(figures[third : 2 * third])
