"""`python -m benchmarks.gate FILE`: every gate with its figure, verdict and aim; exits 1 unless all of them hold."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gates import judge
from benchmarks.results import load
from benchmarks.table import gate_rows, text

USAGE = "usage: python -m benchmarks.gate FILE"


def main(arguments: Sequence[str]) -> int:
    """Judge the file; 64 where there is none to judge."""
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        print(USAGE, file=sys.stderr)
        return 64
    judged = judge(load(Path(arguments[0])))
    print(text(gate_rows(judged)))
    held = [one.holds for one in judged if one.gate.gate is not None]
    print(f"{sum(held)} of {len(held)} gates hold")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
