"""W7: the plan of one graph of 10,000 tasks, asked of us and of other tools in the same rounds. Nothing is run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import graphs
from benchmarks.graphs import Graph
from benchmarks.timing import Figure, measure
from benchmarks.workloads import ENTRY, Case, environment, program

TASKS, EDGES, LAYERS = 10_000, 30_000, 100
CHAIN = 100_000
SLOW = 3  # rounds of a peer that takes a minute
#: Where peers in Python are looked for, each in an environment of its own.
PEERS = Path(".venv/peers")
MAKE, CACHED, FIRST, DRY, LONG, LONG_CACHED = "make", "cached", "first", "dry", "long", "long cached"
#: The most that a cached answer may take of make's time, and the first load of processor seconds.
MOST_OF_MAKE, MOST_CPU_S, TIMES_FASTER = 1.0, 1.0, 5.0
HEAD = ("command", "wall ms", "CPU ms", "wall ÷ `make -n`", "CPU ÷ first load", "rounds")


class Peer(NamedTuple):
    """A tool in Python: what pip installs, and what its interpreter is given to read the graph."""

    package: str
    version: str
    label: str
    argv: tuple[str, ...]


PYTHON_PEERS = {
    "snakemake": Peer(
        "snakemake", "9.27.1", "`snakemake -n`", ("-m", "snakemake", "-n", "--quiet", "rules", "--cores", "1")
    ),
    "dagster": Peer("dagster", "1.13.27", "Dagster: a job of ops and its `Definitions`", ("work.py",)),
    "airflow": Peer("apache-airflow", "3.3.2", "Airflow: a DAG of operators", ("work.py",)),
}

SECTION = """\
## W7: planning {tasks:,} tasks

Measured on {date}, load average {load} before; {rounds} rounds.
{versions}.

{table}

{verdicts}

A chain of {chain:,} tasks is validated without recursion: the first time in {long_wall:.1f} s ({long_cpu:.1f} s of the
processor, {long_memory:.0f} MB of memory), from what was kept in {kept_wall:.0f} ms.

- One random graph of {tasks:,} tasks and {edges:,} edges in {layers} layers, from a fixed seed, is given to every tool.
  Ours is a native file in YAML blocks, as a person writes it, of {size:.1f} MB. Nothing is run.
- Whole processes are measured, from start to end, with all their output going to `/dev/null`. CPU is the time of the
  processor in user and system mode, memory the most that was resident. Ratios are those of medians.
- "First" means that `state/cache` was removed before; "cached" that the file's content is as it was the last time, of
  which a hash tells. `validate` then prints the plan that was kept, while `run --dry-run` takes the parsed project from
  the cache, and decides, forecasts and prints every task and its command anew.
- `make -n` and `ninja -n` print what they would run. snakemake does so too, told to say little. For Dagster and Airflow
  only the Python file that builds the job and its `Definitions`, or the DAG, is executed; what their command lines and
  databases add is left out.
- What takes long is timed {slow} times, spread over the rounds, and not once before.
- A peer in Python has an environment of its own: `python3 -m venv {peers}/NAME`, then
  `{peers}/NAME/bin/pip install` {packages}.
"""


class Planning(NamedTuple):
    """What was measured, and which tools were not there."""

    cases: Sequence[Case]
    figures: Mapping[str, Figure]
    missing: Mapping[str, str]
    versions: str
    size: int


def plan(root: Path, rounds: int, peers: Path) -> Planning:
    """Write the graph for every tool that is there, and measure them."""
    graph = graphs.layered(TASKS, EDGES, LAYERS)
    assert graphs.edges(graph) == EDGES, graphs.edges(graph)
    found, missing, versions = _others(graph, root, peers)
    cases = [*found, *_ours(graph, root), *_chain(root)]
    figures = measure(cases, rounds, environment())
    size = (root / "W7 first" / "orchestration.yaml").stat().st_size
    return Planning(cases, figures, missing, "; ".join(versions), size)


def section(done: Planning, *, date: object, load: float, rounds: int) -> str:
    """The part of the page about planning."""
    long = done.figures[LONG]
    return SECTION.format(
        tasks=TASKS,
        edges=EDGES,
        layers=LAYERS,
        date=date,
        load=f"{load:.1f}",
        rounds=rounds,
        versions=done.versions,
        table=_table(done),
        verdicts=_verdicts(done.figures),
        chain=CHAIN,
        long_wall=long.median,
        long_cpu=long.cpu,
        long_memory=long.memory / 1e6,
        kept_wall=done.figures[LONG_CACHED].median * 1e3,
        size=done.size / 1e6,
        slow=SLOW,
        peers=PEERS,
        packages=", ".join(f"`{peer.package}=={peer.version}`" for peer in PYTHON_PEERS.values()),
    )


def _ours(graph: Graph, root: Path) -> list[Case]:
    """Our cases, each in a folder of its own, so that removing one's cache leaves the others theirs."""
    validate, dry_run = (*ENTRY, "validate"), (*ENTRY, "run", "--mode", "all", "--dry-run")
    folders = {name: root / f"W7 {name}" for name in (CACHED, FIRST, DRY)}
    for folder in folders.values():
        graphs.write("ours", graph, folder)
    return [
        Case(CACHED, "**`validate`, cached**", validate, folders[CACHED]),
        Case(DRY, "`run --dry-run`, cached", dry_run, folders[DRY]),
        Case(FIRST, "**`validate`, first**", validate, folders[FIRST], without=folders[FIRST] / "state" / "cache"),
    ]


