"""`python -m benchmarks.largest`: run one large graph for real, then plan it on workers, and say what it took.

Not among the budgets: it takes minutes, and a second run is no more certain than a first.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import machine
from benchmarks.graphs import NO_OP, Graph, layered
from benchmarks.timing import STOPWATCH, environment
from benchmarks.tools import ENTRY
from tetra_orchestrator.core.admission import Limits
from tetra_orchestrator.core.model import Command, Resources, Task
from tetra_orchestrator.core.scaling import Fleet
from tetra_orchestrator.core.workers import Worker

LAYERS = 100


def main() -> None:
    """Write the graph, run it, plan it; then one that is larger still, in memory only."""
    found = argparse.ArgumentParser(prog="python -m benchmarks.largest", description=(__doc__ or "").splitlines()[0])
    found.add_argument("--tasks", type=int, default=100_000, metavar="N", help="to run for real; 0 for none")
    found.add_argument("--edges", type=int, default=300_000, metavar="N", help="dependencies between them")
    found.add_argument("--simulated", type=int, default=1_000_000, metavar="N", help="tasks to simulate; 0 for none")
    given = found.parse_args()
    print(machine.describe(), f"load {os.getloadavg()[0]:.1f}", sep="; ", flush=True)
    if given.tasks:
        perform(given.tasks, given.edges)
    if given.simulated:
        simulate(given.simulated)
    print(f"load {os.getloadavg()[0]:.1f} at the end")


def perform(tasks: int, edges: int) -> None:
    """Run that graph, and plan it."""
    with tempfile.TemporaryDirectory(prefix="tetra-bench-") as name:
        folder = Path(name)
        lines = _lines(layered(tasks, edges, LAYERS))
        (folder / "orchestration.yaml").write_text("\n".join(lines), encoding="utf-8")
        print(f"{tasks:,} tasks, {edges:,} dependencies, {_size(folder)}", flush=True)
        _told(folder, "validate, first", ("validate",))
        _told(folder, "run", ("run", "--mode", "all"))
        files = sum(len(names) + len(folders) for _, folders, names in os.walk(folder))
        store = (folder / "state" / "tetra.db").stat().st_size
        print(f"left behind: {files:,} files and folders, {_size(folder)}, of it a store of {store / 1e6:,.0f} MB")
        _told(folder, "plan", ("plan", "--mode", "all", "--json"))
        workers = ("--workers", "16", "--worker", "cpu=8", "--json")
        _told(folder, "plan --workers 16", ("plan", "--mode", "all", *workers))


def simulate(tasks: int) -> None:
    """Plan so many tasks of ten minutes, of a CPU each, none after any other, on 200 workers."""
    worker, host = Worker(1, 1.0), Limits(1)
    many = [Task(f"t{number}", "w", Command((NO_OP,)), resources=Resources(cpu=1.0)) for number in range(tasks)]
    began = time.process_time()
    found = Fleet(many, host, dict.fromkeys([task.id for task in many], 600.0), worker).on(200)
    took = time.process_time() - began
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(
        f"simulated: {tasks:,} tasks of 10 min on 200 workers: {found.finish_s / 3600:,.0f} h, {found.bottleneck.text}"
    )
    print(f"that took {took:,.1f} s of processor and {size / 1e6:,.0f} MB", flush=True)


def _lines(graph: Graph) -> Iterator[str]:
    """Our file, as short as it can be: at most 10 MB are read."""
    yield from ("version: 1", "project: largest", "host: {max_parallel: 2}", "modes: {all: [w]}")
    yield from ("pipelines:", " w:", "  tasks:")
    for number, upstream in enumerate(graph):
        waits = f", depends_on: [{', '.join(f't{one}' for one in upstream)}]" if upstream else ""
        yield f"   t{number}: {{command: [{NO_OP}]{waits}}}"
    yield ""


def _told(folder: Path, label: str, words: tuple[str, ...]) -> None:
    watched = (sys.executable, "-IS", STOPWATCH, *ENTRY, *words)
    done = subprocess.run(watched, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True, check=True)
    code, wall, processor, memory = done.stdout.split()
    if code != "0":
        sys.exit(f"benchmarks: {label} ended with {code}")
    size = int(memory) * (1 if sys.platform == "darwin" else 1024)
    print(f"{label}: {float(wall):,.1f} s, of processor {float(processor):,.1f} s, {size / 1e6:,.0f} MB", flush=True)


def _size(folder: Path) -> str:
    places = subprocess.run(["du", "-sk", folder], capture_output=True, text=True, check=True).stdout.split()[0]
    return f"{int(places) / 1024:,.0f} MB on the disk"


if __name__ == "__main__":
    main()
