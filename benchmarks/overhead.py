"""W14: what one more task costs by each way of running it: the difference of two runs of unlike sizes, shared out."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from benchmarks import in_dagster, tools, written
from benchmarks.graphs import Work, independent
from benchmarks.results import Options, Part, part
from benchmarks.timing import Case, measure
from benchmarks.tools import ENTRY

ROUNDS = 7


class Way(NamedTuple):
    """A way of running tasks: its sizes are so far apart that what one run costs does not matter.

    What a command does not wait for is not counted of the processor: then it is not `counted` at all.
    """

    name: str
    label: str
    sizes: tuple[int, int]
    case: Callable[[Work, Path], Case]
    counted: bool = True


def add(root: Path, options: Options) -> Part:
    """Milliseconds for one more no-op task: two at a time by make, by us and in wrappers, one at a time in Dagster."""
    make = shutil.which("make") or "make"
    ways = [
        Way("make", "make", (200, 1200), lambda work, folder: tools.run("make", make, work, folder, None)),
        Way(tools.OURS, "**`run`**", (200, 1200), tools.run_ours),
        Way("wrapped", "**`run`**, `survive: true`", (10, 60), _wrapped),
    ]
    missing = {}
    if find_spec("dagster"):
        ways.append(Way("dagster", "**Dagster**, our project in one process", (4, 24), _in_dagster, counted=False))
    else:
        missing["dagster"] = "pip install 'tetra-orchestrator[dagster]'"
    cases = [_sized(way, size, root) for way in ways for size in way.sizes]
    figures = measure(cases, options.most(ROUNDS))
    facts = {}
    for way in ways:
        few, many = (figures[f"{way.name} {size}"] for size in way.sizes)
        more = (way.sizes[1] - way.sizes[0]) / 1e3
        facts[f"{way.name}_ms"] = (many.wall_s - few.wall_s) / more
        if way.counted:
            facts[f"{way.name}_cpu_ms"] = (many.cpu_s - few.cpu_s) / more
    return part(cases, figures, facts, {}, missing)


def _sized(way: Way, size: int, root: Path) -> Case:
    case = way.case(Work(independent(size)), root / f"{way.name} {size}")
    return case._replace(name=f"{way.name} {size}", label=f"{way.label}, {size:,} tasks")


def _wrapped(work: Work, folder: Path) -> Case:
    """Our run, each task in a process of ours that outlives the run."""
    folder.mkdir()
    text = written.native(work).replace("        command:", "        survive: true\n        command:")
    (folder / "orchestration.yaml").write_text(text, encoding="utf-8")
    return Case("wrapped", "", (*ENTRY, "run", "--mode", "all"), folder)


def _in_dagster(work: Work, folder: Path) -> Case:
    """A Dagster job that is made of our file."""
    written.write(tools.OURS, work, folder)
    (folder / "work.py").write_text(in_dagster.OURS, encoding="utf-8")
    (folder / "home").mkdir()
    (folder / "home" / "dagster.yaml").write_text(in_dagster.HOME, encoding="utf-8")
    environ = (("DAGSTER_HOME", str(folder / "home")), ("DAGSTER_DISABLE_TELEMETRY", "yes"))
    argv = (sys.executable, "-m", "dagster", "job", "execute", "-f", "work.py", "-j", "all")
    return Case("dagster", "", argv, folder, environ=environ)
