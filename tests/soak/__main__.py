"""`python -m soak`: random runs until the time is over; a table of what they were, and 1 if an invariant was broken."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable

from tabulate import tabulate

from soak.campaign import Finding, examine
from soak.growth import Growth

#: Findings after which there is no point in going on.
ENOUGH = 5


def main() -> int:
    """Soak as the command line says, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make soak ARGS=", description="Random runs; the invariants after each.")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)), help="(default: a new one)")
    parser.add_argument("--minutes", type=float, default=1.0, help="of each kind (default: 1)")
    parser.add_argument("--only", type=int, metavar="K", help="repeat one run of the seed")
    parser.add_argument("--kind", choices=["simulated", "real"], help="only these (default: both)")
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    failed = False
    for kind in [given.kind] if given.kind else ["simulated", "real"]:
        failed |= _soak(kind, given.seed, given.minutes, given.only)
    return int(failed)


def _soak(kind: str, seed: int, minutes: float, only: int | None) -> bool:
    counts: Counter[str] = Counter()
    findings, growth, done = [], Growth(), 0
    one = _examiner(kind)
    until = time.monotonic() + minutes * 60
    while len(findings) < ENOUGH and (time.monotonic() < until if only is None else done == 0):
        if found := one(seed, done if only is None else only, counts):
            findings.append(found)
            print(f"{kind}: {found.label}: {found.violations[0]}", file=sys.stderr, flush=True)
        done += 1
        growth.look()
    violations = [line for found in findings for line in _told(found)] + (growth.violations() if only is None else [])
    print(f"\n{kind}: {done} runs, {len(findings)} of them with a violation; {growth}\n")
    print(tabulate(sorted(counts.items()), headers=["what", "times"], tablefmt="simple"))
    print("\n".join(violations))
    return bool(violations)


def _examiner(kind: str) -> Callable[[int, int, Counter[str]], Finding | None]:
    if kind == "simulated":
        return examine
    from soak.real import examine as examine_really

    return examine_really


def _told(found: Finding) -> list[str]:
    return [f"\n{found.label}", *(f"  {one}" for one in found.violations), *(f"    | {one}" for one in found.smallest)]


if __name__ == "__main__":
    sys.exit(main())
