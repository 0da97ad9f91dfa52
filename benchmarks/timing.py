"""Interleaved rounds: every case once in each, the order rotated, so that a busy moment does not hit one case only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.workloads import Case


class Taken(NamedTuple):
    """What one process took: seconds by the clock, seconds of processor in user and system mode, bytes of memory."""

    wall: float
    cpu: float
    memory: int


class Figure(NamedTuple):
    """Seconds that one case took by the clock, and medians of its other figures."""

    median: float
    least: float
    cpu: float
    memory: float
    rounds: int


def measure(cases: Sequence[Case], rounds: int, environ: Mapping[str, str]) -> dict[str, Figure]:
    """The figures by name, after a warm-up that compiles bytecode, makes the stores and fills the caches."""
    for case in cases:
        if case.times is None:
            _time(case, environ)
    taken: dict[str, list[Taken]] = {case.name: [] for case in cases}
    for number in range(rounds):
        first = number % len(cases)
        for case in (*cases[first:], *cases[:first]):
            if case.times is None or number % max(1, rounds // case.times) == 0:
                taken[case.name].append(_time(case, environ))
    return {name: _figure(some) for name, some in taken.items()}


def _figure(some: Sequence[Taken]) -> Figure:
    walls, cpus, memories = zip(*some, strict=True)
    return Figure(median(walls), min(walls), median(cpus), median(memories), len(some))


def _time(case: Case, environ: Mapping[str, str]) -> Taken:
    """What the command takes from its start to its end, which must be a success."""
    if case.without:
        shutil.rmtree(case.without, ignore_errors=True)
    quiet = subprocess.DEVNULL
    errors = None if case.times is None else quiet  # who takes long also talks much
    began = time.perf_counter()
    process = subprocess.Popen(case.argv, cwd=case.folder, env=environ, stdin=quiet, stdout=quiet, stderr=errors)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"benchmarks: {' '.join(case.argv)} in {case.folder} ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Taken(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)