def _chain(root: Path) -> list[Case]:
    folders = root / "W7 long", root / "W7 long cached"
    for folder in folders:
        graphs.write("ours", graphs.chain(CHAIN), folder)
    validate = (*ENTRY, "validate")
    return [
        Case(LONG, "", validate, folders[0], times=SLOW, without=folders[0] / "state" / "cache"),
        Case(LONG_CACHED, "", validate, folders[1]),
    ]


def _others(graph: Graph, root: Path, peers: Path) -> tuple[list[Case], dict[str, str], list[str]]:
    """The other tools' cases, why some are not there, and the versions of those that are."""
    made = program("make"), "-n"
    cases = [Case(MAKE, "`make -n`", made, root / "W7 make")]
    missing, versions = {}, [_version(made[:1])]
    graphs.write("make", graph, root / "W7 make")
    ninja = shutil.which("ninja")
    if ninja:
        graphs.write("ninja", graph, root / "W7 ninja")
        cases.append(Case("ninja", "`ninja -n`", (ninja, "-n"), root / "W7 ninja"))
        versions.append(f"ninja {_version((ninja,))}")
    else:
        missing["`ninja -n`"] = "ninja is not on PATH"
    for name, peer in PYTHON_PEERS.items():
        python = (peers / name / "bin" / "python").absolute()
        found = _installed(python, peer.package)
        if found is None:
            missing[peer.label] = f"`{PEERS / name}` has no {peer.package}"
            continue
        folder = root / f"W7 {name}"
        graphs.write(name, graph, folder)
        home = (f"{name.upper()}_HOME={folder / 'home'}",)
        (folder / "home").mkdir()
        cases.append(Case(name, peer.label, ("env", *home, str(python), *peer.argv), folder, times=SLOW))
        versions.append(f"{peer.package} {found}")
    return cases, missing, versions


def _installed(python: Path, package: str) -> str | None:
    """The version of a package in another environment, None where it is not there."""
    if not os.path.exists(python):
        return None
    ask = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def _version(argv: tuple[str, ...]) -> str:
    done = subprocess.run([*argv, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


def _table(done: Planning) -> str:
    rows = [HEAD, ("---", *("--:",) * (len(HEAD) - 1))]
    rows += [_row(case, done.figures) for case in done.cases if case.label]
    rows += [(label, f"not measured here: {why}", *("",) * (len(HEAD) - 2)) for label, why in done.missing.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return "\n".join(f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows)


def _row(case: Case, figures: Mapping[str, Figure]) -> tuple[str, ...]:
    own = figures[case.name]
    return (
        case.label,
        f"{own.median * 1e3:,.0f}",
        f"{own.cpu * 1e3:,.0f}",
        f"{own.median / figures[MAKE].median:.2f}",
        f"{own.cpu / figures[FIRST].cpu:.2f}",
        f"{own.rounds}",
    )


def _verdicts(figures: Mapping[str, Figure]) -> str:
    """What is demanded of planning, and whether it holds."""
    cached, first = figures[CACHED], figures[FIRST]
    share = max(cached.median / figures[MAKE].median, cached.cpu / figures[MAKE].cpu)
    lines = [
        _verdict(share <= MOST_OF_MAKE, f"cached at most {MOST_OF_MAKE:g} x `make -n`: {share:.2f} x"),
        _verdict(first.cpu < MOST_CPU_S, f"first load under {MOST_CPU_S:g} s of processor: {first.cpu:.2f} s"),
    ]
    for name in PYTHON_PEERS:
        if name in figures:
            times = min(figures[name].median / first.median, figures[name].cpu / first.cpu)
            text = f"first load at least {TIMES_FASTER:g} times faster than {name}: {times:.1f} times"
            lines.append(_verdict(times >= TIMES_FASTER, text))
    return "\n".join(lines)


def _verdict(holds: bool, text: str) -> str:
    return f"- {text}: {'met' if holds else '**missed**'}"
