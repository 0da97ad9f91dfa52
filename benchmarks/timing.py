"""Interleaved rounds: every case once in each, the order rotated, so that a busy moment does not hit one case only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

#: They would change what is measured, or where it is written.
FOREIGN = ("PYTHON", "TETRA_", "PIPELINE_CONFIG", "LOG_DIR", "MAKE", "MFLAGS", "COVERAGE")
MESSAGE_CHARACTERS = 2000
STOPWATCH = str(Path(__file__).with_name("stopwatch.py"))


class Case(NamedTuple):
    """A command to time, in its folder.

    It is given a new folder, named by `LOGS`, in which it must leave `logs` files. One that takes long is timed only
    `times` times, after all others, and not once before. What it `leaves` is removed after each time; the command
    `before` is run ahead of each.
    """

    name: str
    label: str
    argv: tuple[str, ...]
    folder: Path
    logs: int = 0
    times: int | None = None
    leaves: Path | None = None
    environ: tuple[tuple[str, str], ...] = ()
    before: tuple[str, ...] = ()


class Taken(NamedTuple):
    """What one process took: seconds by the clock, seconds of processor in user and system mode, bytes of memory.

    Processor and memory are those of the process and of all it waited for; memory is that of the largest.
    """

    wall_s: float
    cpu_s: float
    memory_bytes: int


class Figure(NamedTuple):
    """Of several times: median, least and most seconds by the clock, and medians of the rest."""

    wall_s: float
    least_s: float
    most_s: float
    cpu_s: float
    memory_bytes: int
    rounds: int


def measure(cases: Sequence[Case], rounds: int) -> dict[str, Figure]:
    """The figures by name, after a warm-up that compiles bytecode, makes the stores and fills the caches."""
    often = [case for case in cases if case.times is None]
    for case in often:
        once(case)
    taken: dict[str, list[Taken]] = {case.name: [] for case in cases}
    for number in range(rounds):
        first = number % len(often)
        for case in (*often[first:], *often[:first]):
            taken[case.name].append(once(case))
    for case in cases:
        taken[case.name] += [once(case) for _ in range(min(case.times or 0, rounds))]
    return {name: _figure(some) for name, some in taken.items()}


def once(case: Case) -> Taken:
    """What the command takes from its start to its end, which must be a success with all its logs."""
    logs = _new_logs(case)
    environ = environment() | dict(case.environ) | {"LOGS": str(logs)}
    watched = (sys.executable, "-IS", STOPWATCH, *case.argv)
    if case.before:
        subprocess.run(case.before, cwd=case.folder, env=environ, check=True)
    os.sync()  # otherwise it would wait for what the one before has left to be written
    done = subprocess.run(watched, cwd=case.folder, env=environ, capture_output=True, text=True, check=True)
    code, wall_s, cpu_s, memory = done.stdout.split()
    if code != "0":
        said = done.stderr[-MESSAGE_CHARACTERS:]
        sys.exit(f"{said}\nbenchmarks: {case.argv} in {case.folder} ended with {code}")
    found = sum(entry.is_file() for entry in os.scandir(logs))
    assert found >= case.logs, f"{case.name} left {found} logs of {case.logs}"
    if case.leaves:
        shutil.rmtree(case.leaves, ignore_errors=True)
    return Taken(float(wall_s), float(cpu_s), int(memory) * (1 if sys.platform == "darwin" else 1024))


def environment() -> dict[str, str]:
    """Our environment without what steers interpreters, make or the program: bytecode is kept, defaults apply."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}


def _new_logs(case: Case) -> Path:
    above = case.folder / "logs of rounds"
    above.mkdir(exist_ok=True)
    logs = above / f"{len(os.listdir(above)):04}"
    logs.mkdir()
    return logs


def _figure(some: Sequence[Taken]) -> Figure:
    walls, cpus, memories = zip(*some, strict=True)
    return Figure(median(walls), min(walls), max(walls), median(cpus), round(median(memories)), len(some))
