"""The page of figures, from the parts of a file alone: what is not in them, the page says was not measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.gates import judge
from benchmarks.graphs import NO_OP
from benchmarks.results import Part, Parts
from benchmarks.table import Row, figure_rows, gate_rows, markdown, short
from benchmarks.tools import PEERS, TOOLS

HEAD = """\
# Benchmarks

Written by `make bench ARGS="--out docs/benchmarks.json"`. Trust the ratios, not the milliseconds.

{measured}

**bare** is `python -c pass` in the environment that we run in. A budget is at most (≤) or at least (≥) so many times of
something; a release keeps its gates and works towards its aims. `python -m benchmarks.gate FILE` judges the file beside
this page, and exits 1 unless every gate holds.

"""
INTRO = {
    "W1": "W1 and W2: one no-op task and a chain of four, cold",
    "W3": "W3 to W5: running no-op tasks",
    "W6": "W6: uneven tasks",
    "W7": "W7: planning 10,000 tasks",
    "W8": "W8: between runs",
    "W9": "W9: commands that run nothing",
    "W10": "W10: a gigabyte of output",
    "W11": "W11: looking back over a long history",
    "W12": "W12: a backfill of a year",
    "W13": "W13: looking at what attempts take",
    "W14": "W14: one more task",
    "W15": "W15: the same project in Dagster",
    "W16": "W16: on Slurm",
}
PLANNING = """\

- One random graph of {tasks:,} tasks and {edges:,} edges in {layers} layers, from a fixed seed, is given to every tool.
  Ours is a native file in YAML blocks, as a person writes it, of {size:.1f} MB. Nothing is run.
- "First" means that `state/cache` was removed before; "cached" that the file's content is as it was the last time, of
  which a hash tells. `validate` then prints the plan that was kept, while `run --dry-run` takes the parsed project from
  the cache, and decides, forecasts and prints every task and its command anew.
- `make -n` and `ninja -n` print what they would run. snakemake does so too, told to say little. For Dagster and Airflow
  only the Python file that builds the job and its `Definitions`, or the DAG, is executed; what their command lines and
  databases add is left out.
"""
IDLE = """\
Nothing of ours stays alive for schedules to fire: {processes} processes had to do with the project's folder behind a
run, by the same look among all processes that found {processes_during} during it.
"""
LOOKING = """\
{attempts} attempts with {processes:,} processes in all that do nothing are looked at for {seconds:.0f} s: our process
takes {share:.2%} of one CPU for that and for all else, and {share_idle:.2%} with one process in each attempt.
One look at all of them takes {look_ms:.0f} ms of processor, and {psutil_ms:.0f} ms by psutil, as other tools look.
"""
SIMULATED = """\
Simulated by the plan that a run performs, {seeds} graphs a row. Durations are log-normal; those learned from an earlier
run are off by 30 % (sigma of their logarithm). With nothing learned, the plan goes by the number of tasks behind.
"""
BACKFILL = """\

Each of the {days} days is a run of its own: with its locks, its row, its log, its verdict, and three commits. That is
{alone:.1f} ms for a day, {crew:.1f} ms with two processes, beside {chain:.1f} ms for a task of the chain, all with the
start of the command.
"""
WAYS = {
    "make": "make",
    "ours": "**`run`**",
    "wrapped": "**`run`**, `survive: true`",
    "dagster": "**Dagster**, our project in one process",
}
OVERHEAD = """\

One more no-op task takes, by the difference of the two sizes, in ms:

{table}

Two run at a time, in Dagster one. `survive: true` gives each task a Python interpreter that outlives the run.
[What that means for large graphs](explanation/scale.md).
"""
IN_DAGSTER = """\

Four no-op tasks by `dagster job execute`, each with a log, in a home of Dagster that exists already: a chain with the
executor of one process, and a diamond with a process for each op, two at a time. An op of ours is a run of ours of one
task, with its time limit, its row and its log, in a process that is started for it; one by hand is `subprocess.run`.
Ours has the processes of ops forked from one that has imported Dagster, which anybody's executor can be told to do.
"""
CLUSTER = """\

{tasks} independent no-op tasks, each with a log: {array:.1f} ms each by `sbatch --array`, {ours:.1f} ms each by `run`,
its start included. The cluster is Slurm of Debian, as it comes, with {nodes} nodes of {cpus} processors each, all on
this one machine: nothing here waits for a network, and they share the processors with the controller. Of an array, a
worker of ours that has done its task within 5 s takes up further ones, so few interpreters are started; a task that
takes longer has one of its own, which takes some 50 ms of processor.
"""
OUTPUT = """\

