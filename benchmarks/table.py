"""The page: the table of figures beside their budgets, and what to keep in mind about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.timing import Figure
from benchmarks.workloads import BARE, Case

HEAD = ("", "command", "median ms", "least ms", "÷ bare", "÷ make", "gate", "aim", "")
PAGE = """\
# Benchmarks

Written by `make bench ARGS="--out docs/benchmarks.md"` on {date}. Trust the ratios, not the milliseconds.

- tetra-orchestrator {version} on {machine}
- {store}; appending a page and syncing it takes {sync:.2f} ms on this disk
- load average {load} before; {rounds} rounds after a warm-up

{table}

**bare** is `python -c pass` in the same environment. **W1** is one no-op task (`{no_op}`, run without a shell), **W2**
a chain of four, **W9** the commands that run nothing. Gates and aims are times bare: a release keeps its gates and
works towards its aims.

{planning}
## How

- Every round runs each command once, in an order that rotates by one from round to round. The time is the wall clock
  from starting the process to its end, its output going to `/dev/null`; a command that does not succeed ends the
  benchmark. Ratios are those of the medians.
- The configuration holds nothing but the tasks, so every setting is the shipped default: a log for each attempt and a
  durable store, which exists already. That its connections have `synchronous` {synchronous} was asked of one.
- Our commands are started as `python -m tetra_orchestrator`, as the wrappers and timers start them. Bytecode is
  compiled, files are in the page cache, and what we keep of a configuration is there: "cold" means a new process.

## Cautions

- `run` goes through the full command line. `fire`, which the gate of 3.5 times bare (aim: 2) for W1 is for, comes with
  schedules; until then `run` is held to what any other command is.
- Ratios move by a tenth from one run to the next on a machine that does other things too; a verdict that close to its
  budget is not settled by one run.
- It is not equal work. make keeps no state, so nothing of its run survives but the logs, and it has no time limits,
  retries or events. It needs a shell for each task to give it a log of its own; we do not.
- The first command after a change of the configuration reads and checks it anew; only the table of W7 shows that.
- On a few no-op tasks make wins and will go on winning: it is done before a bare interpreter has started. What a task
  costs once we are up shows only in longer chains.
- Not measured yet: running long chains, wide and layered graphs (W3 to W5), uneven tasks (W6), one gigabyte of output
  (W10), peers other than make at anything but planning, and macOS. W8, what must stay alive between runs, is nothing by
  design.
"""


def verdict(case: Case, figures: Mapping[str, Figure]) -> str:
    """Which of its budgets the case keeps; "" where it has none."""
    if case.budget is None:
        return ""
    ratio = figures[case.name].median / figures[BARE].median
    if ratio <= case.budget.aim:
        return "aim met"
    return "gate met" if ratio <= case.budget.gate else "**over**"


def render(cases: Sequence[Case], figures: Mapping[str, Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [HEAD, ("---", "---", *("--:",) * 6, "---"), *(_row(case, figures) for case in cases)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return "\n".join(f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows)


def _row(case: Case, figures: Mapping[str, Figure]) -> tuple[str, ...]:
    own, bare = figures[case.name], figures[BARE]
    return (
        case.workload,
        case.label,
        f"{own.median * 1e3:.1f}",
        f"{own.least * 1e3:.1f}",
        f"{own.median / bare.median:.2f}",
        f"{own.median / figures[case.peer].median:.1f}" if case.peer else "",
        f"{case.budget.gate:g}" if case.budget else "",
        f"{case.budget.aim:g}" if case.budget else "",
        verdict(case, figures),
    )
