"""W13: what it costs to look at what attempts take: many processes of many attempts, for a minute."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.results import Options, Part, part
from benchmarks.timing import environment
from benchmarks.tools import ENTRY
from tetra_orchestrator.adapters.runner.metering.meter import Meter, Tree

ATTEMPTS, PROCESSES, SECONDS = 50, 200, 60.0
#: To try things out.
QUICK = 5, 20, 4.0
CONFIG = """\
version: 1
project: bench
host: {{max_parallel: {attempts}}}
pipelines:
"""
LINE = "  t{n}: {{shell: 'i=0; while [ $i -lt {processes} ]; do sleep 600 & i=$((i+1)); done; wait'}}\n"
START_LIMIT_S = 120.0


def look(root: Path, options: Options) -> Part:
    """The share of one CPU that our process takes while so many processes of its attempts do nothing."""
    attempts, processes, seconds = QUICK if options.rounds is not None else (ATTEMPTS, PROCESSES, SECONDS)
    many, ours, peer = _measure(root / "many", attempts, processes, seconds)
    few, _, _ = _measure(root / "few", attempts, 1, seconds)
    facts = {"attempts": attempts, "processes": attempts * processes, "seconds": seconds, "share": many}
    facts |= {"share_idle": few, "look_ms": ours * 1e3, "psutil_ms": peer * 1e3}
    return part([], {}, facts, {"psutil": psutil.__version__}, {})


def _measure(folder: Path, attempts: int, processes: int, seconds: float) -> tuple[float, float, float]:
    """The share of our process once all processes are there; seconds of one look at them, by us and by psutil."""
    folder.mkdir(parents=True)
    lines = (LINE.format(n=n, processes=processes) for n in range(attempts))
    (folder / "orchestration.yaml").write_text(CONFIG.format(attempts=attempts) + "".join(lines), encoding="utf-8")
    quiet = subprocess.DEVNULL
    process = subprocess.Popen((*ENTRY, "run"), cwd=folder, env=environment(), stdout=quiet, stderr=quiet)
    try:
        ours = psutil.Process(process.pid)
        _await(ours, attempts * (processes + 1))
        began, before = time.monotonic(), _taken_s(ours)
        time.sleep(seconds)
        share = (_taken_s(ours) - before) / (time.monotonic() - began)
        return share, _cpu_s(lambda: _look(process.pid)), _cpu_s(lambda: _look_by_psutil(process.pid))
    finally:
        process.terminate()
        process.wait(timeout=START_LIMIT_S)


def _await(ours: psutil.Process, processes: int) -> None:
    until = time.monotonic() + START_LIMIT_S
    while len(ours.children(recursive=True)) < processes:
        assert time.monotonic() < until, f"{processes} processes were not started in {START_LIMIT_S:g} s"
        time.sleep(0.5)


def _taken_s(process: psutil.Process) -> float:
    taken = process.cpu_times()
    return float(taken.user + taken.system)


def _cpu_s(do: Callable[[], object]) -> float:
    began = time.thread_time()
    do()
    return time.thread_time() - began


def _look(pid: int) -> None:
    Meter(adopts=True).look([Tree("all", "", pid)])


def _look_by_psutil(pid: int) -> float:
    """The same figures of a tree as the tools take them that are made of psutil."""
    total = 0.0
    for one in psutil.Process(pid).children(recursive=True):
        try:
            with one.oneshot():
                times, memory = one.cpu_times(), one.memory_info()
        except psutil.Error:
            continue
        total += times.user + times.system + memory.rss
    return total
