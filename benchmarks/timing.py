"""Interleaved rounds: every case once in each, the order rotated, so that a busy moment does not hit one case only."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.workloads import Case


class Figure(NamedTuple):
    """Seconds that one case took."""

    median: float
    least: float


def measure(cases: Sequence[Case], rounds: int, environ: Mapping[str, str]) -> dict[str, Figure]:
    """The figures by name, after a warm-up that compiles bytecode, makes the stores and fills the caches."""
    for case in cases:
        _time(case, environ)
    taken: dict[str, list[float]] = {case.name: [] for case in cases}
    for number in range(rounds):
        first = number % len(cases)
        for case in (*cases[first:], *cases[:first]):
            taken[case.name].append(_time(case, environ))
    return {name: Figure(median(some), min(some)) for name, some in taken.items()}


def _time(case: Case, environ: Mapping[str, str]) -> float:
    """Seconds from the start of the command to its end, which must be a success.

    Without a timeout: with one, Python looks for the end at growing intervals, and times come out as those.
    """
    began = time.perf_counter()
    done = subprocess.run(
        case.argv,
        cwd=case.folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"benchmarks: {' '.join(case.argv)} in {case.folder} ended with {done.returncode}")
    return seconds
