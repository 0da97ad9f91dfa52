"""W1 to W6: graphs that are run, by us and by every other tool that is here, in the same rounds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks import graphs, machine, tools
from benchmarks.graphs import Work, chain, independent, layered
from benchmarks.results import Options, Part, part
from benchmarks.timing import Case, measure

#: Peers that take so long that `--quick` leaves them out.
SLOW = ("luigi", "snakemake", "dagster", "prefect")


class Workload(NamedTuple):
    """Work, how often it is run, and by which tools: those with a number are timed only so often."""

    text: str
    work: Work
    rounds: int
    tools: Mapping[str, int | None]


FAST: dict[str, int | None] = {"make": None, "ninja": None}
WORKLOADS = {
    "W1": Workload("one no-op task, cold", Work(chain(1), 1), 25, {"make": None}),
    "W2": Workload("a chain of 4", Work(chain(4), 1), 25, {"make": None}),
    "W3": Workload("a chain of 100", Work(chain(100)), 15, FAST | {"doit": None} | dict.fromkeys(SLOW, 1)),
    "W4": Workload("1,000 independent", Work(independent(1000)), 11, FAST | {"doit": None} | dict.fromkeys(SLOW, 2)),
    "W4x": Workload("10,000 independent", Work(independent(10_000)), 3, FAST | {"doit": 1}),
    "W5": Workload(
        "1,000 in 20 layers, 3,000 edges",
        Work(layered(1000, 3000, 20)),
        11,
        FAST | {"doit": None} | dict.fromkeys(SLOW, 1),
    ),
    "W6a": Workload("8 lanes of 8 uneven sleeps", graphs.lanes(), 5, FAST | {"doit": 3}),
    "W6b": Workload("short sleeps first, a long chain last", graphs.chain_last(), 5, FAST | {"doit": 3}),
    "W6c": Workload("two chains first, one long sleep last", graphs.long_last(), 5, FAST | {"doit": 3}),
}


def run(name: str, root: Path, options: Options) -> Part:
    """Measure one workload. Our warm-up is the earlier run that durations are learned from."""
    load = WORKLOADS[name]
    wanted = [tool for tool in load.tools if not (options.quick and tool in SLOW)]
    found = tools.find(wanted, options.peers)
    ours = tools.run_ours(load.work, root / name / tools.OURS)
    others = [
        tools.run(tool, program, load.work, root / name / tool, load.tools[tool])
        for tool, program in found.programs.items()
    ]
    cases = [tools.bare(root), *others, ours]
    rounds = options.most(load.rounds)
    figures = measure(cases, rounds)
    check(ours, rounds + 1, len(load.work.graph))
    facts = {"text": load.text, "tasks": len(load.work.graph), "edges": graphs.edges(load.work.graph)}
    facts |= {"slots": load.work.slots, **machine.durability(store(ours)), "sync_s": machine.sync_seconds(root)}
    if load.work.seconds:
        facts["bound_s"] = graphs.bound_s(load.work.graph, load.work.seconds, load.work.slots)
    left_out = {tool: "left out by --quick" for tool in load.tools if tool not in wanted}
    return part(cases, figures, facts, found.versions, {**found.missing, **left_out})


def store(ours: Case) -> Path:
    """The store that our runs write."""
    return ours.folder / "state" / "tetra.db"


def check(ours: Case, runs: int, tasks: int) -> None:
    """AssertionError unless our runs are all in the store, and left a log for each task."""
    assert machine.recorded(store(ours)) == runs, machine.recorded(store(ours))
    logs = sum(1 for _ in ours.folder.glob("logs/runs/*/*.log"))
    assert logs == runs * tasks, f"{logs} logs of {runs} runs of {tasks} tasks"
