"""`python -m benchmarks`: measure, print the page, and keep it where `--out` says."""

from __future__ import annotations

import argparse
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, planning, table, workloads
from benchmarks.timing import measure
from tetra_orchestrator import __version__

LEAST_ROUNDS = 9


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure against the budgets.")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help=f"at least {LEAST_ROUNDS} (default: 15)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the page there as well")
    parser.add_argument("--peers", type=Path, default=planning.PEERS, metavar="DIR", help="environments of other tools")
    parser.add_argument("--planning", action="store_true", help="measure planning alone, print that part of the page")
    given = parser.parse_args()
    if given.rounds < LEAST_ROUNDS:
        parser.error(f"--rounds {given.rounds} is too few: a median of fewer than {LEAST_ROUNDS} tells little")
    with tempfile.TemporaryDirectory(prefix="tetra-bench-") as folder:
        plans = _planning(Path(folder), given.rounds, given.peers)
        page = plans if given.planning else _page(Path(folder), given.rounds, plans)
    print(page, end="")
    if given.out:
        given.out.write_text(page, encoding="utf-8")


def _planning(folder: Path, rounds: int, peers: Path) -> str:
    load = os.getloadavg()[0]
    done = planning.plan(folder, rounds, peers)
    return planning.section(done, date=datetime.now(UTC).date(), load=load, rounds=rounds)


def _page(folder: Path, rounds: int, plans: str) -> str:
    load = os.getloadavg()[0]
    chains = [workloads.make_chain(folder, "W1", 1), workloads.make_chain(folder, "W2", 4)]
    cases = workloads.cases(chains)
    durable = machine.durability(chains[0].store)
    figures = measure(cases, rounds, workloads.environment())
    for chain in chains:
        # the warm-up and every round: both wrote a log for each task, and our runs are in the store that was asked
        assert chain.logs() == (chain.length * (rounds + 1),) * 2, chain.logs()
        assert machine.recorded(chain.store) == rounds + 1, machine.recorded(chain.store)
    return table.PAGE.format(
        date=datetime.now(UTC).date(),
        version=__version__,
        machine=machine.describe(),
        store=f"SQLite {durable.sqlite}, journal {durable.journal}, synchronous {durable.synchronous}",
        sync=machine.sync_seconds(folder) * 1e3,
        load=f"{load:.1f}",
        rounds=rounds,
        table=table.render(cases, figures),
        no_op=workloads.NO_OP,
        synchronous=durable.synchronous,
        planning=plans,
    )


if __name__ == "__main__":
    main()