Without what starting takes, which is what the same takes with nothing to print:

{table}

The program prints lines of {line} bytes in blocks. Each time has a new file for the log, which is removed behind it.
"""
HISTORY = """\

The store holds {runs:,} runs of {tasks:,} tasks in all, each with its attempt, and is a file of {size:,.0f} MB. Of its
20 pipelines one has failed since the first run, one has never succeeded, and one was left out of all runs but the
first: what was last known of them has to be looked for the longest. `--tag owner=nobody` fits no run.
"""
TAIL = """\
## How

- Every round runs each command once, in an order that rotates by one from round to round, after a warm-up. What takes
  long is timed fewer times, after the rounds, and not once before. Before each time, whatever earlier ones wrote is put
  on the disk. The time is the wall clock from starting the process to its end, its output going to `/dev/null`; a
  command that does not succeed ends the benchmark. Ratios are those of the medians. CPU is that of the processor in
  user and system mode, of the process and all that it waited for; memory is the most that was resident in the largest
  of them, where less than the 10 MB of the interpreter that starts the clock cannot be told.
- The configuration holds nothing but the tasks (`{no_op}`, run without a shell, where they are no-ops) and
  `host: {{max_parallel: ...}}`, so every other setting is the shipped default: a log for each attempt and a durable
  store, which exists already. That its connections have `synchronous` FULL was asked of one, and what a run has put on
  the disk was counted by strace in runs of their own. After the rounds the store held every run, and each task had
  left its log.
- Our commands are started as `python -m tetra_orchestrator`, as the wrappers and timers start them. Bytecode is
  compiled, files are in the page cache, and what we keep of a configuration is there: "cold" means a new process.
- Every tool gets the same graph, the same number of tasks at a time and, before the clock starts, a new folder for its
  logs; a log that is not there ends the benchmark.
- A peer in Python has an environment of its own: `python3 -m venv {peers}/NAME`, then
  `{peers}/NAME/bin/pip install PACKAGES`:
{packages}

## What stands in the way of the aims

By profiles on the machine of the published figures, outside the rounds:

- W3 to W5: a third of the time of W5 is SQLite's, of which most is waiting for the disk: each turn of the loop is
  durable before anything is started. A quarter is `posix_spawn`, which waits until the program is loaded, and a
  twentieth is making the folder for checkpoints that every task finds. The rest is Python.
- A journal kept from one run to the next would spare growing it, and 4 % of W5. It is not kept: a store restored by
  copying a file beside an old journal would be damaged.
- W1: a third is the bare interpreter, and most of the rest is importing our modules and SQLite. A timer's guard does
  the same and keeps the ledger of slots beside it, which is one commit and some modules more: `fire` in W9.
- W6: each task starts about 2 ms after the one before has ended, as the machine wakes from a pause; `sleep` itself is
  1.6 ms late.
- W7, for the first time: reading YAML's events and checking the document by pydantic are most of it.
- Memory: the graph, its reasons and what is known of each task are kept until the run is over.

## Cautions

- It is not equal work. make and ninja keep no durable state, have no time limits, retries or events, and need a shell
  for each task to give it a log of its own, as doit does, which writes its state at the end; we do not. luigi knows of
  a task what its log tells, which is all its state. Dagster performs all tasks in one process,
  one after the other: its other executor takes many times as long. Prefect starts its own server and ends it, as it
  does where there is none.
- What is asked for beside luigi, Prefect, Dagster and snakemake was set on another machine, where they took longer
  beside make; the column `÷ make` says what even make does not reach here.
- Ratios move by a tenth from one run to the next on a machine that does other things too; a verdict that close to its
  budget is not settled by one run. Figures of one, two or three rounds show the order of magnitude.
