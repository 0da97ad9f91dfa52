"""W7: the plan of one graph of 10,000 tasks, asked of us and of other tools in the same rounds. Nothing is run."""

from __future__ import annotations

from pathlib import Path

from benchmarks import graphs, tools, written
from benchmarks.graphs import Work
from benchmarks.results import Options, Part, part
from benchmarks.timing import Case, measure
from benchmarks.tools import ENTRY

TASKS, EDGES, LAYERS = 10_000, 30_000, 100
CHAIN = 100_000
ROUNDS = 11
SLOW = 2  # rounds of what takes long
PEERS = {"make": None, "ninja": None, "snakemake": SLOW, "dagster": SLOW, "airflow": SLOW}
QUICK = ("make", "ninja")


def plan(root: Path, options: Options) -> Part:
    """Write the graph for every tool that is there, and measure them."""
    work = Work(graphs.layered(TASKS, EDGES, LAYERS))
    wanted = QUICK if options.quick else tuple(PEERS)
    found = tools.find(wanted, options.peers)
    others = [
        tools.plan(tool, program, work, root / "W7" / tool, PEERS[tool]) for tool, program in found.programs.items()
    ]
    ours = _ours(work, root / "W7")
    cases = [*others, *ours, *_chain(root / "W7")]
    figures = measure(cases, options.most(ROUNDS))
    facts = {"tasks": TASKS, "edges": EDGES, "layers": LAYERS, "chain": CHAIN}
    facts["bytes"] = (ours[0].folder / "orchestration.yaml").stat().st_size
    left_out = {tool: "left out by --quick" for tool in PEERS if tool not in wanted}
    return part(cases, figures, facts, found.versions, {**found.missing, **left_out})


def _ours(work: Work, root: Path) -> list[Case]:
    """Our cases, each in a folder of its own, so that removing one's cache leaves the others theirs."""
    validate, dry_run = (*ENTRY, "validate"), (*ENTRY, "run", "--mode", "all", "--dry-run")
    folders = {name: root / name for name in ("cached", "dry", "first")}
    for folder in folders.values():
        written.write(tools.OURS, work, folder)
    return [
        Case("cached", "**`validate`, cached**", validate, folders["cached"]),
        Case("dry", "`run --dry-run`, cached", dry_run, folders["dry"]),
        Case("first", "**`validate`, first**", validate, folders["first"], leaves=folders["first"] / "state" / "cache"),
    ]


def _chain(root: Path) -> list[Case]:
    folders = root / "long", root / "long cached"
    for folder in folders:
        written.write(tools.OURS, Work(graphs.chain(CHAIN)), folder)
    validate = (*ENTRY, "validate")
    label = f"`validate` of a chain of {CHAIN:,}"
    return [
        Case("long", f"{label}, first", validate, folders[0], times=SLOW, leaves=folders[0] / "state" / "cache"),
        Case("long cached", f"{label}, cached", validate, folders[1]),
    ]
