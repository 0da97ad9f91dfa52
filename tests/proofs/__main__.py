"""`python -m proofs NAME`: what is promised of a run, tried until a figure says how often it did not hold."""

from __future__ import annotations

import sys
from importlib import import_module

#: Every proof is a module of that name with a `main(argv)`; its last line is the figure, its code 1 for any loss.
PROOFS = ("sweep", "powercut", "race", "truncation", "storefaults", "contention", "graphs", "slurm")


def main(argv: list[str]) -> int:
    """Run the proof that is named, or one after the other; 1 when one of them fails."""
    names, options = (argv[:1], argv[1:]) if argv[:1] and argv[0] in PROOFS else (list(PROOFS), argv)
    codes = {}
    for name in names:
        print(f"== {name}", flush=True)
        codes[name] = import_module(f"proofs.{name}").main(options)
    failed = [name for name, code in codes.items() if code]
    print(f"not held: {', '.join(failed)}" if failed else "all held")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