- The first command after a change of the configuration reads and checks it anew; only the table of W7 shows that.
- On a few no-op tasks make wins and will go on winning: it is done before a bare interpreter has started.
- macOS is not measured.
"""


def render(parts: Parts) -> str:
    """The whole page."""
    packages = "\n".join(f"  `{' '.join(tool.packages)}`" for tool in TOOLS.values() if tool.packages)
    makers = (_running, _uneven, _planning, _idle, _commands, _output, _history, _backfill, _looking)
    sections = [make(parts) for make in (*makers, _overhead, _in_dagster, _cluster)]
    budgets = f"## Budgets\n\n{markdown(gate_rows(judge(parts)))}\n"
    tail = TAIL.format(no_op=NO_OP, peers=PEERS, packages=packages)
    found = [HEAD.format(measured=_measured(parts)), budgets, *filter(None, sections), tail]
    return "\n".join(f"{section.rstrip()}\n" for section in found)


def _measured(parts: Parts) -> str:
    """Where and when, and in which versions: each said once where it is the same for all."""
    lines = [f"- tetra-orchestrator {version}" for version in _distinct(parts, "tetra_orchestrator")]
    lines += [f"- {machine}" for machine in _distinct(parts, "machine")]
    versions = {tool: version for part in parts.values() for tool, version in part["versions"].items()}
    lines.append(f"- {', '.join(f'{tool} {version}' for tool, version in versions.items() if tool != 'ours')}")
    durable = next((part["facts"] for part in parts.values() if "synchronous" in part["facts"]), None)
    if durable:
        lines.append(
            "- SQLite {sqlite}, journal {journal}, synchronous {synchronous}; appending a page and syncing it takes "
            "{ms:.2f} ms on this disk".format(**durable, ms=durable["sync_s"] * 1e3)
        )
    when = sorted(part["measured_at"] for part in parts.values())
    loads = [part["load"] for part in parts.values()]
    if when:
        lines.append(
            f"- measured from {when[0]} to {when[-1]}; load average {min(loads)} to {max(loads)} before a part"
        )
    return "\n".join(lines)


def _distinct(parts: Parts, key: str) -> Iterable[str]:
    return dict.fromkeys(part[key] for part in parts.values())


def _running(parts: Parts) -> str:
    text = ""
    for title, names, base in (
        ("W1", ("W1", "W2"), {"bare": "bare", "make": "make"}),
        ("W3", ("W3", "W4", "W4x", "W5"), {"make": "make", "ninja": "ninja"}),
    ):
        measured = [name for name in names if name in parts]
        tables = [_workload(name, parts[name], base) for name in measured]
        text += f"## {INTRO[title]}\n\n" + "\n".join(tables) + "\n" if tables else ""
    return text + (_syncs(parts["syncs"]) if "syncs" in parts else "")


def _workload(name: str, part: Part, base: Mapping[str, str]) -> str:
    slots = part["facts"]["slots"]
    title = f"**{name}**: {part['facts']['text']}, {slots} at a time" + _left_out(part)
    figures = {case: row for case, row in part["figures"].items() if case != "bare" or "bare" in base}
    rows = figure_rows({**part, "figures": figures}, base, processor=True, memory=True)
    return f"{title}\n\n{markdown(rows)}\n"


def _left_out(part: Part) -> str:
    said: dict[str, list[str]] = {}
    for tool, why in part["missing"].items():
        said.setdefault(why, []).append(tool)
    texts = [f"{', '.join(tools)} ({why})" for why, tools in said.items()]
    return f".\nNot measured: {', '.join(texts)}." if texts else "."


def _syncs(part: Part) -> str:
    if part["missing"]:
        return f"Syncs were not counted{_left_out(part)}\n"
    said = [f"{found['syncs']:,} in {name} ({found['tasks']:,} tasks)" for name, found in part["facts"].items()]
    return f"A run syncs its store (`fdatasync` and `fsync` by strace):\n{', '.join(said)}.\n"


def _uneven(parts: Parts) -> str:
    names = [name for name in ("W6a", "W6b", "W6c") if name in parts]
    head: Row = ("", "bound s", *dict.fromkeys(case for name in names for case in parts[name]["figures"]))
    rows = [_uneven_row(name, parts[name], head[2:]) for name in names]
    table = markdown([[*head[:2], *(f"{case} ÷ bound" for case in head[2:] if case != "bare")], *rows]) if rows else ""
    simulated = _simulated(parts["W6s"]) if "W6s" in parts else ""
    if not (table or simulated):
        return ""
    return f"## {INTRO['W6']}\n\n" + "\n".join(filter(None, [table and table + "\n", simulated]))


def _uneven_row(name: str, part: Part, cases: Row) -> Row:
    bound, figures = part["facts"]["bound_s"], part["figures"]
    ratios = [short(figures[case]["wall_s"] / bound) if case in figures else "" for case in cases if case != "bare"]
    return [f"{name}: {part['facts']['text']}, {part['facts']['slots']} at a time", f"{bound:g}", *ratios]


def _simulated(part: Part) -> str:
    families: list[Row] = [("random graphs", "slots", "mean ÷ bound", "95 of 100 below", "mean with nothing learned")]
    for one in part["facts"]["families"]:
        text = f"{one['tasks']:,} tasks, {one['edges']:,} edges, {one['layers']} layers, sigma {one['sigma']:g}"
        families.append((text, str(one["slots"]), *(f"{one[key]:.3f}" for key in ("mean", "p95", "unlearned_mean"))))
    flows: list[Row] = [("workflow", "tasks", "slots", "÷ best list schedule", "÷ bound")]
    for one in part["facts"]["workflows"]:
        ratios = f"{one['of_best']:.4f}", f"{one['of_bound']:.4f}"
        flows.append((one["name"], f"{one['tasks']:,}", str(one["slots"]), *ratios))
    text = f"{SIMULATED.format(**part['facts'])}\n{markdown(families)}\n"
    if len(flows) > 1:
        text += f"\nWorkflows of scientists (WfCommons), the mean of ten such earlier runs:\n\n{markdown(flows)}\n"
    return text + (f"\nNot simulated: {', '.join(part['missing'].values())}.\n" if part["missing"] else "")


def _planning(parts: Parts) -> str:
    part = parts.get("W7")
    if part is None:
        return ""
    rows = markdown(figure_rows(part, {"make": "`make -n`", "first": "first"}, processor=True, memory=True))
    facts = part["facts"]
    return f"## {INTRO['W7']}\n\n{rows}\n" + PLANNING.format(**facts, size=facts["bytes"] / 1e6)


def _idle(parts: Parts) -> str:
    return f"## {INTRO['W8']}\n\n" + IDLE.format(**parts["W8"]["facts"]) if "W8" in parts else ""


def _commands(parts: Parts) -> str:
    if "W9" not in parts:
        return ""
    return f"## {INTRO['W9']}\n\n{markdown(figure_rows(parts['W9'], {'bare': 'bare'}, processor=True))}\n"


def _history(parts: Parts) -> str:
    part = parts.get("W11")
    if part is None:
        return ""
    table = markdown(figure_rows(part, {"bare": "bare"}, processor=True, memory=True))
    return f"## {INTRO['W11']}\n\n{table}\n" + HISTORY.format(**part["facts"], size=part["facts"]["bytes"] / 1e6)


def _backfill(parts: Parts) -> str:
    part = parts.get("W12")
    if part is None:
        return ""
    table = markdown(figure_rows(part, {"chain": "chain"}, processor=True))
    told = BACKFILL.format(days=part["facts"]["days"], **part["facts"]["each_ms"])
    return f"## {INTRO['W12']}\n\n{table}\n{told}"


def _looking(parts: Parts) -> str:
    return f"## {INTRO['W13']}\n\n" + LOOKING.format(**parts["W13"]["facts"]) if "W13" in parts else ""


def _overhead(parts: Parts) -> str:
    part = parts.get("W14")
    if part is None:
        return ""
    table = markdown(figure_rows(part, processor=True, memory=True))
    rows: list[Row] = [("way", "by the clock", "of processor")]
    for name, label in WAYS.items():
        if f"{name}_ms" in part["facts"]:
            found = [part["facts"].get(f"{name}{key}") for key in ("_ms", "_cpu_ms")]
            rows.append((label, *("" if one is None else short(one) for one in found)))
    return f"## {INTRO['W14']}\n\n{table}\n{OVERHEAD.format(table=markdown(rows))}"


def _in_dagster(parts: Parts) -> str:
    part = parts.get("W15")
    if part is None:
        return ""
    if part["missing"]:
        return f"## {INTRO['W15']}\n\nNot measured: {', '.join(part['missing'].values())}.\n"
    bases = {"hand": "chain by hand", "hand many": "diamond by hand"}
    return f"## {INTRO['W15']}\n\n{markdown(figure_rows(part, bases))}\n{IN_DAGSTER}"


def _cluster(parts: Parts) -> str:
    part = parts.get("W16")
    if part is None:
        return ""
    if part["missing"]:
        return f"## {INTRO['W16']}\n\nNot measured: {', '.join(part['missing'].values())}.\n"
    facts = part["facts"]
    return f"## {INTRO['W16']}\n\n{markdown(figure_rows(part))}\n" + CLUSTER.format(**{**facts, **facts["each_ms"]})


def _output(parts: Parts) -> str:
    part = parts.get("W10")
    if part is None:
        return ""
    labels = {"redirect": "a shell's redirect", "ours": "**`run`**", "secret": "**`run`**, a secret to mask"}
    rows: list[Row] = [("", "MB/s")]
    rows += [(labels[name], f"{speed:,.0f}") for name, speed in part["facts"]["megabytes_per_s"].items()]
    told = OUTPUT.format(table=markdown(rows), line=part["facts"]["line"])
    missing = "".join(f"\nNot measured: {why}.\n" for why in part["missing"].values())
    return f"## {INTRO['W10']}\n\n{markdown(figure_rows(part, memory=True))}\n{told}{missing}"
